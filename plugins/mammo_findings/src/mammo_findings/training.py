"""How task ``findings`` learns: first from patches, then from whole views (III-A.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammo_data.augment import Augmentation, augment_batch
from mammo_findings.config import FindingsConfig
from mammo_findings.networks import classifier, patch_model, start_from_patches, view_model
from mammo_findings.views import TrainingViews, check_trainable, cut_patches, draw_sites, read_views
from taskfusion.cases import Cohort
from taskfusion.images import short_hash
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import train
from taskfusion.training.stages import once
from taskfusion.training.watch import Stage

AUGMENTATION = Augmentation(flip=True, vertical_flip=True, rotation=15, crop=0.9)


def fit_networks(cohort: Cohort, config: FindingsConfig, context: FitContext) -> tuple[keras.Model, dict[str, Any]]:
    """Train the patch model and F; returns F with its two outputs, and figures about both."""
    check_trainable(cohort, config)
    assert cohort.annotations is not None
    data = tuple(read_views(cohort, split, config, context) for split in ("train", "validation"))
    learned = data[0]
    classes = 1 + (len(cohort.annotations.classes) if config.distinguish else 1)
    seen = [array.tobytes() for part in data for array in (part.pixels, part.lesion, part.boxes, part.classes)]
    key = short_hash(config_data(config), context.seed, *seen)
    figures: dict[str, Any] = {
        "patch_classes": classes,
        "views": {"train": len(learned.lesion), "validation": len(data[1].lesion)},
        "views_with_lesion": {"train": int(learned.lesion.sum()), "validation": int(data[1].lesion.sum())},
    }
    repeatable(context.seed)
    patch = patch_model(config, classes) if config.pretrain else None
    if patch is not None:
        stage = Stage(context, "patch", key)
        figures["patch"] = once(patch, stage.weights, lambda: _train_patches(patch, data, config, stage))
    repeatable(context.seed + 1)
    view = view_model(config)
    if patch is not None:
        start_from_patches(view, patch, config)
    last = Stage(context, "view", key)
    figures["view"] = once(view, last.weights, lambda: _train_views(view, data, config, last))
    return view, figures


def _train_patches(
    patch: keras.Model, data: tuple[TrainingViews, ...], config: FindingsConfig, stage: Stage
) -> dict[str, Any]:
    learned, held_out = data
    sites = draw_sites(learned, config, stage.context.seed)

    def transform(places: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return cut_patches(learned.pixels, places, config.patch, generator)

    lesion = (sites.labels > 0).astype(int)
    batches = Batches(sites.places, sites.labels, config.patches.batches(stage.context.seed), transform, lesion)
    chosen_on = None
    if len(held_out.lesion):
        others = draw_sites(held_out, config, stage.context.seed)
        chosen_on = (cut_patches(held_out.pixels, others.places, config.patch), others.labels)
    with stage.watched("findings: patch model", config.patches.total(len(batches))) as watch:
        return train(patch, batches, chosen_on, config.patches, watch)


def _train_views(
    view: keras.Model, data: tuple[TrainingViews, ...], config: FindingsConfig, stage: Stage
) -> dict[str, Any]:
    learned, held_out = data

    def transform(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return augment_batch(pixels.astype(np.float32), generator, AUGMENTATION)

    batches = Batches(
        learned.pixels, learned.lesion, config.whole.batches(stage.context.seed), transform, learned.lesion
    )
    chosen_on = (held_out.pixels, held_out.lesion) if len(held_out.lesion) else None
    with stage.watched("findings: view model", config.whole.total(len(batches))) as watch:
        return train(classifier(view), batches, chosen_on, config.whole, watch)
