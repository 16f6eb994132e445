"""Every setting of the detector in one place: defaults are the reduced size, ``PAPER`` holds the paper's values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

from taskfusion.errors import SpecError

VIEWS = ("L-CC", "L-MLO", "R-CC", "R-MLO")
CLASSES = ("benign_calcification", "benign_mass", "malignant_calcification", "malignant_mass")


def _positive(instance: object, attribute: Attribute[Any], value: Any) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers or min(numbers) <= 0:
        raise SpecError(f"{attribute.name} must be positive, found {value!r}")


def _not_negative(instance: object, attribute: Attribute[Any], value: Any) -> None:
    if value < 0:
        raise SpecError(f"{attribute.name} must not be negative, found {value!r}")


def _share(instance: object, attribute: Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise SpecError(f"{attribute.name} must lie in [0, 1], found {value!r}")


def _one_of(*choices: object) -> Any:
    def check(instance: object, attribute: Attribute[Any], value: object) -> None:
        if value not in choices:
            raise SpecError(f"{attribute.name} must be one of {', '.join(map(str, choices))}, found {value!r}")

    return check


@frozen
class LocalizationConfig:
    """Settings of the Faster R-CNN; lengths are pixels of the prepared image unless said otherwise.

    "OD" marks a setting of the TF1 Object Detection API's ``faster_rcnn_inception_v2``; "paper" is its value in the
    method (section II-B.3 and III-A.3), which the preset ``paper`` sets.
    """

    views: tuple[str, ...] = VIEWS
    """Views looked at, in the order of the output."""
    classes: tuple[str, ...] = CLASSES
    """Lesion classes, found by name among the cohort's."""

    # --- image and network
    size: tuple[int, int] = field(default=(288, 224), validator=_positive)
    """Height and width of the prepared image; paper 2700x1200."""
    channels: int = field(default=1, validator=_one_of(1, 3))
    """The grey image is repeated this often; 3 fits COCO weights (paper)."""
    width: float = field(default=0.25, validator=_positive)
    """Multiplier of every layer's channels; paper 1."""
    min_depth: int = field(default=16, validator=_positive)
    """No layer gets fewer channels (OD ``min_depth`` 16)."""
    stride: int = field(default=16, validator=_one_of(8, 16))
    """Pixels per cell of the first stage's map (OD ``first_stage_features_stride``); paper 16. With 8 small lesions are
    met better and a step takes twice as long; at the reduced size 16 found more in the same time."""
    batch_norm_momentum: float = field(default=0.95, validator=_share)
    """Share of the old moving statistics kept at each step; OD 0.9997."""
    freeze_batch_norm: bool = True
    """With ``initial_weights``, use their statistics in training too (OD, paper); a network that starts from nothing
    always learns its own."""

    # --- anchors and first stage
    anchor_base: float = field(default=32.0, validator=_positive)
    """Side of the anchor of scale 1; paper 256."""
    anchor_scales: tuple[float, ...] = field(default=(0.5, 0.75, 1.1), validator=_positive)
    """Paper 0.25, 0.5, 1, 2."""
    anchor_ratios: tuple[float, ...] = field(default=(0.6, 1.0, 1.7), validator=_positive)
    """Width over height; paper 0.5, 1, 2."""
    anchor_offset: float = 0.5
    """Centre of the first anchor, in strides; OD 0."""
    clip_anchors: bool = False
    """Cut anchors to the image when detecting, and leave those that cross its edge out of training, as OD does (paper).
    Without it every anchor counts as it is; in a small image many cross the edge."""
    rpn_depth: int = field(default=512, validator=_positive)
    """Channels of the first stage's 3x3 convolution at width 1 (OD 512)."""
    rpn_deviation: float | None = None
    """Standard deviation of the first stage head's initial weights; OD 0.01, too small for narrow layers to start from.
    None: by the size of the layer (Glorot)."""
    rpn_positive_iou: float = field(default=0.5, validator=_share)
    """Anchors that overlap a true box this much are positive; OD 0.7."""
    rpn_negative_iou: float = field(default=0.3, validator=_share)
    """Anchors below it are negative (OD 0.3); between the two they do not count."""
    rpn_samples: int = field(default=64, validator=_positive)
    """Anchors per image in the loss; OD 256."""
    rpn_positive_share: float = field(default=0.5, validator=_share)
    """At most this share of them positive (OD 0.5)."""
    rpn_candidates: int = field(default=200, validator=_positive)
    """Best anchors that enter the first non-maximum suppression; OD all (here at most this many)."""
    rpn_nms_iou: float = field(default=0.7, validator=_share)
    """Overlap above which the weaker proposal goes (OD 0.7)."""
    proposals: int = field(default=40, validator=_positive)
    """Proposals per image for the second stage; paper 300."""

    # --- second stage
    context: float = field(default=2.0, validator=_positive)
    """Boxes are grown by this factor before the crop, so that the second stage sees what surrounds a lesion, at
    about the scale of the patches it starts from; paper 1."""
    crop: int = field(default=4, validator=_positive)
    """Rows and columns sampled per proposal; paper 14."""
    pool: int = field(default=1, validator=_positive)
    """Max-pool size and stride after the crop; OD 2."""
    roi_positive_iou: float = field(default=0.5, validator=_share)
    """Proposals that overlap a true box this much get its class (OD 0.5), all others are background."""
    roi_samples: int = field(default=16, validator=_positive)
    """Proposals per image in the loss; OD 64."""
    roi_positive_share: float = field(default=0.5, validator=_share)
    """At most this share of them positive; OD 0.25."""
    add_true_boxes: bool = True
    """Offer the true boxes as proposals while training, which helps as long as the first stage is poor; paper false."""
    share_boxes: bool = True
    """One box refinement for all classes (OD ``share_box_across_classes``); paper false: one for each."""

    # --- detections
    nms_iou: float = field(default=0.3, validator=_share)
    """Overlap above which the weaker detection of one class goes; paper 0.6."""
    per_class: int = field(default=10, validator=_positive)
    """Detections kept per class and view; OD 100."""
    detections: int = field(default=10, validator=_positive)
    """Detections kept per view, of which a fuser takes the best few; OD 300, their features 1.2 MB a view."""
    score_threshold: float = field(default=0.005, validator=_share)
    """Detections below it are dropped; OD 0."""
    background_score: float = field(default=0.0, validator=_share)
    """Detections above it are cut out of a view's background feature (II-C.2); 0: all. With no ``score_threshold`` and
    300 detections little would be left of the breast, so ``paper`` says 0.05 (ours; the paper is silent)."""

    # --- losses (OD: 2, 1, 2, 1)
    rpn_box_weight: float = 2.0
    rpn_object_weight: float = 1.0
    roi_box_weight: float = 2.0
    roi_class_weight: float = 1.0

    # --- training
    optimizer: str = field(default="adam", validator=_one_of("adam", "sgd"))
    """Paper sgd."""
    learning_rate: float = field(default=6e-4, validator=_positive)
    """Peak rate; paper 1e-4. A higher one forgets what the patches taught."""
    momentum: float = field(default=0.9, validator=_share)
    """Of sgd (paper 0.9)."""
    clip_norm: float = field(default=10.0, validator=_positive)
    """Gradients are scaled down to this global norm (OD 10)."""
    schedule: str = field(default="cosine", validator=_one_of("cosine", "constant"))
    """``cosine``: 10 % warm-up, then down to 0; paper constant."""
    steps: int = field(default=320, validator=_positive)
    """Training steps; paper 100000."""
    epoch: int = field(default=80, validator=_positive)
    """Steps that are called an epoch: what is lost at most when a training is killed, or its loss is no number any more
    (``paper``: 1000)."""
    batch: int = field(default=8, validator=_positive)
    """Images per step; paper 2."""
    normal_share: float = field(default=0.4, validator=_share)
    """Share of each batch from views without a lesion; paper 0: only images with lesions."""
    window: tuple[int, int] | None = None
    """Train on random windows of this size, placed over a lesion where there is one; none (paper): on whole images."""
    max_boxes: int = field(default=8, validator=_positive)
    """True boxes per image that training sees (OD 100)."""
    jitter: float = field(default=0.005, validator=_share)
    """True boxes' corners move at random by this share of their size (paper 0.005)."""
    rotation: float = 15.0
    """Degrees to either side (paper 15)."""
    zoom: float = field(default=0.85, validator=_share)
    """Smallest random crop, as share of the side, resized back (paper 0.85)."""

    initial_weights: Path | None = None
    """Weights to start from, COCO's in the paper: a checkpoint of the TF1 Object Detection API (``model.ckpt``, read by
    TensorFlow), or an ``.npz`` of its variables under their names; needs width 1 and 3 channels."""

    # --- patch classifier before it, in place of COCO weights
    patch_steps: int = field(default=600, validator=_not_negative)
    """Steps of the patch classifier that the network starts from; paper 0: it starts from COCO weights."""
    patch: int = field(default=64, validator=_positive)
    """Side of a patch."""
    patch_batch: int = field(default=64, validator=_positive)
    """Patches per step, a third of them without lesion."""
    patch_learning_rate: float = field(default=3e-3, validator=_positive)

    # --- running
    predict_batch: int = field(default=8, validator=_positive)
    """Views per step of ``predict``; the last batch is filled up, so that there is one shape."""
    memory_megabytes: int = field(default=4096, validator=_positive)
    """Prepared training images beyond this size go to a temporary file instead of memory."""

    @property
    def frozen_statistics(self) -> bool:
        """Whether batch normalisation stays as loaded."""
        return self.freeze_batch_norm and self.initial_weights is not None

    @property
    def anchors_per_cell(self) -> int:
        """Number of anchors centred on one cell of the map."""
        return len(self.anchor_scales) * len(self.anchor_ratios)

    def depth(self, channels: int) -> int:
        """Channels of a layer that has ``channels`` at width 1."""
        return max(int(channels * self.width), self.min_depth)


