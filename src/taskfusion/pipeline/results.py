"""What a pipeline says: one row a case, and for each case every sub-result it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.assembly import missing_of
from taskfusion.errors import UnknownNameError
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen
class CaseResult:
    """Everything about one case.

    Attributes:
        id: the case.
        fused: ``fused[target][fuser]``, the fused score in [0, 1].
        tasks: per task its own scores: ``{class: score}`` at level case, ``{view: {class: score}}`` at level view, a
            list of ``{view, label, score, box}`` at level detection (boxes xyxy in the view's own pixels, best first).
        missing: inputs without an answer, such as ``findings/L-CC``.
    """

    id: str
    fused: Mapping[str, Mapping[str, float]]
    tasks: Mapping[str, Any]
    missing: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Result:
    """The answers about some cases. ``scores[fuser, target]`` is ``(cases,)``; ``outputs`` are the tasks' own."""

    cases: tuple[str, ...]
    scores: Mapping[tuple[str, str], Array]
    outputs: Mapping[str, TaskOutput]
    notice: str = ""

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def missing(self) -> list[tuple[str, ...]]:
        """Per case the inputs without an answer (law 7)."""
        return missing_of(self.outputs)

    @property
    def table(self) -> pd.DataFrame:
        """One row a case: fused scores (named by target, or fuser/target where there are several fusers), missing."""
        import pandas as pd

        several = len({fuser for fuser, _ in self.scores}) > 1
        columns: dict[str, Any] = {"case": self.cases}
        columns |= {f"{fuser}/{target}" if several else target: s for (fuser, target), s in self.scores.items()}
        columns["missing"] = [", ".join(names) for names in self.missing]
        return pd.DataFrame(columns)

    def __getitem__(self, case: str) -> CaseResult:
        """All sub-results of one case; raises UnknownNameError for a case that was not asked about."""
        if case not in self.cases:
            raise UnknownNameError.of("case", case, self.cases)
        row = self.cases.index(case)
        fused: dict[str, dict[str, float]] = {}
        for (fuser, target), scores in self.scores.items():
            fused.setdefault(target, {})[fuser] = float(scores[row])
        tasks = {name: task_scores(output, row) for name, output in self.outputs.items()}
        return CaseResult(case, fused, tasks, self.missing[row])


def task_scores(output: TaskOutput, row: int) -> Any:
    """What one task said of one case, as plain data (shape: see :class:`CaseResult`)."""
    classes, views = output.spec.classes, output.spec.views
    if output.spec.level is Level.DETECTION:
        return _boxes(output, row)
    assert output.scores is not None  # check_output has seen to that
    if output.spec.level is Level.CASE:
        return {name: float(s) for name, s in zip(classes, output.scores[row], strict=True)}
    by_view = zip(views, output.scores[row], strict=True)
    return {view: {name: float(s) for name, s in zip(classes, scores, strict=True)} for view, scores in by_view}


def _boxes(output: TaskOutput, row: int) -> list[dict[str, Any]]:
    found, views = output.detections, output.spec.views
    assert found is not None  # check_output has seen to that
    boxes = [
        {
            "view": view,
            "label": output.spec.classes[int(found.labels[k])],
            "score": float(found.scores[k]),
            "box": [round(float(edge), 1) for edge in found.boxes[k]],
        }
        for index, view in enumerate(views)
        for k in range(*found.of(row * len(views) + index).indices(len(found)))
    ]
    return sorted(boxes, key=lambda box: -box["score"])
