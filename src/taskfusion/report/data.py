"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from taskfusion.errors import DataError
from taskfusion.evaluation import RESULT_COLUMNS, check_predictions
from taskfusion.evaluation.pairs import DIFFERENCE_COLUMNS
from taskfusion.report.pages import CasePage
from taskfusion.tasks.diagnostics import Curve

if TYPE_CHECKING:
    import pandas as pd


COMPARISON_COLUMNS = ("fuser", "reference", "target", "split", "difference", "difference_low", "difference_high", "p")
POINT_COLUMNS = ("fuser", "target", "split", "rule", "threshold", "chosen_on")
STRESS_COLUMNS = ("task", "share", "fuser", "target", "n", "auc", "auc_low", "auc_high")
IMPORTANCE_COLUMNS = ("fuser", "target", "task", "n", "auc", "difference", "difference_low", "difference_high", "p")


@attrs.frozen
class Chart:
    """One chart, or why there is none: exactly one of ``html`` and ``why`` is set."""

    title: str
    caption: str
    html: str = ""
    why: str = ""
    wide: bool = False


@attrs.frozen
class TaskSection:
    """What to say of one task.

    Attributes:
        name: as registered.
        level: ``case``, ``view`` or ``detection``.
        classes: names of its scores.
        summary: numbers about what it answered (cases, views missing, detections a view).
        metrics: numbers about how well.
        curves: ROC and FROC of its own answers.
        histories: per stage of its training a list per figure, an entry an epoch.
        card: its model card as HTML that is safe to show, or "".
    """

    name: str
    level: str
    classes: Sequence[str] = ()
    summary: Mapping[str, float] = attrs.field(factory=dict)
    metrics: Mapping[str, float] = attrs.field(factory=dict)
    curves: Sequence[Curve] = ()
    histories: Mapping[str, Mapping[str, Sequence[float]]] = attrs.field(factory=dict)
    card: str = ""


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
        comparisons: every pair of fusers, for the significance matrix: ``COMPARISON_COLUMNS``, and ``p_holm`` where it
            is corrected for the number of pairs; or None.
        points: thresholds chosen beforehand, ``POINT_COLUMNS``, offered beside the operating point's slider; or None.
        stress: of :class:`taskfusion.pipeline.stress.StressTest`, or None.
        importance: of :func:`taskfusion.pipeline.stress.importance`, or None.
        cases: pages of patients; others of the worklist show their scores alone.
        most_cases: how long the worklist may get, the highest scores first.
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
    comparisons: pd.DataFrame | None = None
    points: pd.DataFrame | None = None
    stress: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    cases: Sequence[CasePage] = ()
    most_cases: int = 200

    def __attrs_post_init__(self) -> None:
        _require("results", self.results, RESULT_COLUMNS)
        check_predictions(self.predictions)
        optional = {
            "differences": DIFFERENCE_COLUMNS,
            "comparisons": COMPARISON_COLUMNS,
            "points": POINT_COLUMNS,
            "stress": STRESS_COLUMNS,
            "importance": IMPORTANCE_COLUMNS,
        }
        for name, columns in optional.items():
            if (table := getattr(self, name)) is not None:
                _require(name, table, columns)

    @property
    def fusers(self) -> list[str]:
        """All fusers, in order of first appearance."""
        return [str(name) for name in self.results["fuser"].unique()]

    def results_of(self, target: str, split: str) -> pd.DataFrame:
        """The rows of one target and split."""
        return self.results[(self.results["target"] == target) & (self.results["split"] == split)]

    @property
    def target_names(self) -> list[str]:
        """All targets, in order of first appearance."""
        return [str(name) for name in self.results["target"].unique()]

    def judged(self) -> pd.DataFrame:
        """Predictions in the main split, one row per case, fuser and target: repeated answers are averaged."""
        table = self.predictions[self.predictions["split"] == self.main_split]
        key = ["case", "fuser", "target"]
        if not table.duplicated(key).any():
            return table
        return table.groupby(key, sort=False, as_index=False).agg({"group": "first", "truth": "first", "score": "mean"})

    def answered(self, target: str) -> pd.DataFrame:
        """Predictions of a target in the main split whose truth is known, as :meth:`judged` has them."""
        table = self.judged()
        return table[(table["target"] == target) & (table["truth"] >= 0)]


def _require(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"report: {name} lack the column {missing[0]!r}; expected {', '.join(columns)}")
