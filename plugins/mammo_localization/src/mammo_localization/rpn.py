"""The first stage: where in the image something may be, whatever it is."""

from __future__ import annotations

from typing import Any

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


class ProposalStage:
    """What to do with the head's answers: propose boxes, and say how wrong they are."""

    def __init__(self, config: LocalizationConfig, head: Any) -> None:
        self.config = config
        self.head = head

    def __call__(self, maps: Any) -> tuple[Any, Any, Any]:
        """Codes ``(n, anchors, 4)``, logits ``(n, anchors, 2)`` and the anchors ``(anchors, 4)`` of maps."""
        codes, logits = self.head(maps)
        anchors = grid_anchors(self.config, *maps.shape[1:3])
        flat = ops.reshape(codes, (-1, len(anchors), 4)), ops.reshape(logits, (-1, len(anchors), 2))
        return (*flat, ops.convert_to_tensor(anchors))

    def propose(self, answers: tuple[Any, Any, Any], size: tuple[int, int]) -> tuple[Any, Any]:
        """Best boxes ``(n, proposals, 4)`` in an image of ``size`` (height, width) and scores; 0: no box."""
        config = self.config
        codes, logits, anchors = answers
        scores = ops.softmax(logits, axis=-1)[..., 1]
        candidates = min(config.rpn_candidates, scores.shape[1])
        scores, index = ops.top_k(scores, candidates)
        flat = ops.take(anchors, index, axis=0)
        boxes = box.clip(box.decode(flat, matching.pick(codes, index)), *size)
        scores = ops.where(box.area(boxes) > 0, scores, ops.zeros_like(scores))
        index, scores = suppress(boxes, scores, config.rpn_nms_iou, (candidates, config.proposals))
        return matching.pick(boxes, index), scores

    def losses(self, answers: tuple[Any, Any, Any], truth: Any, valid: Any, noise: Any) -> dict[str, Any]:
        """Weighted losses of boxes and objectness against true boxes ``(n, boxes, 4)``."""
        config = self.config
        codes, logits, anchors = answers
        rule = matching.Thresholds(config.rpn_positive_iou, config.rpn_negative_iou, force=True)
        matches = matching.match(anchors, truth, valid, rule)
        positive, negative = matching.sample(matches, config.rpn_samples, config.rpn_positive_share, noise)
        wanted = box.encode(anchors, matching.pick(truth, matches.truth))
        sampled = positive | negative
        return {
            "rpn_box": config.rpn_box_weight * losses.box_loss(codes, wanted, positive, sampled),
            "rpn_object": config.rpn_object_weight * losses.cross_entropy(logits, ops.cast(positive, "int32"), sampled),
        }
