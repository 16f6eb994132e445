"""One comparison over several experiments, each with patients and a training of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.evaluation.bootstrap import Bootstrap, bootstrap_p, percentile_interval
from taskfusion.evaluation.checking import check_predictions
from taskfusion.evaluation.metrics import Array
from taskfusion.evaluation.pairs import Contest, Judged, rows_of

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen
class Pooled:
    """The difference of two fusers' AUCs, meaned over experiments.

    Attributes:
        differences: of each experiment.
        difference: their mean.
        low: of the interval over patients: each experiment's patients are drawn with replacement, whole and paired.
        high: likewise.
        wide_low: of the interval over patients and experiments, which are drawn too: how far the mean would move with
            other cohorts and other trainings. With few experiments it is only a rough guess.
        wide_high: likewise.
        p: two-sided, of "no difference", over patients.
    """

    differences: tuple[float, ...]
    difference: float
    low: float
    high: float
    wide_low: float
    wide_high: float
    p: float


def pooled_difference(
    experiments: Sequence[pd.DataFrame], pair: tuple[str, str], split: str, target: str, how: Bootstrap | None = None
) -> Pooled:
    """AUC of the first fuser of ``pair`` minus the AUC of the second, over experiments with patients of their own.

    Args:
        experiments: a table of predictions each, as :func:`taskfusion.evaluation.evaluate` takes them. Those of one
            cohort trained with several seeds are repeats of one experiment, not several.
        pair: two fusers; in each experiment only cases that both answered count.
        split: which split.
        target: which target.
        how: replicates, seed and confidence.

    Raises:
        DataError: no experiment, one in which the two have no case of both kinds in common, or patients who are in
            several experiments, as the interval would then be too narrow.
        UnknownNameError: no prediction of that split, target or fuser.
    """
    if not experiments:
        raise DataError("no experiment to pool; expected a table of predictions at least")
    how = how or Bootstrap()
    own = [attrs.evolve(how, seed=how.seed + number) for number in range(len(experiments))]  # each draws for itself
    told = [_both(table, pair, (split, target), each) for table, each in zip(experiments, own, strict=True)]
    _check_apart([mine.answers.groups for mine, _ in told])
    each = [mine.auc - other.auc for mine, other in told]
    drawn = [mine.drawn - other.drawn for mine, other in told]
    columns = np.stack(drawn, axis=1)
    over_patients = columns.mean(axis=1)
    low, high = percentile_interval(over_patients, how.confidence)
    wide_low, wide_high = percentile_interval(_with_experiments(columns, how), how.confidence)
    return Pooled(tuple(each), float(np.mean(each)), low, high, wide_low, wide_high, bootstrap_p(over_patients))


def _both(table: pd.DataFrame, pair: tuple[str, str], where: tuple[str, str], how: Bootstrap) -> tuple[Judged, Judged]:
    rows = check_predictions(table)
    for name in pair:
        rows = rows_of(rows, *where, name)
    mine, other = Contest.of(rows[rows["fuser"].isin(pair)], how).both(*pair)
    truth = mine.answers.truth
    if len(set(truth.tolist())) < 2:
        raise DataError(
            f"fusers {pair[0]!r} and {pair[1]!r} have {len(truth)} cases of target {where[1]!r} in common, "
            "all of one kind; an AUC needs both"
        )
    return mine, other


def _check_apart(groups: Sequence[Array]) -> None:
    names = np.concatenate([np.unique(part.astype(str)) for part in groups])
    found, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"patient {str(found[counts > 1][0])!r} is in several experiments; pool experiments with patients of their "
            "own, and give trainings on one cohort as repeats of one experiment"
        )


def _with_experiments(columns: Array, how: Bootstrap) -> Array:
    """The mean of each resample over experiments that are drawn too."""
    generator = np.random.default_rng([how.seed, columns.shape[1]])
    drawn = generator.integers(0, columns.shape[1], columns.shape)
    return np.asarray(np.take_along_axis(columns, drawn, axis=1).mean(axis=1))
