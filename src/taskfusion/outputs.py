"""What a task says of many cases: columnar, ragged for detections, checked where it enters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import zip_longest

import attrs
import numpy as np

from taskfusion.cases import Case, check_boxes, integers, xyxy
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
        required: inputs (names of views or of metadata) without which it cannot answer about a case; it is not asked
            then, and its answer is absent. All other inputs are optional: the task decides view by view.

    Raises:
        ContractError: where these do not go together.
    """

    level: Level = attrs.field(converter=Level)
    classes: tuple[str, ...] = attrs.field(converter=_names)
    views: tuple[str, ...] = attrs.field(converter=_names, default=())
    feature_size: int = 0
    feature_channels: int = 1
    background: bool = False
    required: tuple[str, ...] = attrs.field(converter=_names, default=())

    def __attrs_post_init__(self) -> None:
        for what, names in (("classes", self.classes), ("views", self.views)):
            if len(set(names)) < len(names):
                raise ContractError(f"task spec: {what} {list(names)} must differ")
        if not self.classes and (self.level is Level.DETECTION or not self.feature_size):
            raise ContractError("task spec: classes are empty; only features at level case or view go without a score")
        if self.level is not Level.CASE and not self.views:
            raise ContractError(f"task spec: level {self.level} needs views")
        if self.feature_size < 0 or self.feature_channels < 1 or self.feature_size % self.feature_channels:
            raise ContractError(
                f"task spec: {self.feature_size} features cannot be {self.feature_channels} channels of equal size"
            )
        if self.background and not (self.level is Level.DETECTION and self.feature_size):
            raise ContractError("task spec: background is for level detection with a feature_size")

    def can_answer(self, case: Case) -> bool:
        """Whether the case has every required input."""
        return all(name in case.views or case.metadata.get(name) is not None for name in self.required)


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

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Every array that is there, those of the detections too, and its name."""
        for part in (self, self.detections):
            for field in () if part is None else attrs.fields(type(part)):
                value = getattr(part, field.name)
                if isinstance(value, np.ndarray):
                    yield field.name, value

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


def absent_output(spec: TaskSpec, cases: Sequence[str]) -> TaskOutput:
    """The output of a task that says nothing about any of these cases."""
    n, cells = len(cases), (len(cases),) if spec.level is Level.CASE else (len(cases), len(spec.views))
    present = np.zeros(cells, bool)
    if spec.level is not Level.DETECTION:
        features = np.full((*cells, spec.feature_size), np.nan) if spec.feature_size else None
        return TaskOutput(spec, cases, present, np.full((*cells, len(spec.classes)), np.nan), features)
    found = Detections(
        np.zeros(n * len(spec.views) + 1),
        np.zeros((0, 4)),
        np.zeros(0),
        np.zeros(0),
        np.zeros((0, spec.feature_size)) if spec.feature_size else None,
        np.full((*cells, spec.feature_size), np.nan) if spec.background else None,
    )
    return TaskOutput(spec, cases, present, detections=found)


def check_output(output: TaskOutput, task: str, cases: Sequence[str]) -> TaskOutput:
    """Hold an output against its own spec; the gate through which every task output enters.

    Raises:
        ContractError: another order of cases than asked, shapes that differ from what the task declared, labels that
            name no class; naming the task, the cases and the expected shape.
        DataError: scores outside [0, 1] or features that are not finite, naming the task, the case and the value.
    """
    _check_cases(output, task, cases)
    for name, value, shape, axes in _expected(output):
        if value is None or value.shape != shape:
            found = "nothing" if value is None else str(value.shape)
            raise ContractError(f"task {task!r}: {name} has shape {found}; expected {shape} ({axes}){_about(output)}")
    _check_scores(output, task)
    _check_features(output, task)
    return output


def _check_cases(output: TaskOutput, task: str, cases: Sequence[str]) -> None:
    if tuple(cases) == output.cases:
        return
    pairs = zip_longest(cases, output.cases, fillvalue="nothing")
    row, (asked, found) = next((k, pair) for k, pair in enumerate(pairs) if pair[0] != pair[1])
    raise ContractError(
        f"task {task!r} answered about other cases than it was asked, or in another order: "
        f"row {row} is {found!r}, expected {asked!r}"
    )


def _about(output: TaskOutput) -> str:
    """`` for case 'a'``, `` for cases 'a' to 'c'``."""
    if not len(output):
        return ""
    first, last = output.cases[0], output.cases[-1]
    return f" for case {first!r}" if first == last else f" for cases {first!r} to {last!r}"


def _expected(output: TaskOutput) -> list[tuple[str, Array | None, tuple[int, ...], str]]:
    """Name, value, expected shape and what the axes are."""
    spec, n, v = output.spec, len(output), len(output.spec.views)
    at_case = spec.level is Level.CASE
    cells, axes = ((n,), "cases") if at_case else ((n, v), "cases, views")
    checks: list[tuple[str, Array | None, tuple[int, ...], str]] = [("present", output.present, cells, axes)]
    if spec.level is not Level.DETECTION:
        checks.append(("scores", output.scores, (*cells, len(spec.classes)), f"{axes}, classes"))
        if spec.feature_size:
            checks.append(("features", output.features, (*cells, spec.feature_size), f"{axes}, feature_size"))
        return checks
    found = output.detections
    if found is None:
        return [*checks, ("detections", None, (n, v), axes)]
    checks.append(("offsets", found.offsets, (n * v + 1,), "cases * views + 1"))
    if spec.feature_size:
        checks.append(("features", found.features, (len(found), spec.feature_size), "detections, feature_size"))
    if spec.background:
        checks.append(("background", found.background, (n, v, spec.feature_size), f"{axes}, feature_size"))
    return checks


def _check_scores(output: TaskOutput, task: str) -> None:
    found = output.detections
    if output.spec.level is not Level.DETECTION or found is None:
        assert output.scores is not None  # _expected has refused None at these levels
        scores, case_of = output.scores[output.present], np.nonzero(output.present)[0]
    else:
        scores, case_of = found.scores, _case_of_detections(output, found)
        wrong = np.flatnonzero((found.labels < 0) | (found.labels >= len(output.spec.classes)))
        if len(wrong):
            raise ContractError(
                f"task {task!r}, case {output.cases[int(case_of[wrong[0]])]!r}: a detection label is "
                f"{found.labels[wrong[0]]}; expected 0..{len(output.spec.classes) - 1}"
            )
    _refuse(~((scores >= 0) & (scores <= 1)), (scores, case_of), output, (task, "score {} outside [0, 1]"))


def _check_features(output: TaskOutput, task: str) -> None:
    """Features of the answers that are there must be numbers; of absent ones nobody asks."""
    blocks: list[tuple[Array, Array]] = []
    if output.features is not None:
        blocks.append((output.features[output.present], np.nonzero(output.present)[0]))
    found = output.detections
    if found is not None and found.features is not None:
        blocks.append((found.features, _case_of_detections(output, found)))
    if found is not None and found.background is not None:
        blocks.append((found.background[output.present], np.nonzero(output.present)[0]))
    for values, case_of in blocks:
        _refuse(~np.isfinite(values), (values, case_of), output, (task, "feature {} is not finite"))


def _case_of_detections(output: TaskOutput, found: Detections) -> Array:
    return np.repeat(np.arange(len(found.offsets) - 1) // max(len(output.spec.views), 1), found.counts())


def _refuse(bad: Array, where: tuple[Array, Array], output: TaskOutput, say: tuple[str, str]) -> None:
    values, case_of = where
    if bad.any():
        place = np.argwhere(bad)[0]
        case = output.cases[int(case_of[place[0]])]
        raise DataError(f"task {say[0]!r}, case {case!r}: {say[1].format(values[tuple(place)])}")
