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
    """Training of F on whole views."""

    epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"


@attrs.frozen
class FindingsConfig:
    """Options of task ``findings`` (paper: II-B.2 and III-A.2).

    Attributes:
        views: the views to answer about; the laterality first.
        size: height and width of the prepared images in pixels.
        width: multiplies MobileNet's channels; 1024 x width is the length of the feature vector.
        momentum: of the moving statistics in batch normalisation; short trainings need less than Keras' 0.99.
        distinguish: whether the patch model tells the cohort's lesion classes apart, so that its features, which F
            starts from, know of malignancy too. False: lesion or none, as F itself.
        pooling: how the map of a view becomes one feature vector. ``average`` is the paper's; ``max`` takes the
            highest value of each channel; ``lesion`` is a mean over places, weighted by the softmax of their lesion
            logits, so a small lesion is not diluted.
        hidden: units of a dense layer between feature and answer; 0: none.
        dropout: of F, on the feature.
        patch_dropout: of the patch model.
        patch: side of a patch in pixels of the prepared image, a multiple of 32.
        patches_per_lesion: places drawn for each lesion.
        patches_per_normal: places drawn for each view without lesion.
        anywhere: share of the normal patches drawn anywhere on the breast, its edges too, and not only where over
            90 % of the patch are breast.
        pretrain: whether F starts from the patch model; False is the paper's ablation.
        patches: how the patch model is trained.
        whole: how F is trained.
    """

    views: tuple[str, ...] = ("L-CC", "L-MLO", "R-CC", "R-MLO")
    size: tuple[int, int] = (288, 224)
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
    "size": [1152, 896],
    "width": 1.0,
    "momentum": 0.99,
    "distinguish": False,
    "pooling": "average",
    "hidden": 256,
    "dropout": 0.5,
    "patch_dropout": 0.001,
    "patch": 224,
    "patches_per_lesion": 5,
    "patches_per_normal": 5,
    "anywhere": 0.0,
    "pretrain": True,
    "patches": {
        "epochs": 100,  # early stopping ends it
        "batch_size": 64,
        "steps": None,
        "learning_rate": 1e-4,
        "then": [1e-5],
        "schedule": "constant",
        "monitor": "val_loss",
        "patience": 10,
        "tolerance": 0.001,
        "keep": "best",
    },
    "whole": {
        "epochs": 50,  # early stopping ends it
        "batch_size": 6,
        "steps": None,
        "learning_rate": 1e-4,
        "then": [1e-5],
        "schedule": "constant",
        "monitor": "val_auc",
        "patience": 10,
        "keep": "average",
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
