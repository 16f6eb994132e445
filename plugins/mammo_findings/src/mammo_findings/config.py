"""The options of task ``findings``; the defaults are the small preset, for a CPU and some minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from taskfusion.errors import SpecError
from taskfusion.training.recipe import Recipe

STRIDE = 32
"""Pixels of the image per step of MobileNet's last map."""


@attrs.frozen
class PatchRecipe(Recipe):
    """Training of the patch model."""

    epochs: int = 8
    batch_size: int = 64
    steps: int | None = 100
    learning_rate: float = 3e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"


@attrs.frozen
class ViewRecipe(Recipe):
    """Training of F on whole views.

    The patch model knows calcifications; what tells masses from summation shadows is learned here, and needs the steps
    and the rate: on 640 synthetic exams (seed 7) the validation AUC per view was 0.81 with 3 epochs at 3e-4 or 5e-4,
    0.84 with 3 at 1e-3, and more with 5 at 2e-3 (and the patch model's lesion classes kept apart in F's last layer,
    which at 5e-4 changed nothing). It still rose then: 0.83 after 5 epochs, 0.89 after 8 (two runs of one seed).
    """

    epochs: int = 8
    batch_size: int = 16
    learning_rate: float = 2e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"


@attrs.frozen
class FindingsConfig:
    """Options of task ``findings`` (paper: II-B.2 and III-A.2).

    Attributes:
        views: the views to answer about; the laterality first.
        size: height and width of the prepared images in pixels.
        normalise: ``range``: grey values to -1..1; ``z-score``: less the mean of the training views' pixels, over their
            standard deviation.
        width: multiplies MobileNet's channels; 1024 x width is the length of the feature vector.
        momentum: of the moving statistics in batch normalisation; short trainings need less than Keras' 0.99.
        distinguish: whether the patch model tells the cohort's lesion classes apart, so that its features, which F
            starts from, know of malignancy too. False: lesion or none, as F itself.
        pooling: how the map of a view becomes one feature vector. ``average`` is the paper's; ``max`` takes the
            highest value of each channel; ``lesion`` is a mean over places, weighted by the softmax of their lesion
            logits, so a small lesion is not diluted.
        hidden: units of a dense layer between feature and answer; 0: none.
        dropout: of F, before its last layer.
        patch_dropout: of the patch model.
        patch: side of a patch in pixels of the prepared image, a multiple of 32.
        patches_per_lesion: places drawn for each lesion.
        patches_per_normal: places drawn for each view without lesion.
        anywhere: share of the normal patches drawn anywhere on the breast, its edges too, and not only where over
            90 % of the patch are breast.
        augmentation: ``paper``: the sets of III-A.2; ``free``: patches turned by any angle, which are cut out of the
            view after turning and so have no empty corners, and views less cropped; or ``none``.
        pretrain: whether F starts from the patch model; False is the paper's ablation (IV-C.2).
        patches: how the patch model is trained.
        whole: how F is trained.
    """

    views: tuple[str, ...] = ("L-CC", "L-MLO", "R-CC", "R-MLO")
    size: tuple[int, int] = (288, 224)
    normalise: Literal["range", "z-score"] = "range"
    width: float = 0.25
    momentum: float = 0.95
    distinguish: bool = True
    pooling: Literal["average", "max", "lesion"] = "lesion"
    hidden: int = 0
    dropout: float = 0.3
    patch_dropout: float = 0.2
    patch: int = 64
    patches_per_lesion: int = 10
    patches_per_normal: int = 10
    anywhere: float = 0.5
    augmentation: Literal["none", "free", "paper"] = "free"
    pretrain: bool = True
    patches: PatchRecipe = attrs.field(factory=PatchRecipe)
    whole: ViewRecipe = attrs.field(factory=ViewRecipe)

    def __attrs_post_init__(self) -> None:
        if not self.views:
            raise SpecError("views must name at least one view")
        if self.patch < STRIDE or self.patch % STRIDE:
            raise SpecError(f"patch must be a multiple of {STRIDE}, got {self.patch}")
        if min(self.size) < self.patch:
            raise SpecError(f"size must be at least the patch of {self.patch} on both sides, got {list(self.size)}")
        if not 0 < self.width <= 4:
            raise SpecError(f"width must be above 0 and at most 4, got {self.width}")
        if min(self.patches_per_lesion, self.patches_per_normal) < 1:
            raise SpecError("patches_per_lesion and patches_per_normal must be at least 1")

    @property
    def channels(self) -> int:
        """Length of feat_F."""
        return int(1024 * self.width)


PAPER: Mapping[str, Any] = {
    "size": [1152, 896],  # III-A.2
    "normalise": "z-score",  # III-A.2: "rescaled to [0, 1] and z-score normalized"; of what is ours
    "width": 1.0,  # II-B.2: MobileNet
    "momentum": 0.99,  # Keras' own; the paper does not say
    "distinguish": False,  # the paper does not say how many classes the patches have
    "pooling": "average",  # II-C.2: feat_F "obtained after global average pooling"
    "hidden": 256,  # II-B.2: "an additional dense and dropout layer"; the units are ours
    "dropout": 0.5,  # II-B.2
    "patch_dropout": 0.001,  # Fig. 8 is missing: as in D^v
    "patch": 224,  # III-A.2
    "patches_per_lesion": 5,  # III-A.2
    "patches_per_normal": 5,  # III-A.2
    "anywhere": 0.0,  # III-A.2: over 90 % of a normal patch are breast
    "augmentation": "paper",  # III-A and III-A.2
    "pretrain": True,  # III-A.2: two stages
    "patches": {
        "epochs": 100,  # early stopping ends it
        "batch_size": 64,  # III-A.2
        "steps": None,
        "learning_rate": 1e-4,  # III-A.2
        "then": [1e-5],  # III-A.2: "a second training iteration"
        "schedule": "constant",
        "monitor": "val_loss",  # III-A.2: early stopping …
        "patience": 10,
        "tolerance": 0.001,
        "keep": "best",  # what early stopping leaves behind
    },
    "whole": {
        "epochs": 50,  # early stopping ends it
        "batch_size": 6,  # III-A.2; half of them with a lesion
        "steps": None,
        "learning_rate": 1e-4,  # III-A.2
        "then": [1e-5],  # III-A.2: "a second training round"
        "schedule": "constant",
        "monitor": "val_auc",  # III-A.2: early stopping on the validation AUC …
        "patience": 10,
        "tolerance": 0.001,
        "keep": "average",  # III-A.2: SWA with an initial epoch of 5
        "average_from": 5,
    },
}
"""The published values (1152x896, patches of 224, MobileNet 1.0); for a GPU."""

CHECKING: Mapping[str, Any] = {
    "size": [64, 32],
    "width": 0.125,
    "patch": 32,
    "patches_per_lesion": 3,
    "patches_per_normal": 2,
    "patches": {"epochs": 1, "batch_size": 8, "steps": 3},
    "whole": {"epochs": 1, "batch_size": 8, "steps": 3},
}
"""So small that it trains as fast as can be and knows nothing; for ``taskfusion check``."""
