"""What task ``findings`` learns from: whole views with their class, and small patches cut out of them on the way."""

from __future__ import annotations

import attrs
import cv2
import numpy as np

from mammo_data.batches import PreparedViews, prepare_views
from mammo_data.patches import sample_lesion_patches, sample_normal_patches
from mammo_findings.config import FindingsConfig
from taskfusion.cases import Annotations, Cohort
from taskfusion.errors import DataError
from taskfusion.tasks.base import FitContext

LARGEST_ZOOM = 0.15
"""Patches are enlarged or reduced by at most this much (on a logarithmic scale)."""


@attrs.frozen(eq=False)
class TrainingViews:
    """Prepared views and the lesions in them.

    Attributes:
        pixels: uint8 (views, height, width, 1).
        lesion: (views,) 1 where there is a lesion, else 0.
        boxes: (lesions, 4) xyxy in pixels of the prepared views.
        rows: (lesions,) which view each box is in.
        classes: (lesions,) 1 + the class.
    """

    pixels: np.ndarray
    lesion: np.ndarray
    boxes: np.ndarray
    rows: np.ndarray
    classes: np.ndarray


def check_trainable(cohort: Cohort, config: FindingsConfig) -> None:
    """Refuse a cohort that findings cannot be learned from, before anything is read."""
    unknown = sorted(set(config.views) - set(cohort.views))
    if unknown:
        raise DataError(
            f"task 'findings': cohort {cohort.name!r} has no view {unknown[0]!r}; its views: {', '.join(cohort.views)}"
        )
    if cohort.annotations is None:
        raise DataError(f"task 'findings': cohort {cohort.name!r} has no boxes; findings learns from annotated lesions")
    columns = [cohort.views.index(view) for view in config.views]
    lesion = cohort.part("train").view_labels()[:, columns]
    if not lesion.any() or lesion.all():
        raise DataError(
            f"task 'findings': the train split of cohort {cohort.name!r} has {int(lesion.sum())} views with a lesion "
            f"and {int((~lesion).sum())} without, in {', '.join(config.views)}; both kinds are needed"
        )


def read_views(cohort: Cohort, split: str, config: FindingsConfig, context: FitContext) -> TrainingViews:
    """Read the views of one split, once each; views that a case lacks are left out."""
    part = cohort.part(split)
    with context.progress.step(f"findings: reading {split} views", total=len(part)) as bar:
        prepared = prepare_views(part.cases, config.views, config.size, bar)
    assert part.annotations is not None  # check_trainable has seen to it
    boxes, cells, classes = _lesions(part.annotations, prepared, [part.views.index(view) for view in config.views])
    if not config.distinguish:
        classes = np.ones_like(classes)
    lesion = np.zeros(prepared.present.size, np.int64)
    lesion[cells] = 1
    present = prepared.present.ravel()
    pixels = prepared.pixels.reshape(-1, *config.size, 1)
    rows = np.cumsum(present) - 1
    if not present.all():
        pixels, lesion = pixels[present], lesion[present]
    return TrainingViews(pixels, lesion, boxes, rows[cells], classes)


def _lesions(
    annotations: Annotations, prepared: PreparedViews, columns: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (k, 4) in prepared pixels, their cells ``case * views + view`` and 1 + class, of the views there are."""
    place = {column: number for number, column in enumerate(columns)}
    boxes, cells, classes = [], [], []
    for case, column, box, label in zip(
        annotations.case, annotations.view, annotations.boxes, annotations.labels, strict=True
    ):
        placement = prepared.placements[case][place[column]] if column in place else None
        if placement is not None:
            boxes.append(placement.to_prepared(box)[0])
            cells.append(case * len(columns) + place[column])
            classes.append(label + 1)
    return np.array(boxes).reshape(-1, 4), np.array(cells, np.int64), np.array(classes, np.int64)


def grey_statistics(pixels: np.ndarray) -> tuple[float, float]:
    """Mean and variance of the grey values 0..255 of views (views, height, width, 1), which are uint8.

    Counted, so that no copy in floating point is made; a variance of 0 (all views black) becomes 1.
    """
    counts = np.zeros(256)
    for view in pixels:
        counts += np.bincount(view.ravel(), minlength=256)
    share = counts / max(counts.sum(), 1)
    mean = float(share @ np.arange(256))
    variance = float(share @ np.square(np.arange(256) - mean))
    return mean, variance if variance > 0 else 1.0


@attrs.frozen(eq=False)
class Sites:
    """Places to cut patches at: (n, 3) integers view, x, y of the upper left corner, and (n,) 0 or 1 + class."""

    places: np.ndarray
    labels: np.ndarray


def draw_sites(views: TrainingViews, config: FindingsConfig, seed: int) -> Sites:
    """Places on every lesion (III-A.2: over 90 % of it in the patch), and places in every normal view."""
    generator = np.random.default_rng(seed)
    places, labels = [], []
    for row, pixels in enumerate(views.pixels[..., 0]):
        mine = np.flatnonzero(views.rows == row)
        if len(mine):
            found = sample_lesion_patches(pixels, views.boxes[mine], config.patch, config.patches_per_lesion, generator)
            corners, classes = found.corners, views.classes[mine][found.boxes]
        else:
            corners = _normal_corners(pixels, config, generator)
            classes = np.zeros(len(corners), np.int64)
        places.append(np.column_stack([np.full(len(corners), row), corners]))
        labels.append(classes)
    return Sites(np.concatenate(places).astype(np.int64), np.concatenate(labels))


def _normal_corners(pixels: np.ndarray, config: FindingsConfig, generator: np.random.Generator) -> np.ndarray:
    count = round(config.patches_per_normal * config.anywhere)
    tissue = np.argwhere(pixels > 0)
    loose = tissue[generator.integers(len(tissue), size=count)][:, ::-1] if len(tissue) else np.zeros((0, 2), np.int64)
    inside = max(config.patches_per_normal - len(loose), 0)
    if not inside:
        return loose - config.patch // 2
    strict = sample_normal_patches(pixels, pixels > 0, config.patch, inside, generator).corners
    return np.concatenate([loose - config.patch // 2, strict])


def cut_patches(
    pixels: np.ndarray, places: np.ndarray, size: int, generator: np.random.Generator | None = None
) -> np.ndarray:
    """Patches (n, size, size, 1) float32 0..255 at ``places`` (see :class:`Sites`).

    With a generator each is turned by any angle, mirrored or not, and zoomed a little, around its own centre and cut
    straight from the view, so that no corner is empty inside it.
    """
    patches = np.empty((len(places), size, size, 1), np.float32)
    for patch, (row, x, y) in zip(patches, places, strict=True):
        linear = np.eye(2) if generator is None else _random_turn(generator)
        middle = (size - 1) / 2
        shift = np.array([x + middle, y + middle]) - linear @ np.array([middle, middle])
        matrix = np.column_stack([linear, shift])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch[..., 0] = cv2.warpAffine(pixels[row, ..., 0], matrix, (size, size), flags=how)
    return patches


def _random_turn(generator: np.random.Generator) -> np.ndarray:
    angle = generator.uniform(0, 2 * np.pi)
    zoom = np.exp(generator.uniform(-LARGEST_ZOOM, LARGEST_ZOOM))
    mirror = np.diag([generator.choice([-1.0, 1.0]), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(zoom * turn @ mirror)
