"""The first stage: where in the image something may be, whatever it is."""

from __future__ import annotations

from typing import Any, Self

import attrs
import numpy as np

from mammo_localization import boxes as box
from mammo_localization import losses, matching
from mammo_localization.anchors import grid_anchors
from mammo_localization.config import LocalizationConfig
from mammo_localization.layout import map_depth
from mammo_localization.nms import suppress
from taskfusion.training.backend import keras

ops = keras.ops


def proposal_head(config: LocalizationConfig) -> Any:
    """Network from maps ``(n, h, w, depth)`` to box codes ``(n, h, w, 4 a)`` and logits ``(n, h, w, 2 a)``.

    ``a`` anchors a cell; of the two logits the first is "nothing", the second "something" (OD's order).
    """
    maps = keras.Input((None, None, map_depth(config)))
    count = config.anchors_per_cell
    start = _initializer(config)
    x = keras.layers.Conv2D(config.depth(config.rpn_depth), 3, padding="same", name="Conv", **start)(maps)
    x = keras.layers.ReLU(max_value=6.0)(x)
    codes = keras.layers.Conv2D(4 * count, 1, name="BoxEncodingPredictor", **start)(x)
    logits = keras.layers.Conv2D(2 * count, 1, name="ClassPredictor", **start)(x)
    return keras.Model(maps, [codes, logits], name="FirstStageBoxPredictor")


def _initializer(config: LocalizationConfig) -> dict[str, Any]:
    if config.rpn_deviation is None:
        return {}
    return {"kernel_initializer": keras.initializers.TruncatedNormal(stddev=config.rpn_deviation)}


@attrs.frozen(eq=False)
class Answers:
    """What the head says of every anchor.

    Attributes:
        codes: ``(n, anchors, 4)``.
        logits: ``(n, anchors, 2)``.
        anchors: ``(anchors, 4)``.
        counts: ``(anchors,)`` booleans; others are neither learned from nor proposed.
    """

    codes: Any
    logits: Any
    anchors: Any
    counts: Any

    def stopped(self) -> Self:
        """The same, through which no gradient flows."""
        return attrs.evolve(self, codes=ops.stop_gradient(self.codes), logits=ops.stop_gradient(self.logits))


class ProposalStage:
    """What to do with the head's answers: propose boxes, and say how wrong they are."""

    def __init__(self, config: LocalizationConfig, head: Any) -> None:
        self.config = config
        self.head = head

    def __call__(self, maps: Any, size: tuple[int, int], training: bool = False) -> Answers:
        """The head's answers about maps of an image of ``size`` (height, width)."""
        codes, logits = self.head(maps)
        return self.answers(codes, logits, size, training)

    def answers(self, codes: Any, logits: Any, size: tuple[int, int], training: bool = False) -> Answers:
        """What the head said, anchor by anchor."""
        anchors, counts = self._anchors(codes.shape[1:3], size, training)
        flat = ops.reshape(codes, (-1, len(anchors), 4)), ops.reshape(logits, (-1, len(anchors), 2))
        return Answers(*flat, ops.convert_to_tensor(anchors), ops.convert_to_tensor(counts))

    def _anchors(self, cells: tuple[int, int], size: tuple[int, int], training: bool) -> tuple[Any, Any]:
        """Anchors and whether they count; with ``clip_anchors`` those across the edge are left out or cut, as in OD."""
        anchors = grid_anchors(self.config, *cells)
        high = np.array([size[1], size[0]] * 2, np.float32)
        inside = ((anchors >= 0) & (anchors <= high)).all(axis=1)
        if not self.config.clip_anchors:
            return anchors, np.ones_like(inside)
        return (anchors, inside) if training else (np.clip(anchors, 0, high), np.ones_like(inside))

    def propose(self, answers: Answers, size: tuple[int, int]) -> tuple[Any, Any]:
        """Best boxes ``(n, proposals, 4)`` in an image of ``size`` (height, width) and scores; 0: no box."""
        config = self.config
        scores = ops.softmax(answers.logits, axis=-1)[..., 1] * ops.cast(answers.counts, "float32")
        candidates = min(config.rpn_candidates, scores.shape[1])
        scores, index = ops.top_k(scores, candidates)
        flat = ops.take(answers.anchors, index, axis=0)
        boxes = box.clip(box.decode(flat, matching.pick(answers.codes, index)), *size)
        scores = ops.where(box.area(boxes) > 0, scores, ops.zeros_like(scores))
        index, scores = suppress(boxes, scores, config.rpn_nms_iou, (candidates, config.proposals))
        return matching.pick(boxes, index), scores

    def losses(self, answers: Answers, truth: Any, valid: Any, noise: Any) -> dict[str, Any]:
        """Weighted losses of boxes and objectness against true boxes ``(n, boxes, 4)``."""
        config = self.config
        anchors, counts = answers.anchors, answers.counts
        rule = matching.Thresholds(config.rpn_positive_iou, config.rpn_negative_iou, force=True)
        eligible = anchors * ops.cast(counts, "float32")[:, None]  # a box without area is nobody's best
        matches = matching.match(eligible, truth, valid, rule).among(counts)
        positive, negative = matching.sample(matches, config.rpn_samples, config.rpn_positive_share, noise)
        wanted = box.encode(anchors, matching.pick(truth, matches.truth))
        sampled = positive | negative
        return {
            "rpn_box": config.rpn_box_weight * losses.box_loss(answers.codes, wanted, positive, sampled),
            "rpn_object": config.rpn_object_weight
            * losses.cross_entropy(answers.logits, ops.cast(positive, "int32"), sampled),
        }
