"""The stages of a training, one after the other, each done once (law 5)."""

from __future__ import annotations

from typing import Any

from mammo_localization.config import LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.original import load_original
from mammo_localization.sampling import Sampler
from mammo_localization.training import patch_model, train_detector, train_patches
from mammo_localization.views import TrainingViews
from taskfusion.images import short_hash
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.training.backend import repeatable
from taskfusion.training.stages import once
from taskfusion.training.watch import Stage


def fit_detector(
    views: TrainingViews, config: LocalizationConfig, context: FitContext
) -> tuple[Detector, dict[str, Any]]:
    """Train both stages on prepared views; returns the detector and figures about its training."""
    repeatable(context.seed)
    detector, figures = Detector(config), {}
    if config.initial_weights is not None:
        figures["initial_weights"] = load_original(detector, config.initial_weights).summary()
    key, sampler = _key(views, detector, context), Sampler(views, config, context.seed)
    if config.patch_steps:
        patches = Stage(context, "patches", key)
        figures["patches"] = once(
            patch_model(detector), patches.weights, lambda: train_patches(detector, sampler, patches)
        )
    last = Stage(context, "detector", key)
    figures["detector"] = once(detector, last.weights, lambda: train_detector(detector, sampler, last))
    return detector, figures


def _key(views: TrainingViews, detector: Detector, context: FitContext) -> str:
    """A hash of all that decides what is learned, image by image, as they may fill more than the memory."""
    config = detector.config
    seen = [short_hash(image.tobytes()) for image in views.pixels]
    marked = [array.tobytes() for array in (*views.boxes, *views.labels)]
    start = [] if config.initial_weights is None else [array.tobytes() for array in detector.get_weights()]
    return short_hash(config_data(config), context.seed, *seen, *marked, *start)
