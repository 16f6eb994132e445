"""Why a case got its score: what each task contributed, by exact Shapley values over tasks.

The value of a set of tasks is the fused score when all others are hidden, as if they had given no answer. A task's
contribution is what it adds, averaged over all orders in which the tasks could have answered (Shapley 1953); the
contributions of a case add up to its score minus the score of a case about which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import attrs
import numpy as np

from taskfusion.images import Array
from taskfusion.inputs import FusionInput

EXACT = 10  # tasks; above, 2^T sets are too many and orders are sampled
ORDERS = 64  # sampled orders, each also backwards
ROWS = 4096  # hidden copies of cases in one call of the fuser

Score = Callable[[FusionInput], Array]


@attrs.frozen(eq=False)
class Contributions:
    """What each task adds to the fused score.

    Attributes:
        tasks: names.
        base: the score when nothing is known, a number.
        values: ``(cases, tasks)``; a row sums to score minus base.
        exact: False where orders of the tasks were sampled.
    """

    tasks: tuple[str, ...]
    base: float
    values: Array
    exact: bool


def contributions(score: Score, inputs: FusionInput, seed: int = 0) -> Contributions:
    """Contribution of every task to every case, for any fuser.

    Args:
        score: fused scores ``(cases,)`` of inputs; called with copies in which tasks are hidden, many cases at once.
        inputs: the cases, with every task.
        seed: of sampled orders, used only above 10 tasks.
    """
    count = len(inputs.tasks)
    if count <= EXACT:
        sets = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
        values = set_values(score, inputs, sets)
        return Contributions(inputs.tasks, float(values[0, 0]), _shapley(values, count), True)
    orders = _orders(count, seed)
    rank = np.argsort(orders, axis=1)  # of each task in each order
    sets = np.concatenate([rank < k for k in range(count + 1)])
    values = set_values(score, inputs, sets).reshape(count + 1, len(orders), -1)
    gains = np.diff(values, axis=0)  # (step, order, case): what the task at that step added
    by_task = np.take_along_axis(gains, rank.T[:, :, None], axis=0)
    return Contributions(inputs.tasks, float(values[0, 0, 0]), by_task.mean(axis=1).T, False)


def set_values(score: Score, inputs: FusionInput, sets: Array) -> Array:
    """The fused score of every case when only some tasks are seen.

    Args:
        score: see :func:`contributions`.
        inputs: the cases.
        sets: ``(sets, tasks)`` booleans, True where the task is seen.

    Returns:
        ``(sets, cases)``.
    """
    cases, step = len(inputs), max(1, ROWS // len(sets))
    parts = [_values(score, inputs.select(np.arange(i, min(i + step, cases))), sets) for i in range(0, cases, step)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(sets), 0))


def _values(score: Score, inputs: FusionInput, sets: Array) -> Array:
    cases = len(inputs)
    copies = inputs.select(np.tile(np.arange(cases), len(sets)))
    hidden = {task: np.repeat(~sets[:, k], cases) for k, task in enumerate(inputs.tasks)}
    return score(copies.hiding(hidden)).reshape(len(sets), cases)


def _shapley(values: Array, count: int) -> Array:
    """``(cases, tasks)`` from the values of all sets, ``(2^tasks, cases)``; bit ``k`` of a set says task ``k``."""
    number = np.arange(2**count)
    size = ((number[:, None] >> np.arange(count)) & 1).sum(axis=1)
    weight = np.array([factorial(s) * factorial(count - s - 1) / factorial(count) for s in range(count)])
    result = np.zeros((values.shape[1], count))
    for k in range(count):
        without = number[(number >> k) & 1 == 0]
        result[:, k] = weight[size[without]] @ (values[without | (1 << k)] - values[without])
    return result


def _orders(count: int, seed: int) -> Array:
    """``(orders, tasks)``: task at each place; every order also backwards, which takes out much of the chance."""
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.permutation(count) for _ in range(ORDERS)])
    return np.concatenate([drawn, drawn[:, ::-1]])


def leave_one_out(inputs: FusionInput, task: str) -> FusionInput:
    """The same cases as if one task had said nothing about any of them."""
    return inputs.hiding({task: np.ones(len(inputs), bool)})
