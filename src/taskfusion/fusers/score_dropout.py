"""Task dropout: training cases over again with some tasks hidden, so that a fuser learns to do without any of them."""

from __future__ import annotations

import attrs
import numpy as np

from taskfusion.fusers.base import FusionData
from taskfusion.images import Array
from taskfusion.inputs import ScoreTable

COPIES = 3  # of every training case; more change little and cost time


def with_hidden_tasks(data: FusionData, probability: float, seed: int) -> FusionData:
    """The cases as they are, and after them copies in which each task is hidden with this probability.

    Never are all answers of a case hidden, and a copy that would lose nothing or everything is left out. Truth and
    group of a copy are those of its case. The same seed gives the same rows.
    """
    table = data.inputs.scores
    tasks = dict.fromkeys(table.tasks)
    if not probability or len(tasks) < 2:
        return data
    answered = answered_tasks(table)
    rows = np.tile(np.arange(len(data)), COPIES)
    hidden = answered[rows] & (np.random.default_rng(seed).random((len(rows), len(tasks))) < probability)
    kept = hidden.any(axis=1) & (answered[rows] & ~hidden).any(axis=1)
    longer = data.select(np.concatenate([np.arange(len(data)), rows[kept]]))
    hidden = np.concatenate([np.zeros_like(answered), hidden[kept]])
    return attrs.evolve(longer, inputs=longer.inputs.hiding({task: hidden[:, k] for k, task in enumerate(tasks)}))


def answered_tasks(table: ScoreTable) -> Array:
    """``(cases, tasks)`` in the order of their first columns, True where a task said anything of a case."""
    said, names = ~table.missing, np.array(table.tasks)
    return np.stack([said[:, names == task].any(axis=1) for task in dict.fromkeys(table.tasks)], axis=1)
