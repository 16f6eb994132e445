"""The options of task ``density``; the defaults are the small preset, for a CPU and some minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from taskfusion.errors import SpecError
from taskfusion.training.recipe import Recipe

BIRADS = ("a", "b", "c", "d")
"""The four density classes, from almost entirely fatty to extremely dense."""


@attrs.frozen
class ViewRecipe(Recipe):
    """Training of the view model D^v."""

    epochs: int = 4
    learning_rate: float = 4e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"


@attrs.frozen
class PatientRecipe(Recipe):
    """Training of the patient model D; its samples are exams, of four views each."""

    epochs: int = 2
    batch_size: int = 8
    learning_rate: float = 5e-5
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    keep: Literal["last", "best", "average"] = "best"


@attrs.frozen
class DensityConfig:
    """Options of task ``density`` (paper: II-B.1 and III-A.1).

    Attributes:
        label: cohort label with the density class 0..3 (a..d), -1 where unknown.
        classes: 2 tells dense from fatty breasts (paper), 4 the classes a to d.
        dense_from: the first class that counts as dense; 2 is "c".
        answer: whose answers the task gives. ``patient``: D, of an exam. ``mean_of_views``: the mean of D^v over an
            exam's views, the paper's baseline. ``views``: D^v, of each view. The last two train no D.
        views: the views of an exam, one branch each; the laterality first.
        size: height and width of the prepared images in pixels.
        bits: of a prepared pixel, 8 or 16.
        width: multiplies MobileNet's channels; 4 x (1024 x width) is the length of the feature vector.
        momentum: of the moving statistics in batch normalisation; short trainings need less than Keras' 0.99.
        view_dropout: before the head of the view model.
        patient_dropout: in each branch of the patient model.
        pretrain: whether the branches start as the trained view model; False is the paper's ablation (IV-C.1).
        shared: one branch for all views in place of one each: a quarter of the weights, compiled faster.
        warm_head: the patient model's last layer starts as the mean of the view model's answers, not at random.
        augmentation: ``paper``: the sets of III-A.1; ``plain``: without D's blur and grid distortion; or ``none``.
        view: how the view model is trained.
        patient: how the patient model is trained.
    """

    label: str = "density"
    classes: Literal[2, 4] = 2
    dense_from: int = 2
    answer: Literal["patient", "mean_of_views", "views"] = "patient"
    views: tuple[str, ...] = ("L-CC", "L-MLO", "R-CC", "R-MLO")
    size: tuple[int, int] = (112, 80)
    bits: Literal[8, 16] = 8
    width: float = 0.25
    momentum: float = 0.9
    view_dropout: float = 0.001
    patient_dropout: float = 0.5
    pretrain: bool = True
    shared: bool = False
    warm_head: bool = True
    augmentation: Literal["none", "plain", "paper"] = "plain"
    view: ViewRecipe = attrs.field(factory=ViewRecipe)
    patient: PatientRecipe = attrs.field(factory=PatientRecipe)

    def __attrs_post_init__(self) -> None:
        if min(self.size) < 32:
            raise SpecError(f"size must be at least 32 x 32, got {list(self.size)}")
        if not self.views:
            raise SpecError("views must name at least one view")
        if not 0 < self.width <= 4:
            raise SpecError(f"width must be above 0 and at most 4, got {self.width}")
        if not 1 <= self.dense_from < len(BIRADS):
            raise SpecError(f"dense_from must be from 1 to {len(BIRADS) - 1}, got {self.dense_from}")
        if self.answer != "patient" and not self.pretrain:
            raise SpecError(f"answer {self.answer!r} is the view model's, which pretrain: false leaves out")

    @property
    def networks(self) -> tuple[str, ...]:
        """What the answer needs: ``view``, D^v, unless it is left out; ``patient``, D, where D answers."""
        first = ("view",) if self.pretrain else ()
        return (*first, "patient") if self.answer == "patient" else first

    @property
    def names(self) -> tuple[str, ...]:
        """What the task scores: "dense", or each of the four classes."""
        return ("dense",) if self.classes == 2 else BIRADS

    @property
    def channels(self) -> int:
        """Length of one branch's feature vector."""
        return int(1024 * self.width)

    @property
    def feature_size(self) -> int:
        """Length of feat_D: the branches' vectors side by side."""
        return len(self.views) * self.channels


PAPER: Mapping[str, Any] = {
    "classes": 2,  # II-B.1: the superclasses fatty and dense
    "size": [336, 224],  # III-A.1
    "bits": 16,  # III-A.1: 0..255 "in floating-point precision to preserve the bit depth"
    "width": 1.0,  # II-B.1: MobileNet
    "momentum": 0.99,  # Keras' own; the paper does not say
    "view_dropout": 0.001,  # II-B.1
    "patient_dropout": 0.5,  # II-B.1
    "pretrain": True,  # II-B.1: two stages
    "shared": False,  # II-B.1: "a separate branch"
    "warm_head": False,  # II-B.1: "a final dense layer", of which nothing else is said
    "augmentation": "paper",  # III-A and III-A.1
    "view": {
        "epochs": 25,  # III-A.1
        "batch_size": 32,  # the paper does not say
        "learning_rate": 1e-3,  # III-A.1
        "schedule": "plateau",  # III-A.1: times 0.2 …
        "plateau_patience": 5,  # … after 5 epochs without a better validation loss, "in both training stages"
        "keep": "average",  # III-A.1: SWA …
        "average_from": 10,  # … with an initial epoch of 10
    },
    "patient": {
        "epochs": 25,  # III-A.1
        "batch_size": 8,  # the paper does not say
        "learning_rate": 1e-4,  # III-A.1; IV-C.1: 1e-3 without stage 1
        "schedule": "plateau",  # III-A.1
        "plateau_patience": 5,
        "keep": "average",  # III-A.1
        "average_from": 5,
    },
}
"""The published values (336x224, MobileNet 1.0); for a GPU, or a day."""

CHECKING: Mapping[str, Any] = {
    "size": [32, 32],
    "width": 0.125,
    "shared": True,
    "view": {"epochs": 1, "batch_size": 8},
    "patient": {"epochs": 1, "batch_size": 4},
}
"""So small that it trains as fast as can be and knows nothing; for ``taskfusion check``."""
