"""The contract of a fuser: it learns a target from task outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import numpy as np

from taskfusion.configs import structure, unstructure
from taskfusion.engine import LOCAL, Engine
from taskfusion.errors import DataError, SpecError
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.padding import Padding
from taskfusion.progress import Progress


@attrs.frozen(eq=False)
class FusionData:
    """What a fuser learns from.

    Attributes:
        inputs: what it sees of each case.
        truth: ``(cases,)`` of 0 and 1; of a fuser that learns several targets together ``(cases, targets)``, -1 where
            nobody knows.
        groups: ``(cases,)``, the patient of each case.
    """

    inputs: FusionInput
    truth: Array
    groups: Array

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def has_both_classes(self) -> bool:
        """Whether an AUC exists on these cases, for every target."""
        columns = self.truth.reshape(len(self.truth), -1)
        return bool(((columns == 1).any(axis=0) & (columns == 0).any(axis=0)).all())

    def select(self, rows: Array) -> FusionData:
        """These rows, in this order."""
        return FusionData(self.inputs.select(rows), self.truth[rows], self.groups[rows])


@attrs.frozen
class FuseContext:
    """What fitting gets from outside: the seed, where to tell how far it is, and who tries candidates."""

    seed: int = 0
    progress: Progress = attrs.field(factory=Progress)
    engine: Engine = LOCAL

    def sent(self) -> FuseContext:
        """For a worker: silent, and without workers of its own."""
        return FuseContext(self.seed) if self.engine.elsewhere else self


class Fuser(ABC):
    """Learns one target from the outputs of several tasks.

    A subclass names its configuration (an attrs class). The constructor only stores; ``fit`` learns from the training
    split and chooses on the validation split, or by cross-validation over groups where there is none.

    Attributes:
        needs_features: whether it wants feature blocks.
        needs_instances: whether it wants every answer as ragged instances.
        takes_gaps: whether it can leave a slot without a detection out, so that padding ``mask`` may be used.
        learns_together: whether one fit can learn several targets; truth then is ``(cases, targets)``.
    """

    Config: ClassVar[type]
    needs_features: ClassVar[bool] = False
    needs_instances: ClassVar[bool] = False
    takes_gaps: ClassVar[bool] = False
    learns_together: ClassVar[bool] = False

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"

    def fresh(self) -> Self:
        """An untrained fuser of the same configuration."""
        return type(self)(self.config)

    @abstractmethod
    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Learn; never looks at anything but what it is given."""

    @abstractmethod
    def predict(self, inputs: FusionInput) -> Array:
        """The fused score of each case, ``(cases,)`` in [0, 1], finite also where all inputs are missing.

        ``(cases, targets)`` of a fuser that learned several targets together.
        """

    @abstractmethod
    def save_state(self, folder: Path) -> None:
        """Write what was learned into an existing empty folder, as data."""

    @abstractmethod
    def load_state(self, folder: Path) -> None:
        """Read what :meth:`save_state` wrote."""

    def summary(self) -> Mapping[str, Any]:
        """What was chosen, as JSON data."""
        return {}

    def save(self, folder: Path) -> None:
        """Write configuration and state into an existing empty folder."""
        self.save_state(folder)  # first, as it may refuse, and then nothing is left behind
        write_json(folder / "config.json", unstructure(self.config))
        write_json(folder / "summary.json", dict(self.summary()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild what :meth:`save` wrote."""
        fuser = cls(structure(cls.Config, read_json(folder / "config.json"), str(folder / "config.json")))
        fuser.load_state(folder)
        return fuser


def check_fits(name: str, fuser: Fuser, padding: Padding, joint: bool) -> None:
    """Refuse what is asked of a fuser that cannot do it.

    Raises:
        SpecError: gaps left open for a fuser that needs them filled, or joint learning of one that cannot.
    """
    kind = type(fuser).__name__
    if padding.leaves_gaps and not fuser.takes_gaps:
        raise SpecError(f"fuser {name!r}: {kind} cannot leave gaps out, so padding 'mask' is not for it")
    if joint and not fuser.learns_together:
        raise SpecError(f"fuser {name!r}: {kind} learns one target at a time, so joint is not for it")


def require_both_classes(data: FusionData, what: str) -> None:
    """Refuse to learn from cases that all have the same truth."""
    if not data.has_both_classes:
        columns = data.truth.reshape(len(data), -1)
        worst = int(np.argmin(np.minimum((columns == 1).sum(axis=0), (columns == 0).sum(axis=0))))
        positives = int(np.sum(columns[:, worst] == 1))
        raise DataError(f"{what}: {positives} positive of {len(data)} training cases; both classes are needed")
