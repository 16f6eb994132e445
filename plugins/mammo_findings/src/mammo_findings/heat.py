"""Where F sees a lesion: class activation heat maps from the weights it has (weak localization)."""

from __future__ import annotations

import cv2
import numpy as np

from mammo_data.batches import PreparedViews
from mammo_data.images import Placement
from mammo_findings.config import STRIDE, FindingsConfig
from mammo_findings.networks import HEAD, HIDDEN, window
from taskfusion.tasks.diagnostics import HeatMap
from taskfusion.training.backend import keras

LONGEST = 256
"""Most rows and columns of a heat map: F's own places are coarser by far."""
LEAN = (STRIDE - 1) / 2
"""MobileNet pads its five strided layers below and to the right alone, so that what a step of its last map looks at
lies this many pixels further to the right and further down than the step itself: 0.5 x (1 + 2 + 4 + 8 + 16)."""


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


def on_image(heat: np.ndarray, placement: Placement, shape: tuple[int, int], config: FindingsConfig) -> HeatMap:
    """A view's heat (rows, columns) laid back over the whole image of this height and width, 0 outside the cut."""
    zoom = min(1.0, LONGEST / max(shape))
    rows, columns = (max(1, round(side * zoom)) for side in shape)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * shape[1] / columns, (np.arange(rows) + 0.5) * shape[0] / rows)
    there = placement.points_to_prepared(np.stack([x.ravel(), y.ravel()], axis=1))
    inside = ((there >= 0) & (there <= [config.size[1], config.size[0]])).all(axis=1)
    steps = ((there - LEAN) / STRIDE - window(config) / 2).astype(np.float32).reshape(rows, columns, 2)
    across, down = np.ascontiguousarray(steps[..., 0]), np.ascontiguousarray(steps[..., 1])
    laid = cv2.remap(heat.astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return HeatMap(np.clip(laid * inside.reshape(rows, columns), 0, 1))


def heat_maps(
    answers: tuple[np.ndarray, ...], prepared: PreparedViews, view: keras.Model, config: FindingsConfig
) -> dict[str, HeatMap]:
    """Heat maps of one case's views, by name.

    Args:
        answers: what the mapped F says of the views that are there: probabilities, features, places.
        prepared: the case.
        view: F.
        config: of F.
    """
    probabilities, features, places = answers
    heat = shares(evidence(places, features, view), np.clip(1 - probabilities[:, 0], 0, 1))
    columns = np.flatnonzero(prepared.present[0])
    made = {}
    for column, one in zip(columns, heat, strict=True):
        placement = prepared.placements[0][column]
        height, width = prepared.shapes[0, column].tolist()
        if placement is not None:
            made[config.views[column]] = on_image(one, placement, (height, width), config)
    return made
