"""What a task of several views says of the whole case: its highest score, and the highest of another view.

A lesion may be in any view. A model that has one column per view and slot has to learn from the training cases that
they are alike, and a sum of logits never becomes their maximum. With these columns the usual maximum is one of its
inputs, so it starts where the baseline (paper III-B) ends; the second says whether two views agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from taskfusion.images import Array
from taskfusion.inputs import ScoreTable
from taskfusion.outputs import Level

HIGHEST, SECOND = "highest", "second view"


def with_summaries(table: ScoreTable, levels: Mapping[str, Level]) -> ScoreTable:
    """The table with the summaries of each task of several views behind its own columns.

    Args:
        table: columns as :func:`taskfusion.assembly.column_names` has them.
        levels: of the tasks; one that is not there has no views.

    Returns:
        A table of the same cases. A summary is missing where all it is of is missing.
    """
    found = [(name, _by_view(table, views)) for name, views in _groups(table.columns, levels)]
    if not found:
        return table
    names = [f"{name}/{rank}" for name, _ in found for rank in (HIGHEST, SECOND)]
    values = np.concatenate([np.sort(views, axis=1)[:, :-3:-1] for _, views in found], axis=1)
    quiet = np.stack([_only_gaps(table, name.split("/")[0]) for name in names], axis=1)
    values = np.where(np.isneginf(values), np.nan, values)
    return ScoreTable(
        (*table.columns, *names),
        np.concatenate([table.values, values], axis=1),
        np.concatenate([table.gaps, quiet & np.isnan(values)], axis=1),
    )


def _groups(columns: tuple[str, ...], levels: Mapping[str, Level]) -> Iterator[tuple[str, list[list[int]]]]:
    """Per task of several views, and per class where it has several, the columns of each view."""
    places: dict[str, dict[str, list[int]]] = {}
    for place, column in enumerate(columns):
        task, *rest = column.split("/", 2)
        level = levels.get(task, Level.CASE)
        if rest and level is not Level.CASE:
            name = "/".join([task, *rest[1:]]) if level is Level.VIEW else task  # of a detection the rest is its rank
            places.setdefault(name, {}).setdefault(rest[0], []).append(place)
    return ((name, list(views.values())) for name, views in places.items() if len(views) > 1)


def _by_view(table: ScoreTable, views: list[list[int]]) -> Array:
    """The highest score of each view, ``(cases, views)``; -inf where it has none."""
    return np.stack([np.fmax.reduce(table.values[:, columns], axis=1, initial=-np.inf) for columns in views], axis=1)


def _only_gaps(table: ScoreTable, task: str) -> Array:
    """``(cases,)``, True where the task looked and all its slots are gaps left open, so nothing of it is missing."""
    own = np.array([name == task for name in table.tasks])
    return np.asarray((table.gaps | ~table.missing)[:, own].all(axis=1))
