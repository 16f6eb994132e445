"""What training looks at: views with lesions and some without, prepared, with their boxes."""

from __future__ import annotations

import tempfile

import numpy as np
from attrs import field, frozen

from mammo_data.images import laterality_of, prepare
from mammo_localization.config import LocalizationConfig
from taskfusion.cases import Annotations, Cohort
from taskfusion.errors import DataError, did_you_mean
from taskfusion.images import Array
from taskfusion.progress import Progress


@frozen(eq=False)
class TrainingViews:
    """Prepared views and their boxes.

    Attributes:
        pixels: uint8 ``(views, height, width)``, 255 is white.
        boxes: per view ``(k, 4)`` xyxy in prepared pixels; empty for a view without lesion.
        labels: per view ``(k,)``, indices into the task's classes.
    """

    pixels: Array = field(repr=False)
    boxes: list[Array]
    labels: list[Array]

    def with_lesion(self) -> Array:
        """Rows that hold a lesion."""
        return np.flatnonzero([len(labels) > 0 for labels in self.labels])

    def without(self) -> Array:
        """Rows that hold none."""
        return np.flatnonzero([len(labels) == 0 for labels in self.labels])


def own_annotations(cohort: Cohort, classes: tuple[str, ...]) -> Annotations:
    """The cohort's boxes with labels counted as ours; boxes of other classes are left out.

    Raises:
        DataError: a cohort without boxes, or whose boxes know none of a class that we look for.
    """
    found = cohort.annotations
    if found is None:
        raise DataError(f"cohort {cohort.name!r} has no boxes; localization learns from boxes of lesions")
    for name in classes:
        if name not in found.classes:
            raise DataError(f"cohort {cohort.name!r} has no lesion class {name!r}{did_you_mean(name, found.classes)}")
    number = np.array([classes.index(name) if name in classes else -1 for name in found.classes], np.int64)
    labels = number[found.labels]
    rows = labels >= 0
    return Annotations(classes, found.case[rows], found.view[rows], found.boxes[rows], labels[rows])


def collect(cohort: Cohort, config: LocalizationConfig, progress: Progress, rng: np.random.Generator) -> TrainingViews:
    """Read and prepare the views to train on: all with a lesion, and as many without from cases without any.

    Raises:
        DataError: no lesion in the cohort, or an image that cannot be read.
    """
    annotations = own_annotations(cohort, config.classes)
    names = {name: number for number, name in enumerate(cohort.views)}
    wanted = [names[name] for name in config.views if name in names]
    marked = np.isin(annotations.view, wanted)
    cells = np.unique(np.stack([annotations.case[marked], annotations.view[marked]], axis=1), axis=0)
    cells = np.array([cell for cell in cells if cohort.views[cell[1]] in cohort.cases[cell[0]].views]).reshape(-1, 2)
    if not len(cells):
        raise DataError(f"cohort {cohort.name!r} has no lesion among its {len(cohort)} training cases")
    cells = np.concatenate([cells, _normal_cells(cohort, annotations, wanted, rng)[: _normals(config, len(cells))]])
    with progress.step("localization: read views", total=len(cells)) as bar:
        store, boxes, labels = _store(len(cells), config), [], []
        for row, (case, view) in enumerate(cells):
            store[row], own_boxes, own_labels = _prepare(cohort, annotations, (int(case), int(view)), config)
            boxes.append(own_boxes)
            labels.append(own_labels)
            bar.advance()
    return TrainingViews(store, boxes, labels)


def _store(count: int, config: LocalizationConfig) -> Array:
    """Room for prepared views, in memory or, where they are too many, in a file that vanishes with the array."""
    shape = (count, *config.size)
    if np.prod(shape, dtype=np.int64) <= config.memory_megabytes * 2**20:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the map keeps it
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _normals(config: LocalizationConfig, lesions: int) -> int:
    return lesions if config.normal_share > 0 else 0


def _normal_cells(cohort: Cohort, annotations: Annotations, wanted: list[int], rng: np.random.Generator) -> Array:
    """Cells (case, view) of cases without any box, in random order."""
    clear = np.setdiff1d(np.arange(len(cohort)), annotations.case)
    cells = [(c, v) for c in clear for v in wanted if cohort.views[v] in cohort.cases[c].views]
    return rng.permutation(np.array(cells, np.int64).reshape(-1, 2))


def _prepare(
    cohort: Cohort, annotations: Annotations, cell: tuple[int, int], config: LocalizationConfig
) -> tuple[Array, Array, Array]:
    case, name = cohort.cases[cell[0]], cohort.views[cell[1]]
    try:
        pixels, placement = prepare(case.views[name].read(), config.size, laterality_of(name))
    except DataError as error:
        raise DataError(f"case {case.id!r}, view {name!r}: {error}") from error
    boxes, labels = annotations.of_view(*cell)
    return np.round(pixels * 255).astype(np.uint8), placement.to_prepared(boxes), labels
