"""Task outputs, a padding policy and a target become a score table with named columns, or feature blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from taskfusion.cases import Target
from taskfusion.errors import ContractError
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput
from taskfusion.padding import Padding, Slots


@attrs.frozen(eq=False)
class ScoreTable:
    """``values`` is ``(cases, columns)``; NaN where a task gave no answer (``missing`` is True there)."""

    columns: tuple[str, ...]
    values: Array

    @property
    def missing(self) -> Array:
        """``(cases, columns)``, True where a task gave no answer."""
        return np.isnan(self.values)


@attrs.frozen(eq=False)
class FusionInput:
    """What a fuser sees of some cases.

    Attributes:
        cases: ids.
        scores: the score table.
        features: per task ``(cases, channels, feature_size)``, NaN where a task gave no answer; empty unless asked for.
        levels: the level of each task in ``features``.
    """

    cases: tuple[str, ...]
    scores: ScoreTable
    features: Mapping[str, Array] = attrs.field(factory=dict)
    levels: Mapping[str, Level] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.cases)


@attrs.frozen
class Assembler:
    """How task outputs become fusion input: slots per view, padding, target, and whether features come along."""

    target: Target
    detections: int
    padding: Padding
    with_features: bool = False

    def __call__(self, outputs: Mapping[str, TaskOutput]) -> FusionInput:
        """Join the outputs of several tasks about the same cases.

        Raises:
            ContractError: when the outputs are about different cases, or features are asked for and none exist.
        """
        cases = _same_cases(outputs)
        names: list[str] = []
        columns: list[Array] = []
        features: dict[str, Array] = {}
        for task, output in outputs.items():
            slots = self._slots(output)
            names += column_names(task, output, self.detections)
            columns.append(_score_columns(output, slots))
            if self.with_features and output.spec.feature_size:
                features[task] = _feature_block(output, slots)
        if self.with_features and not features:
            raise ContractError(f"none of the tasks {', '.join(outputs)} has features; use a score fuser")
        table = ScoreTable(tuple(names), np.concatenate(columns, axis=1))
        return FusionInput(cases, table, features, {task: outputs[task].spec.level for task in features})

    def _slots(self, output: TaskOutput) -> Slots | None:
        if output.spec.level is not Level.DETECTION:
            return None
        return self.padding.fill(top_detections(output, self.target, self.detections))


def column_names(task: str, output: TaskOutput, detections: int) -> list[str]:
    """``density/dense``, ``findings/L-CC``, ``localization/L-CC/1``; several classes of a view get a name each."""
    spec = output.spec
    if spec.level is Level.CASE:
        return [f"{task}/{name}" for name in spec.classes]
    if spec.level is Level.DETECTION:
        return [f"{task}/{view}/{rank + 1}" for view in spec.views for rank in range(detections)]
    if len(spec.classes) == 1:
        return [f"{task}/{view}" for view in spec.views]
    return [f"{task}/{view}/{name}" for view in spec.views for name in spec.classes]


def top_detections(output: TaskOutput, target: Target, n: int) -> Slots:
    """The n best-scored detections per view among the labels that count; ties are settled by the box, not the order."""
    found, spec = output.detections, output.spec
    if found is None:
        raise ContractError("a task of level detection gave no detections")
    cells = len(output) * len(spec.views)
    cell_of = np.repeat(np.arange(cells), found.counts())
    rows = np.flatnonzero(target.counts(spec.classes)[found.labels] & np.isfinite(found.scores))
    order = rows[np.lexsort((*found.boxes[rows].T, -found.scores[rows], cell_of[rows]))]
    cell = cell_of[order]
    rank = np.arange(len(order)) - np.searchsorted(cell, cell)
    keep, cell, rank = order[rank < n], cell[rank < n], rank[rank < n]
    shape = (len(output), len(spec.views), n)
    scores, filled = np.zeros((cells, n), np.float32), np.zeros((cells, n), bool)
    scores[cell, rank], filled[cell, rank] = found.scores[keep], True
    if found.features is None:
        return Slots(scores.reshape(shape), filled.reshape(shape), None, found.background)
    features = np.zeros((cells, n, found.features.shape[1]), np.float32)
    features[cell, rank] = found.features[keep]
    return Slots(scores.reshape(shape), filled.reshape(shape), features.reshape(*shape, -1), found.background)


def _same_cases(outputs: Mapping[str, TaskOutput]) -> tuple[str, ...]:
    if not outputs:
        raise ContractError("nothing to fuse: no task outputs")
    all_cases = {output.cases for output in outputs.values()}
    if len(all_cases) > 1:
        raise ContractError(f"the tasks {', '.join(outputs)} answered about different cases")
    return next(iter(all_cases))


def _score_columns(output: TaskOutput, slots: Slots | None) -> Array:
    absent = ~output.present
    if slots is None:
        assert output.scores is not None  # check_output has seen to that
        return np.where(absent[..., None], np.nan, output.scores).reshape(len(output), -1)
    return np.where(absent[..., None], np.nan, slots.scores).reshape(len(output), -1)


def _feature_block(output: TaskOutput, slots: Slots | None) -> Array:
    """``(cases, channels, feature_size)``: channels are branches, views, or views x slots."""
    n, absent, spec = len(output), ~output.present, output.spec
    if slots is not None:
        assert slots.features is not None  # spec.feature_size > 0 and check_output has seen to that
        block = np.where(absent[..., None, None], np.nan, slots.features)
        return block.reshape(n, -1, spec.feature_size)
    assert output.features is not None
    block = np.where(absent[..., None], np.nan, output.features)
    if spec.level is Level.CASE:
        return block.reshape(n, spec.feature_channels, -1)
    return block.reshape(n, len(spec.views), spec.feature_size)


def missing_of(outputs: Mapping[str, TaskOutput]) -> list[tuple[str, ...]]:
    """Per case the inputs without an answer: ``density``, ``findings/L-CC`` …"""
    cases = _same_cases(outputs)
    missing: list[list[str]] = [[] for _ in cases]
    for task, output in outputs.items():
        views: Sequence[str] = output.spec.views
        for index in np.argwhere(~output.present):
            missing[index[0]].append(task if len(index) == 1 else f"{task}/{views[index[1]]}")
    return [tuple(names) for names in missing]
