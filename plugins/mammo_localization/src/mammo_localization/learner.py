"""Faster R-CNN while it learns: the four losses of a batch, added up inside a layer: any backend trains it."""

from __future__ import annotations

from typing import Any

from mammo_localization import boxes as box
from mammo_localization import losses, matching
from mammo_localization.detector import Detector
from taskfusion.training.backend import keras

ops = keras.ops


class Learner(keras.Model):
    """The detector while it learns: called with a batch, it adds the four losses and returns their sum.

    Inputs: ``images`` ``(n, height, width, channels)``, ``boxes`` ``(n, m, 4)`` xyxy pixels, ``labels`` ``(n, m)``
    (-1: no box). Any window of an image will do.
    """

    def __init__(self, detector: Detector, seed: int) -> None:
        super().__init__(name="learner")
        self.detector = detector
        self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Nothing to do: the detector is built."""
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = True) -> Any:
        """Compute the losses of a batch."""
        images, boxes = inputs["images"], inputs["boxes"]
        labels = ops.cast(inputs["labels"], "int32")
        maps = self.detector.first(images, training=training)
        stage = self.detector.proposals
        answers = stage(maps, images.shape[1:3], training=True)
        terms = stage.losses(answers, boxes, labels >= 0, self._noise(answers.logits))
        proposals, scores = stage.propose(answers.stopped(), images.shape[1:3])
        sampled = self._sampled(proposals, scores, boxes, labels)
        terms |= self._second_losses(maps, images.shape[1:3], sampled, training)
        total = sum(terms.values())
        self.add_loss(total)
        return total

    def _sampled(self, proposals: Any, scores: Any, boxes: Any, labels: Any) -> tuple[Any, Any, Any, Any]:
        """Random proposals with their class (0: background), true box, and whether there is one at all."""
        config = self.detector.config
        if config.add_true_boxes:
            proposals = ops.concatenate([boxes, proposals], axis=1)
            scores = ops.concatenate([ops.cast(labels >= 0, "float32"), scores], axis=1)
        rule = matching.Thresholds(config.roi_positive_iou, config.roi_positive_iou)
        matches = matching.match(proposals, boxes, labels >= 0, rule).among(scores > 0)
        noise = self._noise(proposals)
        positive, negative = matching.sample(matches, config.roi_samples, config.roi_positive_share, noise)
        order = ops.where(positive, noise + 2, ops.where(negative, noise + 1, 0 * noise))
        rank, index = ops.top_k(order, min(config.roi_samples, order.shape[1]))
        truth = ops.take_along_axis(matches.truth, index, axis=1)
        classes = ops.where(rank > 2, ops.take_along_axis(labels, truth, axis=1) + 1, 0)
        return matching.pick(proposals, index), classes, matching.pick(boxes, truth), rank > 0

    def _second_losses(self, maps: Any, size: tuple[int, int], sampled: Any, training: bool) -> dict[str, Any]:
        config = self.detector.config
        proposals, classes, truth, real = sampled
        features = self.detector.features(maps, proposals, size, training)
        codes, logits = self.detector.box_head(features)
        own = self._own_codes(codes, classes)
        wanted = box.encode(proposals, truth)
        return {
            "roi_box": config.roi_box_weight * losses.box_loss(own, wanted, classes > 0, real),
            "roi_class": config.roi_class_weight * losses.cross_entropy(logits, classes, real),
        }

    def _own_codes(self, codes: Any, classes: Any) -> Any:
        """The code ``(n, m, 4)`` of each proposal's true class."""
        if self.detector.config.share_boxes:
            return codes
        codes = ops.reshape(codes, (*ops.shape(codes)[:2], -1, 4))
        index = ops.maximum(classes - 1, 0)[..., None, None]
        return ops.take_along_axis(codes, index, axis=2)[:, :, 0]

    def _noise(self, like: Any) -> Any:
        return keras.random.uniform(ops.shape(like)[:2], minval=1e-6, maxval=1.0, seed=self.random)
