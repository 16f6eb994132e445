"""A page of pictures about a few cases: asks a pipeline, collects heat maps, and draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.images import Array
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work
from taskfusion.report.views import Heat, PictureOptions, Seen, view_pictures


def pictures(pipeline: FusionPipeline, cohort: Cohort, options: PictureOptions | None = None) -> str:
    """A self-contained HTML page about every case of a cohort: true and detected boxes, scores, heat maps.

    An image that cannot be read is said on the page; the others are shown.

    Raises:
        NotFittedError: an untrained pipeline.
        DataError: no case.
    """
    result = pipeline.predict(cohort, Work(unreadable="mask"))
    heat = {case.id: _heat(pipeline, cohort, row) for row, case in enumerate(cohort.cases)}
    return view_pictures(cohort, Seen(result.outputs, result.scores, heat, result.notice), options)


def choose(cohort: Cohort, cases: int, ids: Sequence[str] = (), seed: int = 0) -> Cohort:
    """The cases named, or so many drawn at random: of the first target half positive and half negative, alternating.

    Raises:
        UnknownNameError: a case that is not there.
        DataError: fewer than one case asked for.
    """
    if ids:
        for name in ids:
            if name not in cohort.ids:
                raise UnknownNameError.of("case", name, cohort.ids)
        return cohort.select([cohort.ids.index(name) for name in ids])
    if cases < 1:
        raise DataError(f"{cases} cases to draw; expected at least 1")
    order = np.random.default_rng(seed).permutation(len(cohort))
    return cohort.select(_alternating(order, _first_truth(cohort))[:cases])


def _first_truth(cohort: Cohort) -> Array:
    names = list(cohort.targets)
    return cohort.label(names[0]) if names else np.full(len(cohort), UNKNOWN)


def _alternating(order: Array, truth: Array) -> Array:
    """Rows so that each kind (positive, negative, unknown) comes in turn, as long as there are some left of it."""
    turn = np.zeros(len(order), np.int64)
    for kind in np.unique(truth):
        mine = truth[order] == kind
        turn[mine] = np.arange(mine.sum())
    return order[np.lexsort((-truth[order], turn))]


def _heat(pipeline: FusionPipeline, cohort: Cohort, row: int) -> Heat:
    maps = {}
    for name, task in pipeline.ready.items():
        try:
            maps[name] = task.model.heat_maps(cohort.cases[row])
        except DataError:  # of an image that cannot be read, which the page says
            maps[name] = {}
    return maps
