"""Task outputs, a padding policy and a target become a score table with named columns, or feature blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import attrs
import numpy as np

from taskfusion.cases import Target
from taskfusion.errors import ContractError, DataError
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, Instances, ScoreTable
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.padding import Padding, Slots

# What to make of an answer that a task did not give, per task: refuse the case, leave it to the fuser (which knows the
# training split's medians, or leaves it out), or put "undecided" or "nothing" there.
Policy = Literal["optional", "required", "neutral", "zero"]
MISSING_POLICIES: tuple[str, ...] = get_args(Policy)
_SCORE_FILL = {"neutral": 0.5, "zero": 0.0}
_FEATURE_FILL = {"zero": 0.0}


@attrs.frozen
class Assembler:
    """How task outputs become fusion input.

    Attributes:
        target: which detection labels count.
        detections: slots per view.
        padding: what stands in a slot without a detection.
        with_features: whether feature blocks come along.
        with_instances: whether every answer comes along, ragged.
        missing: per task one of ``MISSING_POLICIES``; ``optional`` where a task is not named.
        fitted: per task of level detection a padding that learned from the training split; else ``padding``.
    """

    target: Target
    detections: int = attrs.field(validator=(attrs.validators.instance_of(int), attrs.validators.ge(1)))
    padding: Padding
    with_features: bool = False
    with_instances: bool = False
    missing: Mapping[str, str] = attrs.field(factory=dict)
    fitted: Mapping[str, Padding] = attrs.field(factory=dict)

    def fit(self, outputs: Mapping[str, TaskOutput], truth: Array) -> Assembler:
        """The same with paddings that learned from these cases, truth ``(cases,)`` of 0 and 1."""
        found = {task: output for task, output in outputs.items() if output.spec.level is Level.DETECTION}
        fitted = {task: self.padding.fit(self.slots(output), truth) for task, output in found.items()}
        return attrs.evolve(self, fitted=fitted)

    def __call__(self, outputs: Mapping[str, TaskOutput]) -> FusionInput:
        """Join the outputs of several tasks about the same cases.

        Raises:
            ContractError: when the outputs are about different cases, or features are asked for and none exist.
            DataError: when a task that is ``required`` gave no answer about a case, or by padding ``error``.
        """
        cases = same_cases(outputs)
        slots = {task: self._filled(task, output) for task, output in outputs.items()}
        tables = [self._scores(task, output, slots[task]) for task, output in outputs.items()]
        features = {task: self._features(task, output, slots[task]) for task, output in self.seen(outputs).items()}
        found = {task: instances_of(out, self.target) for task, out in outputs.items()} if self.with_instances else {}
        return FusionInput(cases, side_by_side(tables), features, {t: o.spec.level for t, o in outputs.items()}, found)

    def seen(self, outputs: Mapping[str, TaskOutput]) -> dict[str, TaskOutput]:
        """The outputs whose features are wanted; raises ContractError where some are and there are none."""
        seen = {task: output for task, output in outputs.items() if self.with_features and output.spec.feature_size}
        if self.with_features and not seen:
            raise ContractError(f"none of the tasks {', '.join(outputs)} has features; use a score fuser")
        return seen

    def slots(self, output: TaskOutput) -> Slots:
        """The top detections, gaps not filled."""
        return top_detections(output, self.target, self.detections)

    def _filled(self, task: str, output: TaskOutput) -> Slots | None:
        if output.spec.level is not Level.DETECTION:
            return None
        return self.fitted.get(task, self.padding).fill(self.slots(output))

    def _scores(self, task: str, output: TaskOutput, slots: Slots | None) -> ScoreTable:
        policy = self.missing.get(task, "optional")
        if policy == "required":
            _refuse_absent(task, output)
        values = np.asarray(output.scores if slots is None else slots.scores)
        cells = output.present.reshape(*output.present.shape, *[1] * (values.ndim - output.present.ndim))
        columns = tuple(column_names(task, output, self.detections))
        values = np.where(cells, values, _SCORE_FILL.get(policy, np.nan)).reshape(len(output), len(columns))
        gaps = np.zeros(values.shape, bool) if slots is None else slots.gaps.reshape(values.shape)
        return ScoreTable(columns, values, gaps)

    def _features(self, task: str, output: TaskOutput, slots: Slots | None) -> Array:
        """``(cases, channels, feature_size)``: channels are branches, views, or views x slots."""
        fill = _FEATURE_FILL.get(self.missing.get(task, "optional"), np.nan)
        n, spec = len(output), output.spec
        if slots is not None:
            assert slots.features is not None  # spec.feature_size > 0 and check_output has seen to that
            block = np.where(output.present[..., None, None], slots.features, fill)
            return block.reshape(n, len(spec.views) * self.detections, spec.feature_size)
        assert output.features is not None  # likewise
        block = np.where(output.present[..., None], output.features, fill)
        return block.reshape(n, *channels_of(spec))


def channels_of(spec: TaskSpec) -> tuple[int, int]:
    """Channels and feature size of the block of a task of level case or view."""
    if spec.level is Level.VIEW:
        return len(spec.views), spec.feature_size
    return spec.feature_channels, spec.feature_size // spec.feature_channels


def side_by_side(tables: Sequence[ScoreTable]) -> ScoreTable:
    """One table with the columns of all."""
    return ScoreTable(
        tuple(name for table in tables for name in table.columns),
        np.concatenate([table.values for table in tables], axis=1),
        np.concatenate([table.gaps for table in tables], axis=1),
    )


def _refuse_absent(task: str, output: TaskOutput) -> None:
    absent = np.argwhere(~output.present)
    if not len(absent):
        return
    cases = list(dict.fromkeys(output.cases[row[0]] for row in absent))
    view = f", view {output.spec.views[absent[0][1]]!r}" if absent.shape[1] == 2 else ""
    raise DataError(
        f"task {task!r} is required, and gave no answer about {len(cases)} of {len(output)} cases: "
        f"{cases[0]!r}{view}{', …' if len(absent) > 1 else ''}; leave them out, or set missing: {{{task}: optional}}"
    )


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
    order, cell = _ranked(output, target)
    spec, found = output.spec, output.detections
    assert found is not None  # _ranked has refused that
    rank = np.arange(len(order)) - np.searchsorted(cell, cell)
    keep, cell, rank = order[rank < n], cell[rank < n], rank[rank < n]
    shape = (len(output), len(spec.views), n)
    rows = np.full((len(output) * len(spec.views), n), -1, np.int64)
    rows[cell, rank] = keep
    rows = rows.reshape(shape)
    filled = rows >= 0
    scores = np.zeros(shape, np.float32)
    scores[filled] = found.scores[rows[filled]]
    features = None
    if found.features is not None:
        features = np.zeros((*shape, found.features.shape[1]), np.float32)
        features[filled] = found.features[rows[filled]]
    return Slots(scores, filled, features, found.background, output.present, rows, (output.cases, spec.views))


def _ranked(output: TaskOutput, target: Target) -> tuple[Array, Array]:
    """Rows of the detections that count, best first within each (case, view) cell, and their cells, ascending."""
    found, spec = output.detections, output.spec
    if found is None:
        raise ContractError("a task of level detection gave no detections")
    cell_of = np.repeat(np.arange(len(output) * len(spec.views)), found.counts())
    looked = output.present.ravel()[cell_of]
    rows = np.flatnonzero(target.counts(spec.classes)[found.labels] & np.isfinite(found.scores) & looked)
    order = rows[np.lexsort((found.labels[rows], *found.boxes[rows].T, -found.scores[rows], cell_of[rows]))]
    return order, cell_of[order]


def instances_of(output: TaskOutput, target: Target) -> Instances:
    """Every answer of a task as instances, whatever its level.

    A case-level feature of several channels is an instance a channel. Of detections all that count for the target are
    instances, and each view that was looked at has one more, of score 0 with the background feature (zeros where the
    task has none): it tells "looked and found nothing" from "not looked".
    """
    if output.spec.level is Level.DETECTION:
        return _instances_of_detections(output, target)
    spec, n = output.spec, len(output)
    assert output.scores is not None  # check_output has seen to that
    count, size = channels_of(spec)
    at_case = spec.level is Level.CASE  # a case's one answer stands for each of its channels
    present = np.broadcast_to(output.present[:, None] if at_case else output.present, (n, count))
    scores = output.scores[:, None] if at_case else output.scores
    scores = np.broadcast_to(scores, (n, count, len(spec.classes)))
    features = None
    if spec.feature_size and output.features is not None:
        features = output.features.reshape(n, count, size)[present]
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return Instances(offsets, scores[present], np.nonzero(present)[1], features, count)


def _instances_of_detections(output: TaskOutput, target: Target) -> Instances:
    found, spec = output.detections, output.spec
    order, cell = _ranked(output, target)
    assert found is not None  # _ranked has refused that
    looked = np.flatnonzero(output.present.ravel())
    where = np.argsort(np.concatenate([cell, looked]), kind="stable")  # a view's detections, then its background
    scores = np.zeros((len(where), len(spec.classes)), np.float32)
    scores[np.arange(len(order)), found.labels[order]] = found.scores[order]
    cells = np.concatenate([cell, looked])[where]
    features = None
    if found.features is not None:
        empty = np.zeros((len(looked), found.features.shape[1]), np.float32)
        behind = (
            empty if found.background is None else np.nan_to_num(found.background.reshape(-1, empty.shape[1])[looked])
        )
        features = np.concatenate([found.features[order], behind])[where]
    counts = np.bincount(cells // max(len(spec.views), 1), minlength=len(output))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Instances(offsets, scores[where], cells % max(len(spec.views), 1), features, len(spec.views))


def same_cases(outputs: Mapping[str, TaskOutput]) -> tuple[str, ...]:
    """The cases that all these outputs are about; raises ContractError where they are not the same."""
    if not outputs:
        raise ContractError("nothing to fuse: no task outputs")
    all_cases = {output.cases for output in outputs.values()}
    if len(all_cases) > 1:
        raise ContractError(f"the tasks {', '.join(outputs)} answered about different cases")
    return next(iter(all_cases))


def missing_of(outputs: Mapping[str, TaskOutput]) -> list[tuple[str, ...]]:
    """Per case the inputs without an answer: ``density``, ``findings/L-CC`` …"""
    cases = same_cases(outputs)
    missing: list[list[str]] = [[] for _ in cases]
    for task, output in outputs.items():
        views: Sequence[str] = output.spec.views
        for index in np.argwhere(~output.present):
            missing[index[0]].append(task if len(index) == 1 else f"{task}/{views[index[1]]}")
    return [tuple(names) for names in missing]
