"""What a pipeline says: one row a case, and for each case every sub-result it came from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.assembly import missing_of
from taskfusion.errors import UnknownNameError
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Level, TaskOutput
from taskfusion.pipeline.fusing import FittedFuser
from taskfusion.pipeline.why import Contributions, contributions
from taskfusion.store import in_memory

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str]  # fuser, target
AT_ONCE = 1000  # cases up to which contributions are computed for all as soon as one is looked at


@attrs.frozen
class CaseResult:
    """Everything about one case. What depends on the fuser is ``[target][fuser]``.

    Attributes:
        id: the case.
        fused: the fused score in [0, 1].
        tasks: per task its own scores: ``{class: score}`` at level case, ``{view: {class: score}}`` at level view, a
            list of ``{view, label, score, box}`` at level detection (boxes xyxy in the view's own pixels, best first).
            Answers that are not there are left out.
        missing: inputs without an answer, such as ``findings/L-CC``.
        filled: per column that had nothing of its own, what was done: ``{"localization/L-CC/2": "padding zero"}``.
        used: per task of level detection the boxes the fuser looked at, as in ``tasks``.
        contributions: what each task added to the score, largest first, and ``base``, the score when nothing is
            known; together they add up to the score (Shapley values).
        problems: per task why it could not answer, where the input could not be read.
    """

    id: str
    fused: Mapping[str, Mapping[str, float]]
    tasks: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    filled: Mapping[str, Mapping[str, Mapping[str, str]]] = attrs.field(factory=dict)
    used: Mapping[str, Mapping[str, Mapping[str, Any]]] = attrs.field(factory=dict)
    contributions: Mapping[str, Mapping[str, Mapping[str, float]]] = attrs.field(factory=dict)
    problems: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Result:
    """The answers about some cases.

    Attributes:
        cases: ids.
        scores: ``scores[fuser, target]`` is ``(cases,)``.
        outputs: the tasks' own answers.
        notice: a warning of the cohort the pipeline learned from.
        fitted: what gave the scores.
        problems: (case, task) to why the task could not answer.
    """

    cases: tuple[str, ...]
    scores: Mapping[Key, Array]
    outputs: Mapping[str, TaskOutput]
    notice: str = ""
    fitted: Mapping[Key, FittedFuser] = attrs.field(factory=dict)
    problems: Mapping[tuple[str, str], str] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def missing(self) -> list[tuple[str, ...]]:
        """Per case the inputs without an answer (law 7)."""
        return missing_of(self.outputs)

    @functools.cached_property
    def inputs(self) -> Mapping[Key, FusionInput]:
        """What each fuser saw."""
        return {key: fitted.inputs(self.outputs) for key, fitted in self.fitted.items()}

    @functools.cached_property
    def contributions(self) -> Mapping[Key, Contributions]:
        """What each task added to each score; computed for all cases at once, when first asked for."""
        return {key: contributions(fitted.scores, self.inputs[key]) for key, fitted in self.fitted.items()}

    @property
    def table(self) -> pd.DataFrame:
        """One row a case: fused scores (named by target, or fuser/target where there are several fusers), missing."""
        import pandas as pd

        several = len({fuser for fuser, _ in self.scores}) > 1
        columns: dict[str, Any] = {"case": self.cases}
        columns |= {f"{fuser}/{target}" if several else target: s for (fuser, target), s in self.scores.items()}
        columns["missing"] = [", ".join(names) for names in self.missing]
        return pd.DataFrame(columns)

    @property
    def contribution_table(self) -> pd.DataFrame:
        """One row per case, fuser and target: ``case, fuser, target, score, base`` and a column per task."""
        import pandas as pd

        frames = []
        for (fuser, target), found in self.contributions.items():
            what = {"case": self.cases, "fuser": fuser, "target": target}
            numbers = {"score": self.scores[fuser, target], "base": found.base}
            frames.append(pd.DataFrame({**what, **numbers, **dict(zip(found.tasks, found.values.T, strict=True))}))
        return pd.concat(frames, ignore_index=True)

    def __getitem__(self, case: str) -> CaseResult:
        """All sub-results of one case; raises UnknownNameError for a case that was not asked about."""
        if case not in self.cases:
            raise UnknownNameError.of("case", case, self.cases)
        row = self.cases.index(case)
        return CaseResult(
            case,
            _by_target({key: float(scores[row]) for key, scores in self.scores.items()}),
            {name: task_scores(_alone(output, row), 0) for name, output in self.outputs.items()},
            self.missing[row],
            _by_target({key: self._filled(key, row) for key in self.fitted}),
            _by_target({key: self._used(key, row) for key in self.fitted}),
            _by_target({key: self._contributed(key, row) for key in self.fitted}),
            {task: why for (name, task), why in self.problems.items() if name == case},
        )

    def _contributed(self, key: Key, row: int) -> dict[str, float]:
        if len(self) <= AT_ONCE:
            found = self.contributions[key]
        else:  # somebody who looks at one of very many cases shall not wait for all
            found, row = contributions(self.fitted[key].scores, self.inputs[key].select(np.array([row]))), 0
        order = np.argsort(-np.abs(found.values[row]), kind="stable")
        return {found.tasks[k]: float(found.values[row, k]) for k in order} | {"base": found.base}

    def _filled(self, key: Key, row: int) -> dict[str, str]:
        plan, table = self.fitted[key].plan, self.inputs[key].scores
        if plan.fuser.needs_instances:
            return {}  # such a fuser has no slots to fill: it leaves out what is not there
        padding = type(plan.padding).__name__.removesuffix("Padding").lower()
        filled = {table.columns[k]: f"padding {padding}" for k in np.flatnonzero(table.gaps[row])}
        absent = {name for name in self.missing[row] if name.partition("/")[0] in table.tasks}
        policies = {name: plan.missing.get(name.partition("/")[0], "optional") for name in absent}
        return filled | {name: f"missing {policy}" for name, policy in policies.items()}

    def _used(self, key: Key, row: int) -> dict[str, list[dict[str, Any]]]:
        fitted = self.fitted[key]
        used = {}
        for task, output in fitted.plan.sees(self.outputs).items():
            if output.spec.level is Level.DETECTION:
                alone = _alone(output, row)
                slots = fitted.assembler.slots(alone)
                used[task] = boxes_of(alone, slots.rows[slots.filled])
        return used


def _alone(output: TaskOutput, row: int) -> TaskOutput:
    """One case's answers, in memory."""
    return in_memory(output.select(np.array([row])))


def _by_target(values: Mapping[Key, Any]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for (fuser, target), value in values.items():
        result.setdefault(target, {})[fuser] = value
    return result


def task_scores(output: TaskOutput, row: int) -> Any:
    """What one task said of one case, as plain data (shape: see :class:`CaseResult`)."""
    classes, views = output.spec.classes, output.spec.views
    if output.spec.level is Level.DETECTION:
        alone = output.select(np.array([row]))
        assert alone.detections is not None  # check_output has seen to that
        return boxes_of(alone, np.arange(len(alone.detections)))
    assert output.scores is not None  # likewise
    if output.spec.level is Level.CASE:
        return _named(classes, output.scores[row]) if output.present[row] else {}
    there = np.flatnonzero(output.present[row])
    return {views[k]: _named(classes, output.scores[row, k]) for k in there}


def _named(classes: Sequence[str], scores: Array) -> dict[str, float]:
    return {name: float(score) for name, score in zip(classes, scores, strict=True)}


def boxes_of(output: TaskOutput, rows: Array) -> list[dict[str, Any]]:
    """These detections of an output about one case as plain data, best first."""
    found, views = output.detections, output.spec.views
    assert found is not None  # asked for at level detection only
    view_of = np.searchsorted(found.offsets, rows, side="right") - 1
    boxes = [
        {
            "view": views[view],
            "label": output.spec.classes[int(found.labels[k])],
            "score": float(found.scores[k]),
            "box": [round(float(edge), 1) for edge in found.boxes[k]],
        }
        for k, view in zip(rows, view_of, strict=True)
    ]
    return sorted(boxes, key=lambda box: -box["score"])
