"""From a table of predictions to a table of results, and to operating points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.evaluation import metrics
from taskfusion.evaluation.bootstrap import Bootstrap, Resamples, percentile_interval
from taskfusion.evaluation.checking import check_predictions
from taskfusion.evaluation.metrics import NAN, Array
from taskfusion.evaluation.replicates import AT_THRESHOLD, Answers, resampled_points, resampled_values, sample_values
from taskfusion.evaluation.thresholds import thresholds_of

if TYPE_CHECKING:
    import pandas as pd

RESULT_COLUMNS = (
    *("fuser", "target", "split", "n", "positives", "auc", "auc_low", "auc_high"),
    *("auprc", "tpr", "tnr", "accuracy", "f1", "brier", "unknown"),
    *("threshold", "repeats", "auc_spread", "auprc_low", "auprc_high", "tpr_low", "tpr_high", "tnr_low", "tnr_high"),
    *("accuracy_low", "accuracy_high", "f1_low", "f1_high", "brier_low", "brier_high", "ece", "ece_low", "ece_high"),
    *("calibration_slope", "calibration_intercept", "brier_raw", "ece_raw"),
)
POINT_COLUMNS = (
    *("fuser", "target", "split", "rule", "chosen_on", "threshold", "threshold_low", "threshold_high"),
    *("n", "positives", "tpr", "tpr_low", "tpr_high", "tnr", "tnr_low", "tnr_high"),
    *("accuracy", "accuracy_low", "accuracy_high", "f1", "f1_low", "f1_high"),
)
PROPORTIONS = {"tpr": "positives", "tnr": "negatives", "accuracy": "n"}


def evaluate(
    predictions: pd.DataFrame,
    threshold: float = 0.5,
    replicates: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """One row per fuser, target and split, in order of first appearance; the columns are ``RESULT_COLUMNS``.

    Every figure is the mean over the repeats where there are several; ``auc_spread`` is the standard deviation of the
    AUC over them. Intervals are percentile intervals of the patient bootstrap, with two exceptions: a proportion of
    exactly 0 or 1 has no bootstrap width and gets Wilson's interval (1927), and as resampling makes the calibration
    error larger by itself, its replicates are first shifted to centre on the sample's.

    Args:
        predictions: one row per case, fuser and target: ``case, group, split, fuser, target, truth, score``, and maybe
            ``repeat``, ``fold``, ``raw`` (see :func:`check_predictions`). A truth of -1 is unknown: the case is counted
            under ``unknown`` and takes no part in anything else.
        threshold: a case is called positive where its score reaches it.
        replicates: resamples of the patient bootstrap; all fusers of a target and split share the same ones.
        seed: of the resamples.
        confidence: of the intervals.

    Raises:
        DataError: a missing column, a NaN score, a truth that is none, a case twice or with two truths.
    """
    import pandas as pd

    table = check_predictions(predictions)
    rows = []
    for where, part, resamples in _parts(table, Bootstrap(replicates, seed, confidence)):
        unknown = int((part.drop_duplicates("case")["truth"] == UNKNOWN).sum())
        rows.append({**where, **_measure(part, threshold, resamples), "unknown": unknown, "threshold": threshold})
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def operating_points(
    predictions: pd.DataFrame, choices: pd.DataFrame, bootstrap: Bootstrap | None = None
) -> pd.DataFrame:
    """TPR, TNR, accuracy and F1 at thresholds that were fixed or chosen elsewhere; the columns are ``POINT_COLUMNS``.

    One row per fuser, target, split and rule of ``choices``. ``threshold`` is the median over repeats and folds,
    ``threshold_low`` and ``threshold_high`` the smallest and the greatest. The intervals hold the chance of the
    judged cases, not that of the cases on which the threshold was chosen.

    Args:
        predictions: as :func:`evaluate` takes them.
        choices: as :func:`taskfusion.evaluation.choose_thresholds` returns them.
        bootstrap: how to resample.

    Raises:
        DataError: as in :func:`evaluate`.
    """
    import pandas as pd

    rows = []
    for where, part, resamples in _parts(check_predictions(predictions), bootstrap or Bootstrap()):
        answers, repeats = Answers.of(part), sorted(part["repeat"].unique())
        mine = choices[(choices["fuser"] == where["fuser"]) & (choices["target"] == where["target"])]
        for rule, group in mine.groupby("rule", sort=False):
            limits = thresholds_of(group, answers.folds, repeats)
            place = {"rule": rule, "chosen_on": " | ".join(group["chosen_on"].unique())}
            rows.append({**where, **place, **_point(answers, limits, resamples)})
    return pd.DataFrame(rows, columns=list(POINT_COLUMNS))


def _parts(table: pd.DataFrame, bootstrap: Bootstrap) -> Iterator[tuple[dict[str, Any], pd.DataFrame, Resamples]]:
    """Each fuser, target and split, with the resamples that all fusers of that target and split share."""
    resamples = {
        key: Resamples(part.loc[part["truth"] != UNKNOWN, "group"], bootstrap)
        for key, part in table.groupby(["target", "split"], sort=False)
    }
    for (fuser, target, split), part in table.groupby(["fuser", "target", "split"], sort=False):
        yield {"fuser": fuser, "target": target, "split": split}, part, resamples[target, split]


def _measure(part: pd.DataFrame, threshold: float, resamples: Resamples) -> dict[str, Any]:
    """All numbers of one fuser, target and split."""
    answers = Answers.of(part)
    found = sample_values(answers, threshold)
    row = _with_intervals(answers, found, resampled_values(answers, threshold, resamples), resamples)
    raw = sample_values(Answers.of(part, "raw"), threshold)
    lines = np.array([metrics.calibration_line(answers.truth, score) for score in answers.scores])
    spread = float(found["auc"].std(ddof=1)) if len(found["auc"]) > 1 else NAN
    extra = {"brier_raw": _mean(raw["brier"]), "ece_raw": _mean(raw["ece"])}
    line = dict(zip(("calibration_slope", "calibration_intercept"), map(_mean, lines.T), strict=True))
    return {**row, "repeats": len(answers.scores), "auc_spread": spread, **line, **extra}


def _point(answers: Answers, limits: Array, resamples: Resamples) -> dict[str, Any]:
    """Numbers at thresholds ``(repeats, cases)``; NaN where none could be chosen."""
    known = not np.isnan(limits).any() and limits.size > 0
    place = [float(at(limits)) if known else NAN for at in (np.median, np.min, np.max)]
    row = dict(zip(("threshold", "threshold_low", "threshold_high"), place, strict=True))
    found = {name: sample_values(answers, limits)[name] for name in AT_THRESHOLD}
    if not known:
        found = {name: np.full(1, NAN) for name in AT_THRESHOLD}
    drawn = resampled_points(answers, limits, resamples)
    return row | _with_intervals(answers, found, drawn if known else {}, resamples)


def _with_intervals(
    answers: Answers, found: dict[str, Array], drawn: dict[str, Array], resamples: Resamples
) -> dict[str, Any]:
    """Counts, and each metric with its interval."""
    positives = int(answers.truth.sum())
    counts = {"n": len(answers.truth), "positives": positives, "negatives": len(answers.truth) - positives}
    row: dict[str, Any] = {name: counts[name] for name in ("n", "positives")}
    for name, values in found.items():
        value = row[name] = _mean(values)
        replicates = drawn.get(name, np.empty(0))
        if name == "ece" and replicates.size:
            replicates = np.maximum(replicates - (_mean(replicates) - value), 0)
        low, high = percentile_interval(replicates, resamples.bootstrap.confidence)
        if name in PROPORTIONS and value in (0.0, 1.0) and not math.isnan(low):
            low, high = _wilson(value, counts[PROPORTIONS[name]], resamples.bootstrap.confidence)
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row


def _wilson(share: float, cases: int, confidence: float) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(round(share * cases), cases).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def _mean(values: Array) -> float:
    """The mean of what is known; NaN where nothing is."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else NAN
