"""Faster R-CNN: the two stages joined, to detect. ``learner`` joins them to learn."""

from __future__ import annotations

from typing import Any

from mammo_localization import boxes as box
from mammo_localization import inception, matching
from mammo_localization.config import LocalizationConfig
from mammo_localization.layout import feature_size
from mammo_localization.nms import suppress
from mammo_localization.roi import crop_and_pool
from mammo_localization.rpn import ProposalStage, proposal_head
from taskfusion.training.backend import jit_compile, keras

ops = keras.ops


def box_head(config: LocalizationConfig) -> Any:
    """Network from features ``(n, m, feature_size)`` to box codes ``(n, m, 4)`` or ``(n, m, 4 classes)`` and logits
    ``(n, m, classes + 1)``, background first."""
    features = keras.Input((None, feature_size(config)))
    boxes = 1 if config.share_boxes else len(config.classes)
    codes = keras.layers.Dense(4 * boxes, name="BoxEncodingPredictor", kernel_initializer="variance_scaling")(features)
    logits = keras.layers.Dense(len(config.classes) + 1, name="ClassPredictor", kernel_initializer="variance_scaling")(
        features
    )
    return keras.Model(features, [codes, logits], name="SecondStageBoxPredictor")


class Detector(keras.Model):
    """From images ``(n, height, width, channels)`` in [0, 1] to detections of fixed number.

    Returns a dictionary: ``boxes`` ``(n, d, 4)`` xyxy pixels of the image, ``labels`` ``(n, d)``, ``scores`` ``(n, d)``
    (0: no detection), ``features`` ``(n, d, feature_size)``, ``background`` ``(n, feature_size)``.
    """

    def __init__(self, config: LocalizationConfig) -> None:
        super().__init__(name="localization")
        self.config = config
        self.first = inception.first_stage(config)
        self.second = inception.second_stage(config)
        self.proposal_head = proposal_head(config)
        self.box_head = box_head(config)
        self.proposals = ProposalStage(config, self.proposal_head)
        self.build((None, *config.size, config.channels))
        self.jit_compile = jit_compile()

    def build(self, input_shape: Any) -> None:
        """Nothing to do: every part was built with its own shapes."""
        self.built = True

    def call(self, images: Any) -> dict[str, Any]:
        """Detect."""
        size = images.shape[1:3]
        maps, codes, logits, whole = self.look(images)
        proposed = self.propose(codes, logits, size)
        return self.conclude(images[..., 0], whole, proposed, self.judge(maps, proposed[0], size))

    def look(self, images: Any) -> tuple[Any, Any, Any, Any]:
        """Maps of images, what the first stage's head says of them, and the second stage's map of the whole image."""
        maps = self.first(images, training=False)
        return (maps, *self.proposal_head(maps), self.second(maps, training=False))

    def propose(self, codes: Any, logits: Any, size: tuple[int, int]) -> tuple[Any, Any]:
        """The best boxes ``(n, proposals, 4)`` and their objectness, of what the first stage's head says."""
        return self.proposals.propose(self.proposals.answers(codes, logits, size), size)

    def judge(self, maps: Any, boxes: Any, size: tuple[int, int]) -> tuple[Any, Any, Any]:
        """Features of boxes, codes of better ones, and class logits."""
        features = self.features(maps, boxes, size)
        return (features, *self.box_head(features))

    def conclude(self, grey: Any, whole: Any, proposed: Any, judged: Any) -> dict[str, Any]:
        """Detections, of what :meth:`propose` and :meth:`judge` say of grey images ``(n, height, width)``."""
        (boxes, objectness), (features, codes, logits) = proposed, judged
        size = grey.shape[1:3]
        found = self._detections(box.clip(self._refine(boxes, codes), *size), self._scores(logits, objectness))
        found["features"] = matching.pick(features, found.pop("proposal"))
        found["background"] = self._background(grey, whole, found)
        return found

    def features(self, maps: Any, boxes: Any, size: tuple[int, int], training: bool = False) -> Any:
        """Second-stage vectors ``(n, boxes, feature_size)`` of boxes ``(n, boxes, 4)`` in an image of ``size``."""
        height, width = size
        shares = box.grow(boxes, self.config.context) / ops.convert_to_tensor([width, height, width, height], "float32")
        crops = crop_and_pool(maps, shares, self.config.crop, self.config.pool)
        pooled = ops.mean(self.second(crops, training=training), axis=(1, 2))
        return ops.reshape(pooled, (-1, boxes.shape[1], pooled.shape[-1]))

    def _refine(self, boxes: Any, codes: Any) -> Any:
        """Boxes per class ``(n, proposals, classes, 4)``, or ``(n, proposals, 1, 4)`` where they are shared."""
        codes = ops.reshape(codes, (-1, boxes.shape[1], codes.shape[-1] // 4, 4))
        return box.decode(boxes[:, :, None], codes)

    def _scores(self, logits: Any, objectness: Any) -> Any:
        """Class scores ``(n, proposals, classes)``; 0 for what is no proposal or below the threshold."""
        scores = ops.softmax(logits, axis=-1)[..., 1:]
        counts = (scores >= self.config.score_threshold) & (objectness > 0)[..., None]
        return ops.where(counts, scores, ops.zeros_like(scores))

    def _detections(self, boxes: Any, scores: Any) -> dict[str, Any]:
        """Suppress per class, then keep the best of all classes."""
        config, classes = self.config, scores.shape[2]
        boxes = ops.broadcast_to(boxes, (*ops.shape(scores), 4))
        proposals = scores.shape[1]
        lists = ops.reshape(ops.transpose(boxes, (0, 2, 1, 3)), (-1, proposals, 4))
        values = ops.reshape(ops.transpose(scores, (0, 2, 1)), (-1, proposals))
        values = ops.where(box.area(lists) > 0, values, ops.zeros_like(values))
        index, values = suppress(lists, values, config.nms_iou, (proposals, config.per_class))
        kept = index.shape[1]
        merged = {
            "boxes": ops.reshape(matching.pick(lists, index), (-1, classes * kept, 4)),
            "proposal": ops.reshape(index, (-1, classes * kept)),
        }
        top, rank = ops.top_k(ops.reshape(values, (-1, classes * kept)), min(config.detections, classes * kept))
        return {
            "boxes": matching.pick(merged["boxes"], rank),
            "proposal": ops.take_along_axis(merged["proposal"], rank, axis=1),
            "labels": rank // kept,
            "scores": top,
        }

    def _background(self, grey: Any, whole: Any, found: dict[str, Any]) -> Any:
        """Mean second-stage vector over the breast outside all detections, over the breast where nothing is left."""
        breast = _cells(grey > 0, whole.shape[1:3])
        cut = found["scores"] > self.config.background_score
        outside = breast * _outside(found["boxes"], cut, grey.shape[1:3], whole.shape[1:3])
        left = ops.sum(outside, axis=(1, 2), keepdims=True)
        weight = ops.where(left > 0, outside, breast) + keras.config.epsilon()
        return ops.sum(whole * weight[..., None], axis=(1, 2)) / ops.sum(weight, axis=(1, 2))[:, None]


def _cells(mask: Any, shape: tuple[int, int]) -> Any:
    """Share of each cell of a ``shape`` grid that a mask ``(n, height, width)`` covers at the cell's centre."""
    centres = [_centres(size, cells) for size, cells in zip(mask.shape[1:3], shape, strict=True)]
    picked = ops.take(ops.take(ops.cast(mask, "float32"), centres[0], axis=1), centres[1], axis=2)
    return picked


def _outside(boxes: Any, cut: Any, size: tuple[int, int], shape: tuple[int, int]) -> Any:
    """1 for cells ``(n, *shape)`` whose centre lies in none of the boxes ``(n, d, 4)`` that are ``cut``, else 0."""
    y, x = (ops.cast(_centres(length, cells), "float32") + 0.5 for length, cells in zip(size, shape, strict=True))
    boxes = boxes[..., None] * ops.cast(cut, "float32")[..., None, None]
    rows = (y >= boxes[:, :, 1]) & (y < boxes[:, :, 3])
    columns = (x >= boxes[:, :, 0]) & (x < boxes[:, :, 2])
    inside = ops.any(rows[:, :, :, None] & columns[:, :, None, :], axis=1)
    return 1 - ops.cast(inside, "float32")


def _centres(size: int, cells: int) -> Any:
    """Pixel in the middle of each of ``cells`` equal parts of ``size`` pixels."""
    return ops.convert_to_tensor([int((i + 0.5) * size / cells) for i in range(cells)], "int32")
