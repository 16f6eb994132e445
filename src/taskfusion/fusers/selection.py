"""Choosing among candidates: the tamest of those that are as good as the best, as far as the cases can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from taskfusion.engine import LOCAL, Engine
from taskfusion.evaluation.significance import auc_difference
from taskfusion.fusers.base import FusionData
from taskfusion.images import Array
from taskfusion.inputs import FusionInput

Params = Mapping[str, Any]
Fitter = tuple[Callable[[Params, FusionData], Any], Callable[[Any, FusionInput], Array]]  # fit one, ask one for scores
Split = tuple[Array, Array]
FOLDS = 5


@attrs.frozen(eq=False)
class Selected:
    """The outcome of a search.

    Attributes:
        params: the chosen parameters.
        model: fitted with them on the whole training split.
        tried: what every candidate reached.
        how: how candidates were compared, in words.
    """

    params: Params
    model: Any
    tried: list[dict[str, Any]]
    how: str


def select(
    grid: Sequence[Params], fitter: Fitter, train: FusionData, validation: FusionData | None, engine: Engine = LOCAL
) -> Selected:
    """Fit every candidate and keep the first whose AUC is at most one standard error below the best AUC.

    A grid has its tamest candidate first. The highest of many AUCs on some hundred cases is as much luck as worth, and
    what learns the training cases by heart is luckiest; the standard error is that of the paired difference (DeLong),
    the rule that of Breiman et al., *Classification and Regression Trees* (1984). The paper took the highest AUC, and
    recall where two were equal (III-A.4); so is done for several targets together.

    They are compared on the validation split; where there is none, or its cases are all of one class, out of fold on
    the training split, groups kept apart. Where not even that can be (one group, one class to a fold) the first is
    taken. With one candidate nothing is compared. The workers of an engine try them side by side, each as it would be
    tried here.
    """
    fit_one, _ = fitter
    if len(grid) == 1:
        return Selected(grid[0], fit_one(grid[0], train), [], "not searched: one candidate")
    if validation is not None and validation.has_both_classes:
        tried = list(engine.map(_on_validation, (fitter, train, validation), grid))
        best = _tamest([said for _, said in tried], validation)
        reached = [figures(validation.truth, said) for _, said in tried]
        return Selected(grid[best], tried[best][0], _tried(grid, reached), "on the validation split")
    folds = _comparable(train)
    if not folds:
        how = "not searched: too few groups of either class, so the first candidate is taken"
        return Selected(grid[0], fit_one(grid[0], train), [], how)
    answers = list(engine.map(_out_of_fold, (fitter, train, folds), grid))
    judged = train.select(np.concatenate([outside for _, outside in folds]))
    best, reached = _tamest(answers, judged), [figures(judged.truth, said) for said in answers]
    how = f"out of fold on the training split, {len(folds)} folds by group"
    return Selected(grid[best], fit_one(grid[best], train), _tried(grid, reached), how)


def some_of(data: FusionData, most: int, seed: int) -> FusionData:
    """About ``most`` cases, whole groups drawn at random, in their order; all where there are no more.

    All, too, where those drawn would be of one class.
    """
    if len(data) <= most:
        return data
    _, group = np.unique(data.groups, return_inverse=True)
    place = np.random.default_rng(seed).permutation(group.max() + 1)[group]  # of each case's group
    drawn = data.select(np.flatnonzero(place <= np.partition(place, most - 1)[most - 1]))
    return drawn if drawn.has_both_classes else data


def group_splits(truth: Array, groups: Array, folds: int) -> list[Split]:
    """Rows inside and outside of each fold, groups kept together, classes shared out alike.

    At most ``folds``, fewer where a class has fewer groups, none where that would be less than two. The same rows give
    the same folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(folds, *(len(np.unique(groups[truth == value])) for value in (0, 1)))
    return list(StratifiedGroupKFold(count).split(truth, truth, groups)) if count >= 2 else []


def figures(truth: Array, score: Array) -> tuple[float, float]:
    """(AUC, recall at 0.5), AUC rounded so that recall settles what is a tie for any practical purpose.

    Of several targets, truth ``(cases, targets)`` with -1 for unknown, the means.
    """
    from sklearn.metrics import recall_score, roc_auc_score

    if truth.ndim == 2:
        known = truth >= 0
        each = [figures(truth[known[:, k], k], score[known[:, k], k]) for k in range(truth.shape[1])]
        return round(float(np.mean([auc for auc, _ in each])), 4), float(np.mean([recall for _, recall in each]))
    return round(float(roc_auc_score(truth, score)), 4), float(recall_score(truth, score >= 0.5, zero_division=0.0))


def plain(params: Params) -> dict[str, Any]:
    """Parameters as JSON data."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}


def _tamest(answers: Sequence[Array], data: FusionData) -> int:
    """The first candidate that is not a standard error worse than the best, of their answers about the same cases."""
    reached = [figures(data.truth, said) for said in answers]
    best = max(range(len(reached)), key=lambda number: reached[number])
    if data.truth.ndim == 2:
        return best
    for number in range(best):
        difference, error = auc_difference(data.truth, answers[best], answers[number], data.groups)
        if difference <= error:
            return number
    return best


def _comparable(data: FusionData) -> list[Split]:
    """Folds whose rows inside have both classes; none where the rows outside have not, all together."""
    strata = data.truth if data.truth.ndim == 1 else data.truth.max(axis=1).clip(0)
    splits = group_splits(strata, data.groups, FOLDS)
    usable = [(inside, outside) for inside, outside in splits if data.select(inside).has_both_classes]
    if not usable:
        return []
    judged = np.concatenate([outside for _, outside in usable])
    return usable if data.select(judged).has_both_classes else []


def _on_validation(shared: tuple[Fitter, FusionData, FusionData], params: Params) -> tuple[Any, Array]:
    """A candidate's model, and what it says of the validation split."""
    (fit_one, score), train, validation = shared
    model = fit_one(params, train)
    return model, score(model, validation.inputs)


def _out_of_fold(shared: tuple[Fitter, FusionData, Sequence[Split]], params: Params) -> Array:
    """What a candidate says of the cases outside each fold, one fold after the other."""
    (fit_one, score), data, folds = shared
    parts = [score(fit_one(params, data.select(inside)), data.select(outside).inputs) for inside, outside in folds]
    return np.concatenate(parts)


def _tried(grid: Sequence[Params], reached: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    return [
        {**plain(params), "auc": auc, "recall": recall} for params, (auc, recall) in zip(grid, reached, strict=True)
    ]
