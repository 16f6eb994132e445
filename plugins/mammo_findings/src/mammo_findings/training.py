"""How task ``findings`` learns: first from patches, then from whole views (III-A.2)."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mammo_data.augment import FINDINGS, PATCHES, Augmentation, augment_batch
from mammo_data.batches import content_hash
from mammo_findings.config import FindingsConfig
from mammo_findings.heat import measured_lean
from mammo_findings.networks import classifier, patch_model, set_scale, start_from_patches, view_model
from mammo_findings.views import TrainingViews, check_trainable, cut_patches, draw_sites, grey_statistics, read_views
from taskfusion.cases import Cohort
from taskfusion.images import short_hash
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import train
from taskfusion.training.stages import once
from taskfusion.training.watch import Stage

VIEW_AUGMENTATION = {"free": attrs.evolve(FINDINGS, crop=0.9), "paper": FINDINGS}
SECOND_STAGE = ("pooling", "hidden", "dropout", "pretrain", "whole")
"""Options that the patch model does not depend on."""


def fit_networks(cohort: Cohort, config: FindingsConfig, context: FitContext) -> tuple[keras.Model, dict[str, Any]]:
    """Train the patch model and F; returns F with its two outputs, and figures about both."""
    check_trainable(cohort, config)
    assert cohort.annotations is not None
    data = tuple(read_views(cohort, split, config, context) for split in ("train", "validation"))
    learned = data[0]
    classes = 1 + (len(cohort.annotations.classes) if config.distinguish and config.pretrain else 1)
    seen = content_hash(a for part in data for a in (part.pixels, part.lesion, part.boxes, part.classes))
    options = config_data(config)
    first = {name: value for name, value in options.items() if name not in SECOND_STAGE}
    statistics = grey_statistics(learned.pixels)
    figures: dict[str, Any] = {
        "classes": classes,
        "views": {"train": len(learned.lesion), "validation": len(data[1].lesion)},
        "views_with_lesion": {"train": int(learned.lesion.sum()), "validation": int(data[1].lesion.sum())},
    }
    repeatable(context.seed)
    patch = patch_model(config, classes) if config.pretrain else None
    if patch is not None:
        set_scale(patch, *statistics)
        one = Stage(context, "patch", short_hash(first, context.seed, seen))
        figures["patch"] = once(patch, one.weights, lambda: _train_patches(patch, data, config, one))
    repeatable(context.seed + 1)
    view = view_model(config, classes)
    set_scale(view, *statistics)
    if patch is not None:
        start_from_patches(view, patch, config)
    two = Stage(context, "view", short_hash(options, context.seed, seen))
    figures["view"] = once(view, two.weights, lambda: _train_views(view, data, config, two))
    figures["lean"] = measured_lean(view, learned, config)
    return view, figures


def _train_patches(
    patch: keras.Model, data: tuple[TrainingViews, ...], config: FindingsConfig, stage: Stage
) -> dict[str, Any]:
    learned, held_out = data
    sites = draw_sites(learned, config, stage.context.seed)

    def transform(places: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        patches = cut_patches(
            learned.pixels, places, config.patch, generator if config.augmentation == "free" else None
        )
        return augment_batch(patches, generator, PATCHES) if config.augmentation == "paper" else patches

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
    how: Augmentation | None = VIEW_AUGMENTATION.get(config.augmentation)

    def transform(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        whole = pixels.astype(np.float32)
        return augment_batch(whole, generator, how) if how is not None else whole

    batches = Batches(
        learned.pixels, learned.lesion, config.whole.batches(stage.context.seed), transform, learned.lesion
    )
    chosen_on = (held_out.pixels, held_out.lesion) if len(held_out.lesion) else None
    with stage.watched("findings: view model", config.whole.total(len(batches))) as watch:
        return train(classifier(view), batches, chosen_on, config.whole, watch)
