"""Where F sees a lesion: class activation heat maps from the weights it has (weak localization)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mammo_data.batches import PreparedViews
from mammo_data.images import Placement
from mammo_findings.config import STRIDE, FindingsConfig
from mammo_findings.networks import HEAD, HIDDEN, window
from mammo_findings.views import TrainingViews
from taskfusion.tasks.diagnostics import HeatMap
from taskfusion.training.backend import keras

LONGEST = 256
"""Most rows and columns of a heat map: F's own places are coarser by far."""
LEAN = (STRIDE - 1) / 2
"""Pixels right and down, where it cannot be measured. MobileNet pads its five strided layers below and to the right
alone, so that what a step of its last map looks at lies this far from the step itself: 0.5 x (1 + 2 + 4 + 8 + 16)."""

MEASURED, ENOUGH = 200, 10
"""Training views that are looked at for the lean, and the fewest that tell it."""
CHUNK = 16


def evidence(places: np.ndarray, features: np.ndarray, view: keras.Model) -> np.ndarray:
    """How much more every place speaks for a lesion than the mean place does.

    The gap of F's logits, of any lesion and of none, as a function of what was pooled, is linear near ``features``
    (exactly with two classes and no hidden layer). Its slope weighs each place: CAM (Zhou et al. 2016), and with the
    hidden layer Grad-CAM (Selvaraju et al. 2017), whose gradient is written out here, so that any backend serves.

    Args:
        places: (views, rows, columns, channels).
        features: (views, channels), pooled.
        view: F.

    Returns:
        (views, rows, columns).
    """
    hidden = view.get_layer(HIDDEN).get_weights() if any(layer.name == HIDDEN for layer in view.layers) else None
    inner = features if hidden is None else np.maximum(features @ hidden[0] + hidden[1], 0)
    slope = _slope(inner, *view.get_layer(HEAD).get_weights())
    if hidden is not None:
        slope = (slope * (inner > 0)) @ hidden[0].T
    found = np.einsum("vrcf,vf->vrc", places, slope)
    return found - found.mean(axis=(1, 2), keepdims=True)


def _slope(inner: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Of "any lesion" against normal, at what enters the last layer: (views, channels).

    Of several kinds of lesions each counts as much as it is likely.
    """
    logits = inner @ kernel[:, 1:] + bias[1:]
    kinds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (kinds / kinds.sum(axis=1, keepdims=True)) @ kernel[:, 1:].T - kernel[:, 0]


def shares(found: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Evidence (views, rows, columns) as heat in 0..1: the highest place of a view has the view's own score (views,).

    Places no better than the mean have none, nor has a view that is the same everywhere.
    """
    positive = np.maximum(found, 0)
    peak = positive.max(axis=(1, 2), keepdims=True)
    return np.divide(positive, peak, out=np.zeros_like(positive), where=peak > 0) * scores[:, None, None]


def measured_lean(view: keras.Model, learned: TrainingViews, config: FindingsConfig) -> list[float]:
    """How far right and down of a place's middle the lesions lie that it answers about, in pixels: x, y.

    A place sees nearly the whole view, and training alone decides which part of it moves the answer. So it is measured
    on training views with one lesion that F finds: the median distance from the evidence to the lesion's middle.
    """
    from mammo_findings.networks import mapped
    from taskfusion.training.inference import predict_batches

    rows, counts = np.unique(learned.rows, return_counts=True)
    rows, network, found = rows[counts == 1][:MEASURED], mapped(view), []
    order = np.argsort(learned.rows, kind="stable")
    middles = _middles(learned.boxes[order][np.isin(learned.rows[order], rows)])
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        probabilities, features, places = predict_batches(network, learned.pixels[rows[part]], CHUNK)
        sure = probabilities[:, 0] < 0.5
        found.append((middles[part] - STRIDE * _summits(evidence(places, features, view)))[sure])
    offsets = np.concatenate(found) if found else np.zeros((0, 2))
    if len(offsets) < ENOUGH:
        return [LEAN, LEAN]
    return [float(value) for value in np.median(offsets, axis=0) - STRIDE * window(config) / 2]


def _middles(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _summits(found: np.ndarray) -> np.ndarray:
    """Where evidence (views, rows, columns) is high: the centre of what is above half its peak, x and y in places."""
    peak = np.maximum(found.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    high = np.where(found > peak / 2, found, 0) + np.finfo(np.float32).tiny
    down, across = np.mgrid[: found.shape[1], : found.shape[2]]
    return np.stack([(high * axis).sum(axis=(1, 2)) / high.sum(axis=(1, 2)) for axis in (across, down)], axis=1)


def on_image(
    heat: np.ndarray, placement: Placement, shape: tuple[int, int], config: FindingsConfig, lean: Sequence[float]
) -> HeatMap:
    """A view's heat (rows, columns) laid back over the whole image of this height and width, 0 outside the cut."""
    zoom = min(1.0, LONGEST / max(shape))
    rows, columns = (max(1, round(side * zoom)) for side in shape)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * shape[1] / columns, (np.arange(rows) + 0.5) * shape[0] / rows)
    there = placement.points_to_prepared(np.stack([x.ravel(), y.ravel()], axis=1))
    inside = ((there >= 0) & (there <= [config.size[1], config.size[0]])).all(axis=1)
    steps = ((there - lean) / STRIDE - window(config) / 2).astype(np.float32).reshape(rows, columns, 2)
    across, down = np.ascontiguousarray(steps[..., 0]), np.ascontiguousarray(steps[..., 1])
    laid = cv2.remap(heat.astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return HeatMap(np.clip(laid * inside.reshape(rows, columns), 0, 1))


def heat_maps(
    answers: tuple[np.ndarray, ...],
    prepared: PreparedViews,
    view: keras.Model,
    config: FindingsConfig,
    lean: Sequence[float] = (LEAN, LEAN),
) -> dict[str, HeatMap]:
    """Heat maps of one case's views, by name.

    Args:
        answers: what the mapped F says of the views that are there: probabilities, features, places.
        prepared: the case.
        view: F.
        config: of F.
        lean: of its places, see :func:`measured_lean`.
    """
    probabilities, features, places = answers
    heat = shares(evidence(places, features, view), np.clip(1 - probabilities[:, 0], 0, 1))
    columns = np.flatnonzero(prepared.present[0])
    made = {}
    for column, one in zip(columns, heat, strict=True):
        placement = prepared.placements[0][column]
        height, width = prepared.shapes[0, column].tolist()
        if placement is not None:
            made[config.views[column]] = on_image(one, placement, (height, width), config, lean)
    return made
