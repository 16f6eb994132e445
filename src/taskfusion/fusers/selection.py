"""Choosing among candidates: by validation AUC with recall as tie-break, or by cross-validation over groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs
import numpy as np

from taskfusion.fusers.base import FusionData
from taskfusion.images import Array
from taskfusion.inputs import FusionInput

Params = Mapping[str, Any]
FOLDS = 5


@attrs.frozen(eq=False)
class Selected:
    """The chosen parameters, the model fitted on the whole training split, and what every candidate reached."""

    params: Params
    model: Any
    tried: list[dict[str, Any]]


def select(
    grid: Sequence[Params],
    fitter: tuple[Callable[[Params, FusionData], Any], Callable[[Any, FusionInput], Array]],
    train: FusionData,
    validation: FusionData | None,
) -> Selected:
    """Fit every candidate and keep the best; with one candidate nothing is compared."""
    fit_one, score = fitter
    if len(grid) == 1:
        return Selected(grid[0], fit_one(grid[0], train), [])
    if validation is not None and validation.has_both_classes:
        models = [fit_one(params, train) for params in grid]
        reached = [figures(validation.truth, score(model, validation.inputs)) for model in models]
        best = max(range(len(grid)), key=lambda i: reached[i])
        return Selected(grid[best], models[best], _tried(grid, reached))
    reached = [figures(train.truth, _out_of_fold(params, fitter, train)) for params in grid]
    best = max(range(len(grid)), key=lambda i: reached[i])
    return Selected(grid[best], fit_one(grid[best], train), _tried(grid, reached))


def one_thread() -> AbstractContextManager[object]:
    """Keep numerical libraries on one thread: on tables this small, handing work to threads costs 10x the work."""
    import scipy.linalg  # noqa: F401  # only libraries that are loaded already are held back
    import sklearn.neighbors  # noqa: F401  # brings OpenMP
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


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


def _out_of_fold(params: Params, fitter: Any, data: FusionData) -> Array:
    from sklearn.model_selection import StratifiedGroupKFold

    fit_one, score = fitter
    strata = data.truth if data.truth.ndim == 1 else data.truth.max(axis=1)
    groups_of_rarer = min(len(np.unique(data.groups[strata == value])) for value in np.unique(strata))
    folds = max(2, min(FOLDS, groups_of_rarer))
    scores = np.full(data.truth.shape, 0.5)
    for inside, outside in StratifiedGroupKFold(folds).split(np.zeros(len(data)), strata, data.groups):
        part = data.select(inside)
        if part.has_both_classes:
            scores[outside] = score(fit_one(params, part), data.select(outside).inputs)
    return scores


def _tried(grid: Sequence[Params], reached: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    return [
        {**{k: list(v) if isinstance(v, tuple) else v for k, v in params.items()}, "auc": auc, "recall": recall}
        for params, (auc, recall) in zip(grid, reached, strict=True)
    ]
