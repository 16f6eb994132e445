"""Paired comparisons: one fuser against the others, or each against each, corrected for how many were made."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.errors import UnknownNameError
from taskfusion.evaluation import significance
from taskfusion.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_p, normal_p, percentile_interval
from taskfusion.evaluation.checking import check_predictions
from taskfusion.evaluation.metrics import NAN, Array
from taskfusion.evaluation.replicates import Answers, resampled_auc, sample_values
from taskfusion.evaluation.significance import holm

if TYPE_CHECKING:
    import pandas as pd

DIFFERENCE_COLUMNS = (
    *("fuser", "reference", "target", "split", "n", "positives", "auc", "auc_reference"),
    *("difference", "difference_low", "difference_high", "p", "p_delong", "p_wilcoxon"),
    *("p_normal", "p_holm", "p_delong_holm", "p_wilcoxon_holm"),
)
CORRECTED = {"p_holm": "p_normal", "p_delong_holm": "p_delong", "p_wilcoxon_holm": "p_wilcoxon"}


def differences(
    predictions: pd.DataFrame, reference: str, split: str, target: str, bootstrap: Bootstrap | None = None
) -> pd.DataFrame:
    """AUC of every other fuser minus the AUC of ``reference``, on the cases both answered; ``DIFFERENCE_COLUMNS``.

    The interval, ``p`` and ``p_normal`` come from the paired patient bootstrap and are the evidence: ``p`` counts
    resamples, ``p_normal`` takes their spread. ``p_delong`` and ``p_wilcoxon`` (the paper's test, of scores and not of
    AUCs) stand beside them. ``p_holm``, ``p_delong_holm`` and ``p_wilcoxon_holm`` are corrected (Holm 1979) for all
    comparisons of this table.

    Raises:
        UnknownNameError: no prediction of that split, target or fuser.
        DataError: as in :func:`taskfusion.evaluation.evaluate`.
    """
    table = rows_of(check_predictions(predictions), split, target, reference)
    contest = Contest.of(table, bootstrap or Bootstrap())
    where = {"target": target, "split": split}
    others = [name for name in contest.fusers if name != reference] if reference in contest.fusers else []
    return _corrected([{**contest.compare(name, reference), **where} for name in others])


def comparisons(predictions: pd.DataFrame, split: str, target: str, bootstrap: Bootstrap | None = None) -> pd.DataFrame:
    """Every pair of fusers once, in order of appearance; columns and correction as in :func:`differences`.

    The family of the correction is all pairs, so that it holds also for a winner that was picked after looking.

    Raises:
        UnknownNameError: no prediction of that split or target.
        DataError: as in :func:`taskfusion.evaluation.evaluate`.
    """
    contest = Contest.of(rows_of(check_predictions(predictions), split, target), bootstrap or Bootstrap())
    where = {"target": target, "split": split}
    pairs = itertools.combinations(contest.fusers, 2)
    return _corrected([{**contest.compare(first, second), **where} for first, second in pairs])


@attrs.frozen(eq=False)
class Contest:
    """The fusers of one target and split, and their resampled AUCs, each computed once."""

    answers: dict[str, Answers]
    bootstrap: Bootstrap
    _judged: dict[tuple[str, tuple[Any, ...]], Judged] = attrs.field(factory=dict, init=False)

    @classmethod
    def of(cls, table: pd.DataFrame, bootstrap: Bootstrap) -> Contest:
        """Of the checked predictions about one target and split."""
        known = table[table["truth"] != UNKNOWN]
        return cls({str(n): Answers.of(part) for n, part in known.groupby("fuser", sort=False)}, bootstrap)

    @property
    def fusers(self) -> list[str]:
        return list(self.answers)

    def both(self, first: str, second: str) -> tuple[Judged, Judged]:
        """Two fusers on the cases that both answered."""
        shared = np.intersect1d(self.answers[first].cases, self.answers[second].cases)
        mine, other = (self.on(name, tuple(shared)) for name in (first, second))
        return mine, other

    def compare(self, first: str, second: str) -> dict[str, Any]:
        """The first minus the second, on the cases that both answered."""
        mine, other = self.both(first, second)
        drawn = mine.drawn - other.drawn
        low, high = percentile_interval(drawn, self.bootstrap.confidence)
        difference = mine.auc - other.auc
        truth, groups = mine.answers.truth, mine.answers.groups
        return {
            "fuser": first,
            "reference": second,
            "n": len(truth),
            "positives": int(truth.sum()),
            "auc": mine.auc,
            "auc_reference": other.auc,
            "difference": difference,
            "difference_low": low,
            "difference_high": high,
            "p": bootstrap_p(drawn),
            "p_normal": normal_p(difference, drawn),
            "p_delong": significance.delong(truth, mine.answers.scores, other.answers.scores, groups),
            "p_wilcoxon": significance.wilcoxon(mine.answers.score, other.answers.score),
        }

    def on(self, fuser: str, cases: tuple[Any, ...]) -> Judged:
        """A fuser on some of its cases; found again where it was asked for before."""
        key = fuser, cases
        if key not in self._judged:
            self._judged[key] = Judged.of(self.answers[fuser], cases, self.bootstrap)
        return self._judged[key]


@attrs.frozen(eq=False)
class Judged:
    """A fuser on some cases: its answers, their AUC, and the AUC of each resample ``(replicates,)``."""

    answers: Answers
    auc: float
    drawn: Array

    @classmethod
    def of(cls, answers: Answers, cases: tuple[Any, ...], bootstrap: Bootstrap) -> Judged:
        """The answers about these cases, judged."""
        kept = answers.select(np.flatnonzero(np.isin(answers.cases, np.array(cases, answers.cases.dtype))))
        auc = float(sample_values(kept, 0.5)["auc"].mean()) if len(kept.truth) else NAN
        return cls(kept, auc, resampled_auc(kept, Resamples(kept.groups, bootstrap)))


def rows_of(table: pd.DataFrame, split: str, target: str, fuser: str | None = None) -> pd.DataFrame:
    """The predictions of one split and target, by all fusers.

    Raises:
        UnknownNameError: there are none, or none by that fuser.
    """
    for column, name in (("split", split), ("target", target), ("fuser", fuser)):
        known = table[column].unique()
        if name is not None and name not in known:
            raise UnknownNameError.of(column, name, known)
        table = table if column == "fuser" else table[table[column] == name]
    return table


def _corrected(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    for corrected, plain in CORRECTED.items():
        table[corrected] = holm(table[plain].to_numpy(float))
    return table