PAPER: Mapping[str, Any] = {
    "size": (2700, 1200),
    "channels": 3,
    "width": 1.0,
    "stride": 16,
    "batch_norm_momentum": 0.9997,
    "anchor_base": 256.0,
    "anchor_scales": (0.25, 0.5, 1.0, 2.0),
    "anchor_ratios": (0.5, 1.0, 2.0),
    "anchor_offset": 0.0,
    "clip_anchors": True,
    "rpn_deviation": 0.01,
    "rpn_positive_iou": 0.7,
    "rpn_samples": 256,
    "rpn_candidates": 2000,
    "proposals": 300,
    "context": 1.0,
    "crop": 14,
    "pool": 2,
    "roi_samples": 64,
    "roi_positive_share": 0.25,
    "add_true_boxes": False,
    "share_boxes": False,
    "nms_iou": 0.6,
    "per_class": 100,
    "detections": 300,
    "score_threshold": 0.0,
    "background_score": 0.05,
    "optimizer": "sgd",
    "learning_rate": 1e-4,
    "schedule": "constant",
    "steps": 100_000,
    "epoch": 1000,
    "batch": 2,
    "normal_share": 0.0,
    "max_boxes": 100,
    "patch_steps": 0,
    "predict_batch": 1,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {"small": {}, "paper": PAPER}

CHECKING: Mapping[str, Any] = {
    "size": [64, 48],
    "width": 0.125,
    "min_depth": 8,
    "rpn_depth": 64,
    "anchor_base": 16.0,
    "anchor_scales": [0.8],
    "anchor_ratios": [1.0],
    "rpn_samples": 24,
    "rpn_candidates": 40,
    "proposals": 8,
    "roi_samples": 8,
    "window": [64, 48],
    "batch": 4,
    "steps": 4,
    "patch": 32,
    "patch_batch": 8,
    "patch_steps": 2,
    "predict_batch": 4,
}
"""So small that it trains as fast as can be and knows nothing; for ``taskfusion check``."""
