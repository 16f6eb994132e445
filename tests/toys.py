"""Tasks that answer from numbers in the case's metadata, so tests know what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, Target
from taskfusion.files import read_json, write_json
from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.readers import CohortReader
from taskfusion.tasks.base import FitContext, TaskModel

VIEWS = ("L", "R")
FEATURES = 8
CALLS: list[tuple[str, int]] = []  # what was asked of the toys: (task, cases); tests clear it


def toy_cohort(cases: int = 120, seed: int = 0) -> Cohort:
    """Cases with a hidden severity that every toy task sees a part of."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=cases)
    made = [Case(f"c{i:03d}", {}, {"severity": float(s), "noise": i}, f"g{i // 2}") for i, s in enumerate(severity)]
    split = np.array(["train", "train", "train", "validation", "test", "test"])[(np.arange(cases) // 2) % 6]
    labels = {"ill": (severity > 0).astype(int), "bad": (severity > 0.7).astype(int)}
    targets = {"ill": Target("ill"), "bad": Target("bad", ("bad",), "the bad kind")}
    return Cohort("toy", made, VIEWS, labels, targets, split, notice="TOY DATA")


@attrs.frozen
class ToyConfig:
    """``noise`` hides the severity; ``size`` is a knob to fingerprint."""

    noise: float = 1.0
    size: int = 1


class _Toy(TaskModel):
    Config = ToyConfig
    level = Level.CASE

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._offset: float | None = None

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.CASE, ("ill",), (), 2 * FEATURES, 2)

    @property
    def is_fitted(self) -> bool:
        return self._offset is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        CALLS.append((f"fit {type(self).__name__}", len(cohort.rows("train"))))
        with context.progress.step("toy", total=1) as bar:
            self._offset = float(np.mean([case.metadata["severity"] for case in cohort.part("train").cases]))
            bar.advance(1, loss=0.5)
        return self

    def save_weights(self, folder: Path) -> None:
        write_json(folder / "offset.json", self._offset)

    def load_weights(self, folder: Path) -> None:
        self._offset = read_json(folder / "offset.json")

    def summary(self) -> Mapping[str, Any]:
        return {"offset": self._offset}

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        return {"cases": float(len(output))}

    def _seen(self, cases: Sequence[Case], cells: int, salt: int) -> np.ndarray:
        """``(cases, cells)``: severity with noise that depends on the case alone."""
        CALLS.append((type(self).__name__, len(cases)))
        rows = []
        for case in cases:
            rng = np.random.default_rng((int(case.metadata["noise"]), salt))
            rows.append(case.metadata["severity"] + self.config.noise * rng.normal(size=cells))
        return np.array(rows).reshape(len(cases), cells)


def _score(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _features(values: np.ndarray, size: int = FEATURES) -> np.ndarray:
    return values[..., None] * np.linspace(0.5, 1.5, size)


class CaseToy(_Toy):
    """Level case."""

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        seen = self._seen(cases, 1, 1)
        present = np.array(["no case" not in case.metadata for case in cases])
        scores = np.where(present[:, None], _score(seen), np.nan)
        return TaskOutput(self.spec, [c.id for c in cases], present, scores, _features(seen[:, 0], 2 * FEATURES))


class ViewToy(_Toy):
    """Level view."""

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.VIEW, ("ill",), VIEWS, FEATURES)

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        seen = self._seen(cases, len(VIEWS), 2)
        present = np.array([[view not in case.metadata.get("hidden", "") for view in VIEWS] for case in cases])
        scores = np.where(present, _score(seen), np.nan)[..., None]
        return TaskOutput(self.spec, [c.id for c in cases], present, scores, _features(seen))


class DetectionToy(_Toy):
    """Level detection: as many detections as the severity is high."""

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.DETECTION, ("mild", "bad"), VIEWS, FEATURES, background=True)

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        seen = self._seen(cases, len(VIEWS), 3)
        counts = np.clip(np.round(seen + 1), 0, 4).astype(int).ravel()
        values = np.repeat(seen.ravel(), counts)
        rank = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
        boxes = np.stack([rank, rank, rank + 5, rank + 5], axis=1)
        found = Detections(
            np.concatenate([[0], np.cumsum(counts)]),
            boxes,
            (values > 0.7).astype(int),
            _score(values - 0.3 * rank),
            _features(values),
            _features(seen * 0 - 1),
        )
        present = np.ones((len(cases), len(VIEWS)), bool)
        return TaskOutput(self.spec, [c.id for c in cases], present, detections=found)


@attrs.frozen
class ToyReaderConfig:
    """``cases`` of the toy cohort."""

    cases: int = 120


class ToyReader(CohortReader):
    """The toy cohort as a reader."""

    Config = ToyReaderConfig

    def read(self, progress: Any) -> Cohort:
        return toy_cohort(self.config.cases)


@hookimpl
def taskfusion_tasks() -> list[Entry]:
    return [
        Entry("case_toy", "toys:CaseToy", "level case"),
        Entry("view_toy", "toys:ViewToy", "level view"),
        Entry("detection_toy", "toys:DetectionToy", "level detection"),
    ]


@hookimpl
def taskfusion_readers() -> list[Entry]:
    return [Entry("toy", "toys:ToyReader", "numbers")]
