"""The contract of a task model: what a plugin author writes."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs

from taskfusion.cases import Case, Cohort
from taskfusion.files import read_json, write_json, write_text
from taskfusion.images import short_hash
from taskfusion.outputs import TaskOutput, TaskSpec
from taskfusion.progress import Progress
from taskfusion.tasks.diagnostics import About, Curve, HeatMap
from taskfusion.training.options import TrainingOptions

CARD = "model_card.md"


@attrs.frozen
class FitContext:
    """What training gets from outside.

    Attributes:
        seed: everything random follows from it.
        progress: where to tell how far it is.
        folder: scratch for what lets a killed training go on; None keeps nothing. Tasks of one class share it, so a
            file's name must tell configuration, seed and data.
        training: how networks are trained; what a task does without a network need not look at it.
        logs: folder for TensorBoard, where ``training`` asks for its logs.
    """

    seed: int = 0
    progress: Progress = attrs.field(factory=Progress)
    folder: Path | None = None
    training: TrainingOptions = attrs.field(factory=TrainingOptions)
    logs: Path | None = None


class TaskModel(ABC):
    """A model trained for one task; it scores cases, views or detections.

    A subclass names its configuration (an attrs class, every field with a default) and, if it likes, presets.
    The constructor only stores; ``fit`` trains, ``predict`` answers, ``save_weights``/``load_weights`` keep data,
    never code. Training sees ``cohort.part("train")`` and ``cohort.part("validation")`` only (law 3).

    Attributes:
        seen_patients: marks of the patients it was trained on, written by the pipeline that trains it; None where
            nobody knows.
        card: its model card (Markdown), written by the pipeline that trains it and saved with it; "" without one.
        about: what the class is for, for model cards.
    """

    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    about: ClassVar[About] = About()
    version: ClassVar[int] = 1  # raise it when the same weights would answer differently

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config
        self.seen_patients: frozenset[str] | None = None
        self.card = ""

    @property
    @abstractmethod
    def spec(self) -> TaskSpec:
        """What the answers look like; may depend on the configuration and, where it must, on training."""

    @property
    @abstractmethod
    def is_fitted(self) -> bool:
        """Whether ``predict`` can be called."""

    @abstractmethod
    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on the train split, choose on the validation split; overwrite any earlier training."""

    @abstractmethod
    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Answer about these cases, in this order. Called with chunks of a cohort; must not depend on the chunk."""

    @abstractmethod
    def save_weights(self, folder: Path) -> None:
        """Write what was learned into an existing empty folder, as data (``.keras``, ``.npz``, JSON, skops)."""

    @abstractmethod
    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""

    def summary(self) -> Mapping[str, Any]:
        """Numbers worth showing about the training (JSON data): epochs, validation AUC …"""
        return {}

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """How good the task's own answers about these cases are, by its own standard: ``{"AUC per view": 0.83}``.

        ``output`` and ``cohort`` are about the same cases in the same order. Empty where the truth is not known.
        """
        return {}

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """ROC and FROC curves of the task's own answers, for the report; arguments as for :meth:`metrics`."""
        return ()

    def heat_maps(self, case: Case) -> Mapping[str, HeatMap]:
        """Per view where the task saw something, for the case's page; empty where it cannot say."""
        return {}

    def fingerprint(self, sources: Callable[[], str] | None = None) -> str:
        """Identifies the answers: class, version, configuration, and what ``sources`` says it was trained on."""
        trained_on = sources() if sources is not None else ""
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return short_hash(kind, self.version, json.dumps(config_data(self.config), sort_keys=True), trained_on)

    def save(self, folder: Path) -> None:
        """Write configuration and weights into an existing empty folder."""
        write_json(folder / "config.json", config_data(self.config))
        if self.is_fitted:
            weights = folder / "weights"
            weights.mkdir()
            self.save_weights(weights)
            write_json(folder / "summary.json", dict(self.summary()))
        if self.seen_patients is not None:
            write_json(folder / "seen.json", sorted(self.seen_patients))
        if self.card:
            write_text(folder / CARD, self.card)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild what :meth:`save` wrote."""
        from taskfusion.configs import structure

        task = cls(structure(cls.Config, read_json(folder / "config.json"), str(folder / "config.json")))
        if (folder / "weights").is_dir():
            task.load_weights(folder / "weights")
        if (folder / "seen.json").is_file():
            task.seen_patients = frozenset(read_json(folder / "seen.json"))
        if (folder / CARD).is_file():
            task.card = (folder / CARD).read_text(encoding="utf-8")
        return task


def config_data(config: Any) -> Any:
    """A configuration as plain JSON data."""
    from taskfusion.configs import unstructure

    return unstructure(config)
