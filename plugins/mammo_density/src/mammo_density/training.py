"""How task ``density`` learns: first from single views, then from exams (III-A.1)."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mammo_data.augment import Augmentation, augment_batch
from mammo_data.batches import prepare_views
from mammo_density.config import DensityConfig
from mammo_density.networks import classifier, patient_model, start_from_views, view_model
from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.errors import DataError
from taskfusion.images import short_hash
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import train
from taskfusion.training.inference import predict_batches
from taskfusion.training.recipe import Recipe
from taskfusion.training.stages import once
from taskfusion.training.watch import Stage

VIEW_AUGMENTATION = Augmentation(flip=True, rotation=15, crop=0.85, shear=5)
PATIENT_AUGMENTATION = Augmentation(flip=False, rotation=15, crop=0.85)


@attrs.frozen(eq=False)
class Exams:
    """Complete exams with a known density: pixels uint8 (exams, views, height, width, 1), dense 0/1 (exams,)."""

    pixels: np.ndarray
    dense: np.ndarray

    def views(self) -> tuple[np.ndarray, np.ndarray]:
        """Every view as a sample of its own, with its exam's answer."""
        return self.pixels.reshape(-1, *self.pixels.shape[2:]), np.repeat(self.dense, self.pixels.shape[1])


def read_exams(cohort: Cohort, split: str, config: DensityConfig, context: FitContext) -> Exams:
    """Read one split of a cohort, leaving out exams without the label or without one of the views."""
    part = cohort.part(split)
    label = part.label(config.label)
    whole = np.array([all(view in case.views for view in config.views) for case in part.cases], bool)
    part = part.select(np.flatnonzero((label != UNKNOWN) & whole))
    with context.progress.step(f"density: reading {split} views", total=len(part)) as bar:
        prepared = prepare_views(part.cases, config.views, config.size, bar)
    return Exams(prepared.pixels[..., None], (part.label(config.label) >= config.dense_from).astype(np.int64))


def check_trainable(cohort: Cohort, config: DensityConfig) -> None:
    """Refuse a cohort that density cannot be learned from, before anything is read."""
    if config.label not in cohort.labels:
        known = ", ".join(sorted(cohort.labels)) or "none"
        raise DataError(
            f"task 'density': cohort {cohort.name!r} has no label {config.label!r} (density 0..3, a..d); known: {known}"
        )
    part = cohort.part("train")
    label = part.label(config.label)
    whole = np.array([all(view in case.views for view in config.views) for case in part.cases], bool)
    dense = (label >= config.dense_from)[(label != UNKNOWN) & whole]
    if dense.all() or not dense.any():
        raise DataError(
            f"task 'density': the train split of cohort {cohort.name!r} has {int((~dense).sum())} fatty and "
            f"{int(dense.sum())} dense exams with label {config.label!r} and all of the views "
            f"{', '.join(config.views)}; both kinds are needed"
        )


def fit_networks(cohort: Cohort, config: DensityConfig, context: FitContext) -> tuple[keras.Model, dict[str, Any]]:
    """Train D^v and D; returns D with its two outputs, and figures about both."""
    check_trainable(cohort, config)
    exams = read_exams(cohort, "train", config, context)
    held_out = read_exams(cohort, "validation", config, context)
    seen = [array.tobytes() for part in (exams, held_out) for array in (part.pixels, part.dense)]
    key = short_hash(config_data(config), context.seed, *seen)
    figures: dict[str, Any] = {"exams": {"train": len(exams.dense), "validation": len(held_out.dense)}}
    repeatable(context.seed)
    view = view_model(config) if config.pretrain else None
    if view is not None:
        stage = Stage(context, "view", key)
        figures["view"] = once(view, stage.weights, lambda: _train_view(view, (exams, held_out), config, stage))
        figures["mean_of_views"] = _mean_of_views(view, held_out)
    repeatable(context.seed + 1)
    patient = patient_model(config)
    if view is not None:
        start_from_views(patient, view, config)
    last = Stage(context, "patient", key)
    figures["patient"] = once(patient, last.weights, lambda: _train_patient(patient, (exams, held_out), config, last))
    return patient, figures


def _train_view(view: keras.Model, data: tuple[Exams, Exams], config: DensityConfig, stage: Stage) -> dict[str, Any]:
    exams, held_out = data
    samples, answers = exams.views()
    batches = Batches(samples, answers, config.view.batches(stage.context.seed), _augmented(VIEW_AUGMENTATION))
    return _train(view, batches, held_out.views(), config.view, (stage, "density: view model"))


def _train_patient(
    patient: keras.Model, data: tuple[Exams, Exams], config: DensityConfig, stage: Stage
) -> dict[str, Any]:
    exams, held_out = data
    options = config.patient.batches(stage.context.seed)
    batches = Batches(exams.pixels, exams.dense, options, _augmented(PATIENT_AUGMENTATION))
    chosen_on = (held_out.pixels, held_out.dense)
    return _train(classifier(patient), batches, chosen_on, config.patient, (stage, "density: patient model"))


def _train(
    model: keras.Model,
    batches: Batches,
    held_out: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    told: tuple[Stage, str],
) -> dict[str, Any]:
    stage, title = told
    with stage.watched(title, recipe.total(len(batches))) as watch:
        return train(model, batches, held_out if len(held_out[1]) else None, recipe, watch)


def _augmented(how: Augmentation) -> Any:
    def transform(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        flat = pixels.reshape(-1, *pixels.shape[-3:]).astype(np.float32)
        return augment_batch(flat, generator, how).reshape(pixels.shape)

    return transform


def _mean_of_views(view: keras.Model, held_out: Exams) -> dict[str, float]:
    """The paper's baseline mean(D^v), and D^v view by view, as validation AUC; empty with fewer than two classes."""
    from sklearn.metrics import roc_auc_score

    if len(set(held_out.dense.tolist())) < 2:
        return {}
    samples, answers = held_out.views()
    scores = predict_batches(view, samples, 32)[0][:, 1]
    exam_scores = scores.reshape(len(held_out.dense), -1).mean(axis=1)
    return {
        "view_auc": float(roc_auc_score(answers, scores)),
        "mean_auc": float(roc_auc_score(held_out.dense, exam_scores)),
    }
