"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from taskfusion.errors import DataError
from taskfusion.evaluation import RESULT_COLUMNS, check_predictions
from taskfusion.evaluation.pairs import DIFFERENCE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen
class TaskSection:
    """What to say of one task.

    Attributes:
        name: as registered.
        level: ``case``, ``view`` or ``detection``.
        classes: names of its scores.
        summary: numbers about what it answered (cases, views missing, detections a view).
        metrics: numbers about how well.
    """

    name: str
    level: str
    classes: Sequence[str] = ()
    summary: Mapping[str, float] = attrs.field(factory=dict)
    metrics: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class ReportData:
    """Everything a report shows; fusers and targets appear in the order of ``results``.

    Attributes:
        title: of the page.
        notice: what nobody may overlook ("SYNTHETIC DATA: no real patient"), or "". Stands in red at the top; what
            comes before its first colon is printed across every chart.
        results: as :func:`taskfusion.evaluation.evaluate` returns them.
        predictions: one row per case, fuser and target, as ``evaluate`` takes them.
        targets: description of each target.
        tasks: what to say of each task.
        info: versions, seed, machine, seconds per stage, as they shall be printed.
        main_split: the split to judge by; the others are shown folded and labelled.
        threshold: at which ``results`` were computed.
        confidence: of the intervals in ``results``.
        differences: as :func:`taskfusion.evaluation.differences` returns them, of one or several targets, or None.
    """

    title: str
    notice: str
    results: pd.DataFrame
    predictions: pd.DataFrame
    targets: Mapping[str, str]
    tasks: Sequence[TaskSection] = ()
    info: Mapping[str, str] = attrs.field(factory=dict)
    main_split: str = "test"
    threshold: float = 0.5
    confidence: float = 0.95
    differences: pd.DataFrame | None = None

    def __attrs_post_init__(self) -> None:
        _require("results", self.results, RESULT_COLUMNS)
        check_predictions(self.predictions)
        if self.differences is not None:
            _require("differences", self.differences, DIFFERENCE_COLUMNS)

    @property
    def fusers(self) -> list[str]:
        """All fusers, in order of first appearance."""
        return [str(name) for name in self.results["fuser"].unique()]

    def results_of(self, target: str, split: str) -> pd.DataFrame:
        """The rows of one target and split."""
        return self.results[(self.results["target"] == target) & (self.results["split"] == split)]

    def answered(self, target: str) -> pd.DataFrame:
        """Predictions of a target in the main split whose truth is known."""
        table = self.predictions
        return table[(table["target"] == target) & (table["split"] == self.main_split) & (table["truth"] >= 0)]


def _require(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"report: {name} lack the column {missing[0]!r}; expected {', '.join(columns)}")
