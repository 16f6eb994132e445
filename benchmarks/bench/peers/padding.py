"""Task outputs as a plain table, for peers that take nothing else: what each of their users would have to write."""

from __future__ import annotations

import numpy as np

from bench.peers.exams import MALIGNANT, VIEWS, Array, Exams

SLOTS = 3
TASKS = ((0,), (1, 2, 3, 4), tuple(range(5, 5 + SLOTS * len(VIEWS))))  # columns of density, findings, localization


# user code
def padded(exams: Exams) -> Array:
    """``(exams, 17)``: density, findings per view, the three best malignant detections per view.

    0 where a view had fewer, NaN where a task gave no answer.
    """
    cell = np.repeat(np.arange(exams.looked.size), np.diff(exams.offsets))
    rows = np.flatnonzero(exams.labels >= MALIGNANT)
    rows = rows[np.lexsort((-exams.scores[rows], cell[rows]))]
    cell = cell[rows]
    rank = np.arange(len(rows)) - np.searchsorted(cell, cell)
    slots = np.where(exams.looked.reshape(-1, 1), np.zeros((1, SLOTS)), np.nan)
    slots[cell[rank < SLOTS], rank[rank < SLOTS]] = exams.scores[rows[rank < SLOTS]]
    return np.column_stack([exams.density, exams.findings, slots.reshape(len(exams), -1)])


# end of user code


def table(exams: Exams) -> Array:
    """The table of some exams; of a reader study its scores, which need no padding."""
    return exams.models if exams.is_study else padded(exams)


def tasks(exams: Exams) -> list[list[int]]:
    """The columns of each task; of a reader study each model is one."""
    return [[k] for k in range(exams.models.shape[1])] if exams.is_study else [list(columns) for columns in TASKS]
