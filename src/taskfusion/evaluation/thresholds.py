"""Operating points: thresholds that are fixed beforehand, or chosen on other cases than those they are judged on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.errors import SpecError
from taskfusion.evaluation.metrics import NAN, Array

if TYPE_CHECKING:
    import pandas as pd

CHOICE_COLUMNS = ("fuser", "target", "repeat", "fold", "rule", "threshold", "cases", "positives", "chosen_on")
GOALS = ("sensitivity", "specificity")
NOT_CHOSEN = "nothing: no cases to choose on"


@attrs.frozen
class Rule:
    """How a threshold comes about.

    Attributes:
        kind: ``fixed``, ``youden``, ``sensitivity`` or ``specificity``.
        value: the threshold itself, or what is to be reached.
    """

    kind: str
    value: float = NAN

    @classmethod
    def of(cls, said: float | str | Mapping[str, float]) -> Rule:
        """From what a spec says: ``0.5``, ``youden``, ``{sensitivity: 0.9}`` or ``{specificity: 0.9}``.

        Raises:
            SpecError: for anything else.
        """
        if said == "youden":
            return cls("youden")
        if isinstance(said, Mapping):
            goal, value = next(iter(said.items()), ("", 0.0))
            if len(said) == 1 and goal in GOALS and 0 < value <= 1:
                return cls(goal, float(value))
        elif isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said):
            return cls("fixed", float(said))
        raise SpecError(f"found {said!r}; expected a number, 'youden', {{sensitivity: 0.9}} or {{specificity: 0.9}}")

    @property
    def name(self) -> str:
        """As tables call it: ``0.5``, ``youden``, ``sensitivity 0.9``."""
        return "youden" if self.kind == "youden" else f"{self.value:g}" if self.fixed else f"{self.kind} {self.value:g}"

    @property
    def fixed(self) -> bool:
        """Whether it looks at no case."""
        return self.kind == "fixed"

    def choose(self, truth: Array, score: Array) -> float:
        """The threshold on these cases, ``(cases,)`` each; NaN where they lack the class that it needs.

        ``youden`` has the greatest sensitivity + specificity, ``sensitivity`` is the highest threshold that reaches it,
        ``specificity`` the lowest one. What is chosen lies halfway between two scores, so that a case like the last
        one called is called too.
        """
        if self.fixed:
            return self.value
        truth, score = np.asarray(truth), np.asarray(score, float)
        positives, negatives = int((truth == 1).sum()), int((truth == 0).sum())
        needs = {"sensitivity": positives, "specificity": negatives, "youden": min(positives, negatives)}
        if not needs[self.kind]:
            return NAN
        limits, true, false = _steps(truth, score)
        if self.kind == "sensitivity":
            return float(limits[np.argmax(true >= self.value * positives - 1e-9)])
        if self.kind == "specificity":
            return float(limits[np.flatnonzero(false <= (1 - self.value) * negatives + 1e-9)[-1]])
        return float(limits[np.argmax(true / positives - false / negatives)])


def _steps(truth: Array, score: Array) -> tuple[Array, Array, Array]:
    """Every threshold that calls other cases than the one before, from none to all, with true and false positives."""
    levels = np.unique(score)[::-1]
    below = np.append(levels[1:], levels[-1])
    halfway = levels + (below - levels) / 2
    halfway = np.where(halfway > below, halfway, levels)
    limits = np.concatenate([[np.nextafter(levels[0], np.inf)], halfway])
    called = [np.sort(score[truth == value]) for value in (1, 0)]
    true, false = (len(found) - np.searchsorted(found, limits, "left") for found in called)
    return limits, true, false


def rules_of(said: Sequence[float | str | Mapping[str, float]]) -> tuple[Rule, ...]:
    """A rule for each; see :meth:`Rule.of`."""
    return tuple(dict.fromkeys(Rule.of(value) for value in said))


def choose_thresholds(predictions: pd.DataFrame, rules: Sequence[Rule], split: str = "validation") -> pd.DataFrame:
    """One row per fuser, target, repeat, fold and rule; the columns are ``CHOICE_COLUMNS``.

    Args:
        predictions: as :func:`taskfusion.evaluation.evaluate` takes them; rows of other splits are **not looked at**.
        rules: what to choose.
        split: the cases to choose on. Where a fuser has none of them the threshold of a rule that needs some is NaN,
            and ``chosen_on`` says so.
    """
    import pandas as pd

    from taskfusion.evaluation.checking import check_predictions

    table = check_predictions(predictions)
    rows: list[dict[str, Any]] = []
    for key, every in table.groupby(["fuser", "target", "repeat"], sort=False):
        part = every[(every["split"] == split) & (every["truth"] >= 0)]
        where = dict(zip(("fuser", "target", "repeat"), key, strict=True))
        rows += [{**where, "fold": 0, **row} for row in chosen(part["truth"], part["score"], rules, split)]
    return pd.DataFrame(rows, columns=list(CHOICE_COLUMNS))


def chosen(truth: Any, score: Any, rules: Sequence[Rule], where: str) -> list[dict[str, Any]]:
    """Per rule its threshold on these cases, as the last columns of ``CHOICE_COLUMNS``."""
    truth, score = np.asarray(truth), np.asarray(score, float)
    rows = []
    for rule in rules:
        threshold = rule.choose(truth, score)
        place = "fixed beforehand" if rule.fixed else NOT_CHOSEN if math.isnan(threshold) else where
        counts = {"cases": 0, "positives": 0} if rule.fixed else {"cases": len(truth), "positives": int(truth.sum())}
        rows.append({"rule": rule.name, "threshold": threshold, **counts, "chosen_on": place})
    return rows


def thresholds_of(choices: pd.DataFrame, folds: Array, repeats: Sequence[int]) -> Array:
    """The threshold of each case, ``(repeats, cases)``: the one that was chosen for its repeat and fold."""
    known = {(r, f): t for r, f, t in choices[["repeat", "fold", "threshold"]].itertuples(index=False)}
    shared = {r: t for (r, f), t in known.items() if f == 0}
    each = [[known.get((r, int(f)), shared.get(r, NAN)) for f in row] for r, row in zip(repeats, folds, strict=True)]
    return np.array(each, float).reshape(folds.shape)
