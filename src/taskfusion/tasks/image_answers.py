"""From the raw outputs of a network to scores, features and detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from taskfusion.errors import DataError, SpecError, did_you_mean
from taskfusion.images import Array
from taskfusion.outputs import Detections
from taskfusion.tasks.image_config import ImageModelConfig

SLACK = 1e-5  # by which rounding may carry a probability out of [0, 1]
FILLER = -1  # the score with which some networks fill up a fixed number of boxes


def head_names(config: ImageModelConfig, outputs: Sequence[str]) -> dict[str, str]:
    """What each needed output of a network means: role (scores, boxes, labels) to output name.

    Raises:
        SpecError: an output that does not exist, with the nearest, or several and none named.
    """
    asked = {"scores": config.scores, "boxes": config.boxes, "labels": config.labels}
    heads = {role: name for role, name in asked.items() if name}
    if "scores" not in heads:
        if len(outputs) != 1:
            raise SpecError(f"the network has several outputs: {', '.join(outputs)}; say which one is scores")
        heads = {"scores": outputs[0], **heads}
    for role, name in heads.items():
        if name not in outputs:
            raise SpecError(f"{role}: the network has no output {name!r}{did_you_mean(name, outputs)}")
    return heads


def class_names(config: ImageModelConfig, shape: Sequence[int | None], output: str) -> tuple[str, ...]:
    """The classes of scores with this shape, ``(batch, scores)`` or ``(batch,)``.

    Raises:
        SpecError: a shape of another kind, or another number of scores than classes.
    """
    count = (*shape, 1)[1] if shape else None
    if len(shape) > 2 or count is None:
        raise SpecError(f"output {output!r} has shape {_shown(shape)}; expected (images, scores)")
    if config.positive is not None:
        if config.positive >= count:
            raise SpecError(f"positive is {config.positive}; output {output!r} has {count} scores, counted from 0")
        return config.classes or ("positive",)
    if not config.classes and count == 1:
        return ("positive",)
    if len(config.classes) != count:
        names = f"names {len(config.classes)}: {', '.join(config.classes)}" if config.classes else "is empty"
        hint = "; or positive: 1 to keep the second one" if count == 2 and len(config.classes) < 2 else ""
        raise SpecError(f"output {output!r} has {count} scores, classes {names}; expected a name for each{hint}")
    return config.classes


def class_scores(raw: Array, config: ImageModelConfig) -> Array:
    """Raw scores ``(samples, scores)`` or ``(samples,)`` as probabilities ``(samples, classes)``, not checked."""
    values = activated(np.asarray(raw, np.float64).reshape(len(raw), -1), config.activation)
    return values if config.positive is None else values[:, [config.positive]]


def activated(values: Array, activation: str) -> Array:
    """Logits as probabilities, ``(samples, scores)``."""
    from scipy.special import expit, softmax

    if activation == "sigmoid":
        return np.asarray(expit(values))
    return np.asarray(softmax(values, axis=1)) if activation == "softmax" else values


def checked_scores(scores: Array, about: Sequence[str], output: str) -> Array:
    """Scores ``(samples, ...)``, held to [0, 1].

    Args:
        scores: of any shape; the first axis goes along ``about``.
        about: what each sample is, in words.
        output: the name of the output.

    Raises:
        DataError: a score out of [0, 1], saying of what and what to do.
    """
    bad = ~((scores >= -SLACK) & (scores <= 1 + SLACK))
    if bad.any():
        where = tuple(np.argwhere(bad)[0])
        raise DataError(
            f"{about[int(where[0])]}: output {output!r} says {scores[where]:.6g}; expected a score from 0 to 1; "
            "where these are logits, write activation: sigmoid or softmax"
        )
    return np.clip(scores, 0, 1)


def feature_size(shape: Sequence[int | None], last: bool, output: str) -> int:
    """Length of the feature an output or layer of this shape becomes.

    Raises:
        SpecError: none, or one that is not fixed.
    """
    size = (*shape, 1, 1)[1] if len(shape) < 3 else shape[-1 if last or len(shape) == 3 else 1]
    if not shape or size is None:
        raise SpecError(f"feature {output!r} has shape {_shown(shape)}; expected a fixed number of channels")
    return size


def pooled(raw: Array, last: bool) -> Array:
    """Features ``(samples, size)``: maps and token sequences are averaged over all but samples and channels."""
    values = np.asarray(raw, np.float32)
    if values.ndim == 1:
        return values[:, None]
    channels = values.ndim - 1 if last or values.ndim == 3 else 1  # sequences have the channels last anywhere
    return values.mean(axis=tuple(k for k in range(1, values.ndim) if k != channels))


@attrs.frozen(eq=False)
class Image:
    """What one image is: in words, its size as read and the size in which the network saw it (height, width)."""

    about: str
    size: tuple[int, int]
    shown: tuple[int, int]


def detections_in(raw: Mapping[str, Array], image: Image, config: ImageModelConfig) -> Detections:
    """The detections in one image, boxes in its own pixels and cut at its edges.

    Args:
        raw: boxes ``(n, 4)``, scores ``(n,)``, labels ``(n,)`` unless there is one class, feature ``(n, size)`` if any.
        image: the image.
        config: the options.

    Raises:
        DataError: outputs that do not fit together, or boxes, labels or scores that cannot be.
    """
    _check_shapes(raw, image)
    scores = np.asarray(raw["scores"], np.float64)
    if config.activation == "sigmoid":
        scores = activated(scores[None], "sigmoid")[0]
    else:
        scores = np.where(scores == FILLER, 0, scores)
    scores = checked_scores(scores[None], [image.about], config.scores)[0]
    boxes = pixel_boxes(np.asarray(raw["boxes"], np.float64), image, config)
    kept = np.flatnonzero(scores > config.threshold)
    _check_boxes(boxes[kept], image)
    edges = np.array([image.size[1], image.size[0]] * 2)
    cut = np.clip(boxes, 0, edges).astype(np.float32)
    kept = kept[(cut[kept, 2:] > cut[kept, :2]).all(axis=1)]  # a box beside the image is none
    labels = _labels(raw["labels"][kept], image, config) if "labels" in raw else np.zeros(len(kept), np.int64)
    feature = raw["feature"][kept] if "feature" in raw else None
    return Detections([0, len(kept)], cut[kept], labels, scores[kept], feature)


def pixel_boxes(boxes: Array, image: Image, config: ImageModelConfig) -> Array:
    """Boxes of a network ``(n, 4)`` as xyxy in pixels of the image as read."""
    a, b, c, d = boxes.T
    if config.box_format == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif config.box_format == "cxcywh":
        a, b, c, d = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    elif config.box_format == "yxyx":
        a, b, c, d = b, a, d, c
    height, width = (1, 1) if config.normalized else image.shown
    x, y = image.size[1] / width, image.size[0] / height
    return np.stack([a * x, b * y, c * x, d * y], axis=1)


def _check_shapes(raw: Mapping[str, Array], image: Image) -> None:
    count = len(raw["scores"]) if raw["scores"].ndim else 0
    expected = {"boxes": (count, 4), "scores": (count,), "labels": (count,)}
    for role, shape in expected.items():
        if role in raw and raw[role].shape != shape:
            raise DataError(f"{image.about}: {role} has shape {raw[role].shape}; expected {shape}")
    if "feature" in raw and (raw["feature"].ndim != 2 or len(raw["feature"]) != count):
        raise DataError(f"{image.about}: feature has shape {raw['feature'].shape}; expected one vector for each box")


def _check_boxes(boxes: Array, image: Image) -> None:
    bad = ~(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    if bad.any():
        raise DataError(
            f"{image.about}: box {boxes[bad][0].round(3).tolist()} (xyxy, in pixels of the image) has no area; "
            "are box_format and normalized right?"
        )


def _labels(raw: Array, image: Image, config: ImageModelConfig) -> Array:
    labels = np.asarray(raw, np.float64) - config.first_label
    bad = ~((labels >= 0) & (labels < len(config.classes)) & (labels == np.round(labels)))
    if bad.any():
        last = config.first_label + len(config.classes) - 1
        raise DataError(
            f"{image.about}: label {np.asarray(raw)[bad][0]} is none of {config.first_label} to {last}; "
            "are classes and first_label right?"
        )
    return labels.astype(np.int64)


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"
