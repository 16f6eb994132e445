"""What a task says of many cases: columnar, ragged for detections, checked where it enters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import attrs
import numpy as np

from taskfusion.cases import check_boxes, integers, xyxy
from taskfusion.errors import ContractError, DataError
from taskfusion.images import Array


class Level(StrEnum):
    """What one answer of a task is about."""

    CASE = "case"
    VIEW = "view"
    DETECTION = "detection"


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen
class TaskSpec:
    """What a task declares about its answers.

    Attributes:
        level: what one answer is about.
        classes: names of the score columns (of the detection labels at level detection).
        views: the views it looks at, in the order of its arrays; empty for a task without views.
        feature_size: length of a feature vector; 0 means the task has none.
        feature_channels: a case-level feature is this many vectors side by side (four branches, say).
        background: at level detection, whether a background feature per view comes along.
    """

    level: Level = attrs.field(converter=Level)
    classes: tuple[str, ...] = attrs.field(converter=_names)
    views: tuple[str, ...] = attrs.field(converter=_names, default=())
    feature_size: int = 0
    feature_channels: int = 1
    background: bool = False


def ragged_rows(offsets: Array, cells: Array) -> tuple[Array, Array]:
    """The offsets of these cells one after the other, and the rows they consist of."""
    counts = np.diff(offsets)[cells]
    chosen = np.concatenate([[0], np.cumsum(counts)])
    return chosen, np.repeat(offsets[cells] - chosen[:-1], counts) + np.arange(chosen[-1])


def _float(values: object) -> Array:
    return np.asarray(values, np.float32)


def _booleans(values: object) -> Array:
    return np.asarray(values, bool)


def _optional_float(values: object) -> Array | None:
    return None if values is None else _float(values)


@attrs.frozen(eq=False)
class Detections:
    """Ragged detections of many cases: the rows of case ``i``, view ``j`` are ``offsets[i*V+j]:offsets[i*V+j+1]``.

    Attributes:
        offsets: ``(cases * views + 1,)`` ascending, from 0 to the number of detections.
        boxes: ``(detections, 4)`` xyxy in pixels of the view as read.
        labels: ``(detections,)`` indices into the task's classes.
        scores: ``(detections,)`` in [0, 1].
        features: ``(detections, feature_size)`` or None.
        background: ``(cases, views, feature_size)`` or None.
    """

    offsets: Array = attrs.field(converter=integers)
    boxes: Array = attrs.field(converter=xyxy)
    labels: Array = attrs.field(converter=integers)
    scores: Array = attrs.field(converter=_float)
    features: Array | None = attrs.field(converter=_optional_float, default=None)
    background: Array | None = attrs.field(converter=_optional_float, default=None)

    def __attrs_post_init__(self) -> None:
        total = len(self.scores)
        if len(self.offsets) < 1 or self.offsets[0] != 0 or self.offsets[-1] != total:
            raise ContractError(f"offsets must run from 0 to {total} (the number of scores)")
        if (np.diff(self.offsets) < 0).any():
            raise ContractError("offsets must not descend")
        columns = {"boxes": self.boxes, "labels": self.labels, "features": self.features}
        for name, column in columns.items():
            if column is not None and len(column) != total:
                raise ContractError(f"{name} has {len(column)} rows; expected {total}, one per score")
        check_boxes(self.boxes, "detection")

    def __len__(self) -> int:
        return len(self.scores)

    def counts(self) -> Array:
        """How many detections each (case, view) has, ``(cases * views,)``."""
        return np.diff(self.offsets)

    def of(self, cell: int) -> slice:
        """The rows of one (case, view) cell, ``cell = case * views + view``."""
        return slice(int(self.offsets[cell]), int(self.offsets[cell + 1]))

    def select(self, rows: Array, views: int) -> Detections:
        """Detections of these case rows, in this order."""
        cells = (np.asarray(rows, np.int64)[:, None] * views + np.arange(views)).ravel()
        offsets, index = ragged_rows(self.offsets, cells)
        return Detections(
            offsets,
            self.boxes[index],
            self.labels[index],
            self.scores[index],
            None if self.features is None else self.features[index],
            None if self.background is None else self.background[rows],
        )

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Detections of all parts, one after the other."""
        ends = np.cumsum([0, *(len(part) for part in parts)])
        offsets = [part.offsets[1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
        return Detections(
            np.concatenate([[0], *offsets]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.scores for part in parts]),
            _concatenate_optional([part.features for part in parts]),
            _concatenate_optional([part.background for part in parts]),
        )


@attrs.frozen(eq=False)
class TaskOutput:
    """The answers of one task about many cases.

    Attributes:
        spec: what the task declared.
        cases: ids, ``(cases,)``.
        scores: ``(cases, classes)`` at level case, ``(cases, views, classes)`` at level view, None at detection.
        features: ``(cases, feature_size)`` or ``(cases, views, feature_size)``, None without features.
        present: which answers exist: ``(cases,)`` at level case, else ``(cases, views)``. Scores and features of
            absent answers are NaN; what to do about them is the padding policy's business (law 7).
        detections: at level detection only.
    """

    spec: TaskSpec
    cases: tuple[str, ...] = attrs.field(converter=_names)
    present: Array = attrs.field(converter=_booleans)
    scores: Array | None = attrs.field(converter=_optional_float, default=None)
    features: Array | None = attrs.field(converter=_optional_float, default=None)
    detections: Detections | None = None

    def __len__(self) -> int:
        return len(self.cases)

    def select(self, rows: Array) -> TaskOutput:
        """The output of these case rows, in this order."""
        index = np.asarray(rows, np.int64)
        return TaskOutput(
            self.spec,
            tuple(self.cases[i] for i in index),
            self.present[index],
            None if self.scores is None else self.scores[index],
            None if self.features is None else self.features[index],
            None if self.detections is None else self.detections.select(index, len(self.spec.views)),
        )

    @staticmethod
    def concatenate(parts: Sequence[TaskOutput]) -> TaskOutput:
        """The answers of all parts, one after the other; raises ContractError where they declare different things."""
        if not parts:
            raise ContractError("nothing to concatenate: no task outputs")
        if any(part.spec != parts[0].spec for part in parts):
            raise ContractError("task outputs with different specs cannot be joined")
        detections = [part.detections for part in parts if part.detections is not None]
        return TaskOutput(
            parts[0].spec,
            tuple(name for part in parts for name in part.cases),
            np.concatenate([part.present for part in parts]),
            _concatenate_optional([part.scores for part in parts]),
            _concatenate_optional([part.features for part in parts]),
            Detections.concatenate(detections) if detections else None,
        )


def _concatenate_optional(parts: Sequence[Array | None]) -> Array | None:
    arrays = [part for part in parts if part is not None]
    return np.concatenate(arrays) if len(arrays) == len(parts) else None


def check_output(output: TaskOutput, task: str, cases: Sequence[str]) -> TaskOutput:
    """Hold an output against its own spec; the gate through which every task output enters.

    Raises:
        ContractError: shapes that differ from what the task declared, naming the task and the expected shape.
        DataError: scores outside [0, 1], naming the task, the case and the value.
    """
    if tuple(cases) != output.cases:
        raise ContractError(f"task {task!r} answered about other cases than it was asked, or in another order")
    for name, value, shape in _expected(output):
        if value is None or value.shape != shape:
            found = "nothing" if value is None else str(value.shape)
            raise ContractError(f"task {task!r}: {name} has shape {found}; expected {shape}")
    _check_scores(output, task)
    return output


def _expected(output: TaskOutput) -> list[tuple[str, Array | None, tuple[int, ...]]]:
    spec, n, v = output.spec, len(output), len(output.spec.views)
    cells = (n,) if spec.level is Level.CASE else (n, v)
    checks: list[tuple[str, Array | None, tuple[int, ...]]] = [("present", output.present, cells)]
    if spec.level is not Level.DETECTION:
        checks.append(("scores", output.scores, (*cells, len(spec.classes))))
        if spec.feature_size:
            checks.append(("features", output.features, (*cells, spec.feature_size)))
        return checks
    found = output.detections
    if found is None:
        return [*checks, ("detections", None, (n, v))]
    checks.append(("offsets", found.offsets, (n * v + 1,)))
    if spec.feature_size:
        checks.append(("features", found.features, (len(found), spec.feature_size)))
    if spec.background:
        checks.append(("background", found.background, (n, v, spec.feature_size)))
    return checks


def _check_scores(output: TaskOutput, task: str) -> None:
    found = output.detections
    if found is not None:
        if len(found) and not (found.labels.min() >= 0 and found.labels.max() < len(output.spec.classes)):
            raise ContractError(f"task {task!r}: a detection label lies outside 0..{len(output.spec.classes) - 1}")
        case_of = np.repeat(np.arange(len(found.offsets) - 1) // max(len(output.spec.views), 1), found.counts())
        _refuse_outside(found.scores, case_of, output, task)
        return
    assert output.scores is not None  # _expected has refused None at these levels
    scores = output.scores[output.present]
    case_of = np.nonzero(output.present)[0]
    _refuse_outside(scores, case_of, output, task)


def _refuse_outside(scores: Array, case_of: Array, output: TaskOutput, task: str) -> None:
    bad = ~((scores >= 0) & (scores <= 1))
    if bad.any():
        where = np.argwhere(bad)[0]
        case = output.cases[int(case_of[where[0]])]
        raise DataError(f"task {task!r}, case {case!r}: score {scores[tuple(where)]} outside [0, 1]")
