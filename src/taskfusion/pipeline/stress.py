"""What a pipeline is worth when inputs are missing, and what each task is worth to it.

Nothing is trained again: answers are taken away from a fitted pipeline, as happens when a view was not taken or a
model is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.errors import DataError
from taskfusion.evaluation import Bootstrap, differences
from taskfusion.evaluation.metrics import auc
from taskfusion.images import Array
from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.results import Key, Result
from taskfusion.pipeline.why import leave_one_out
from taskfusion.store import in_memory

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
COLUMNS = ("task", "share", "fuser", "target", "n", "auc", "auc_low", "auc_high")


@attrs.frozen(eq=False)
class StressTest:
    """AUC against the share of missing inputs.

    Attributes:
        table: one row per task, share, fuser and target: ``task, share, fuser, target, n, auc, auc_low, auc_high``; AUC
            is the mean over the repeats, low and high their extremes. NaN where the task is required by the fuser.
        notice: a warning of the cohort the pipeline learned from.
    """

    table: pd.DataFrame
    notice: str = ""

    def draw(self, path: str | Path) -> Path:
        """Write the curves as one HTML page that works offline; a panel per task and target, a line per fuser."""
        from taskfusion.report.stress import write_stress_page

        write_stress_page(Path(path), self.table, self.notice)
        return Path(path)


def stress(
    result: Result, cohort: Cohort, missing: Sequence[float] = SHARES, *, repeats: int = 5, seed: int = 0
) -> StressTest:
    """Take away a growing share of each task's answers and see how far the AUC falls.

    Args:
        result: of a fitted pipeline about this cohort.
        cohort: with the truth of the pipeline's targets.
        missing: shares from 0 to 1; answers of level view and detection go missing view by view.
        repeats: how often the missing answers are drawn anew; within a repeat what is missing stays missing as the
            share grows.
        seed: of the draws.

    Raises:
        DataError: a share outside 0..1, no repeat, or a cohort other than the result's.
    """
    import pandas as pd

    _check(result, cohort, missing, repeats)
    rows = []
    for number, task in enumerate(result.outputs):
        draws = [
            np.random.default_rng((seed, number, r)).random(result.outputs[task].present.shape) for r in range(repeats)
        ]
        keys = [key for key, fitted in result.fitted.items() if task in fitted.plan.sees(result.outputs)]
        for share in missing:
            thinned = [{**result.outputs, task: thin(result.outputs[task], draw < share)} for draw in draws]
            rows += [{"task": task, "share": share, **_row(result, key, thinned, cohort)} for key in keys]
    return StressTest(pd.DataFrame(rows, columns=list(COLUMNS)), result.notice)


def thin(output: TaskOutput, hidden: Array) -> TaskOutput:
    """The same output without the answers marked in ``hidden``, of the shape of ``output.present``."""
    return attrs.evolve(in_memory(output), present=output.present & ~hidden)


def importance(result: Result, cohort: Cohort, bootstrap: Bootstrap | None = None) -> pd.DataFrame:
    """How much AUC is lost when a task is left out of a fitted pipeline.

    Returns:
        One row per fuser, target and task: ``fuser, target, task, n, positives, auc, auc_without, difference,
        difference_low, difference_high, p``; a difference below 0 says that the task helps. Interval and p come from a
        paired patient bootstrap.

    Raises:
        DataError: a cohort other than the result's.
    """
    import pandas as pd

    _check(result, cohort, (), 1)
    frames = [_importance(result, key, cohort, bootstrap or Bootstrap()) for key in result.fitted]
    return pd.concat(frames, ignore_index=True)


def _importance(result: Result, key: Key, cohort: Cohort, bootstrap: Bootstrap) -> pd.DataFrame:
    import pandas as pd

    fitted, inputs = result.fitted[key], result.inputs[key]
    scores = {"": result.scores[key]} | {task: fitted.scores(leave_one_out(inputs, task)) for task in inputs.tasks}
    about = {"case": result.cases, "group": cohort.groups, "split": "all", "target": key[1]}
    truth = cohort.label(key[1])
    frames = [pd.DataFrame({**about, "fuser": task, "truth": truth, "score": s}) for task, s in scores.items()]
    table = differences(pd.concat(frames, ignore_index=True), "", "all", key[1], bootstrap)
    table = table.rename(columns={"fuser": "task", "auc": "auc_without", "auc_reference": "auc"})
    shown = ("task", "n", "positives", "auc", "auc_without")
    kept = table[[*shown, "difference", "difference_low", "difference_high", "p"]]
    return kept.assign(fuser=key[0], target=key[1])[["fuser", "target", *kept.columns]]


def _row(result: Result, key: Key, outputs: Iterable[dict[str, TaskOutput]], cohort: Cohort) -> dict[str, Any]:
    fitted, truth = result.fitted[key], cohort.label(key[1])
    known = truth != UNKNOWN
    found = [_auc_or_nan(fitted, thinned, (truth, known)) for thinned in outputs]
    what = {"fuser": key[0], "target": key[1], "n": int(known.sum())}
    return {**what, "auc": float(np.mean(found)), "auc_low": min(found), "auc_high": max(found)}


def _auc_or_nan(fitted: Any, outputs: dict[str, TaskOutput], truth: tuple[Array, Array]) -> float:
    try:
        scores = fitted.predict(outputs)
    except DataError:  # the fuser requires this task
        return float("nan")
    return auc(truth[0][truth[1]], scores[truth[1]])


def _check(result: Result, cohort: Cohort, shares: Sequence[float], repeats: int) -> None:
    if result.cases != cohort.ids:
        raise DataError(f"the result is about other cases than cohort {cohort.name!r}")
    wrong = [share for share in shares if not 0 <= share <= 1]
    if wrong or repeats < 1:
        raise DataError(f"shares {wrong} must lie in 0..1" if wrong else f"repeats must be at least 1, found {repeats}")
