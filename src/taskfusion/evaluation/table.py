"""From a table of predictions to a table of results, and to paired differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.evaluation import metrics, significance
from taskfusion.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_p, percentile_interval

if TYPE_CHECKING:
    import pandas as pd

PREDICTION_COLUMNS = ("case", "group", "split", "fuser", "target", "truth", "score")
RESULT_COLUMNS = (
    *("fuser", "target", "split", "n", "positives", "auc", "auc_low", "auc_high"),
    *("auprc", "tpr", "tnr", "accuracy", "f1", "brier", "unknown"),
)
DIFFERENCE_COLUMNS = (
    *("fuser", "reference", "target", "split", "n", "positives", "auc", "auc_reference"),
    *("difference", "difference_low", "difference_high", "p", "p_delong", "p_wilcoxon"),
)


def evaluate(
    predictions: pd.DataFrame,
    threshold: float = 0.5,
    replicates: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """One row per fuser, target and split, in order of first appearance; the columns are ``RESULT_COLUMNS``.

    Args:
        predictions: one row per case, fuser and target: ``case, group, split, fuser, target, truth, score``. A truth
            of -1 is unknown: the case is counted under ``unknown`` and takes no part in anything else.
        threshold: a case is called positive where its score reaches it.
        replicates: resamples of the patient bootstrap; all fusers of a target and split share the same ones.
        seed: of the resamples.
        confidence: of the AUC's percentile interval.

    Raises:
        DataError: a missing column, a NaN score, a truth that is none, a case twice or with two truths.
    """
    import pandas as pd

    bootstrap = Bootstrap(replicates, seed, confidence)
    table = check_predictions(predictions)
    resamples = {
        key: Resamples(part.loc[part["truth"] != UNKNOWN, "group"], bootstrap)
        for key, part in table.groupby(["target", "split"], sort=False)
    }
    rows = [
        {"fuser": fuser, "target": target, "split": split, **_measure(part, threshold, resamples[target, split])}
        for (fuser, target, split), part in table.groupby(["fuser", "target", "split"], sort=False)
    ]
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def differences(
    predictions: pd.DataFrame, reference: str, split: str, target: str, bootstrap: Bootstrap | None = None
) -> pd.DataFrame:
    """AUC of every other fuser minus the AUC of ``reference``, on the cases both answered; ``DIFFERENCE_COLUMNS``.

    ``p`` and the interval come from the paired patient bootstrap and are the evidence; ``p_delong`` and ``p_wilcoxon``
    (the paper's test, of scores and not of AUCs) stand beside it. None is corrected for the number of fusers.

    Raises:
        UnknownNameError: no prediction of that split, target or fuser.
        DataError: as in :func:`evaluate`.
    """
    import pandas as pd

    table = check_predictions(predictions)
    for column, name in (("split", split), ("target", target), ("fuser", reference)):
        known = table[column].unique()
        if name not in known:
            raise UnknownNameError.of(column, name, known)
        table = table[table[column] == name] if column != "fuser" else table
    table = table[table["truth"] != UNKNOWN]
    scores = {str(name): part.set_index("case") for name, part in table.groupby("fuser", sort=False)}
    base = scores.pop(reference, table.iloc[:0].set_index("case"))
    where = {"reference": reference, "target": target, "split": split}
    rows = [{"fuser": name, **where, **_compare(part, base, bootstrap)} for name, part in scores.items()]
    return pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))


def check_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """The columns we need, with truth as int and score as float; raises DataError naming the row that cannot be."""
    missing = [column for column in PREDICTION_COLUMNS if column not in predictions]
    if missing:
        raise DataError(f"predictions lack the column {missing[0]!r}; expected {', '.join(PREDICTION_COLUMNS)}")
    table = predictions[list(PREDICTION_COLUMNS)].reset_index(drop=True)
    for column in PREDICTION_COLUMNS:
        _refuse(table, table[column].isna(), f"{column} is missing or NaN")
    _refuse(table, ~table["truth"].isin([UNKNOWN, 0, 1]), "truth is not 0, 1 or -1 (unknown)")
    _refuse(table, table.duplicated(["case", "fuser", "target"]), "the case appears twice")
    for column, key in (("truth", ["case", "target"]), ("split", ["case"]), ("group", ["case"])):
        first = table.groupby(key, sort=False)[column].transform("first")
        _refuse(table, table[column] != first, f"the case has another {column} in an earlier row")
    return table.astype({"truth": int, "score": float})


def _refuse(table: pd.DataFrame, bad: pd.Series[bool], why: str) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    case, fuser, target = (table[column].iloc[row] for column in ("case", "fuser", "target"))
    raise DataError(f"predictions, row {row} (case {case!r}, fuser {fuser!r}, target {target!r}): {why}")


def _measure(part: pd.DataFrame, threshold: float, resamples: Resamples) -> dict[str, Any]:
    """All numbers of one fuser, target and split."""
    known = part[part["truth"] != UNKNOWN]
    truth, score = known["truth"].to_numpy(), known["score"].to_numpy()
    replicates = resamples.aucs(truth, score, known["group"].to_numpy())
    low, high = percentile_interval(replicates, resamples.bootstrap.confidence)
    at_threshold = (metrics.tpr, metrics.tnr, metrics.accuracy, metrics.f1)
    return {
        "n": len(known),
        "positives": int(truth.sum()),
        "auc": metrics.auc(truth, score),
        "auc_low": low,
        "auc_high": high,
        "auprc": metrics.auprc(truth, score),
        **{metric.__name__: metric(truth, score, threshold) for metric in at_threshold},
        "brier": metrics.brier(truth, score),
        "unknown": len(part) - len(known),
    }


def _compare(part: pd.DataFrame, base: pd.DataFrame, bootstrap: Bootstrap | None) -> dict[str, Any]:
    """One fuser against the reference; both tables are indexed by case."""
    both = part.join(base["score"].rename("base"), how="inner")
    truth, groups, scores = both["truth"].to_numpy(), both["group"].to_numpy(), [both["score"], both["base"]]
    first, second = (score.to_numpy() for score in scores)
    resamples = Resamples(groups, bootstrap or Bootstrap())
    replicates = resamples.aucs(truth, first, groups) - resamples.aucs(truth, second, groups)
    low, high = percentile_interval(replicates, resamples.bootstrap.confidence)
    return {
        "n": len(both),
        "positives": int(truth.sum()),
        "auc": (auc := metrics.auc(truth, first)),
        "auc_reference": (auc_reference := metrics.auc(truth, second)),
        "difference": auc - auc_reference,
        "difference_low": low,
        "difference_high": high,
        "p": bootstrap_p(replicates),
        "p_delong": significance.delong(truth, first, second),
        "p_wilcoxon": significance.wilcoxon(first, second),
    }
