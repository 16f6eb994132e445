"""Tables of simulated scores for tests of the score fusers."""

from __future__ import annotations

import numpy as np

from taskfusion.fusers.base import FusionData
from taskfusion.inputs import FusionInput, ScoreTable


def fusion_input(values: np.ndarray, columns: tuple[str, ...] = ()) -> FusionInput:
    """Cases of these scores; a task a column where no names are given."""
    names = columns or tuple(f"t{k}/score" for k in range(np.shape(values)[1]))
    return FusionInput(tuple(f"c{i}" for i in range(len(values))), ScoreTable(names, np.asarray(values, float)))


def fusion_data(values: np.ndarray, truth: np.ndarray, groups: np.ndarray | None = None) -> FusionData:
    """The same with truth; each case a group where none are given."""
    return FusionData(fusion_input(values), np.asarray(truth), np.arange(len(truth)) if groups is None else groups)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def three_tasks(cases: int, seed: int) -> FusionData:
    """Three scores that see the hidden truth well, less well and badly; two cases a group."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=cases)
    seen = hidden[:, None] + rng.normal(size=(cases, 3)) * [0.8, 1.2, 1.6] - 1
    return fusion_data(sigmoid(seen), hidden + 0.3 * rng.normal(size=cases) > 1, np.arange(cases) // 2)


def disturbed(cases: int, seed: int) -> FusionData:
    """One task sees truth and a disturbance, one the disturbance alone, one the truth badly.

    With the first task the second is worth a lot, without it nothing: a fuser must learn to do without.
    """
    rng = np.random.default_rng(seed)
    hidden, noise = rng.normal(size=cases), 1.5 * rng.normal(size=cases)
    error = rng.normal(size=(cases, 3)) * [0.3, 0.3, 1.2]
    return fusion_data(sigmoid(np.stack([hidden + noise, noise, hidden], axis=1) + error), hidden > 0.3)
