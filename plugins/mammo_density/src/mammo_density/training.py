"""How task ``density`` learns: first from single views, then from exams (III-A.1)."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from mammo_data.augment import DENSITY_PATIENT, DENSITY_VIEW, STANDARD, Augmentation, augment_batch
from mammo_data.batches import content_hash, grey, prepare_views
from mammo_density.config import BIRADS, DensityConfig
from mammo_density.measures import dense_score
from mammo_density.networks import classifier, patient_model, start_from_views, view_model
from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.errors import DataError
from taskfusion.evaluation.metrics import auc
from taskfusion.images import short_hash
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import train
from taskfusion.training.inference import predict_batches
from taskfusion.training.recipe import Recipe
from taskfusion.training.stages import once
from taskfusion.training.watch import Stage

NOTHING = Augmentation(flip=False, rotation=0, crop=1)
VIEW_AUGMENTATION = {"none": NOTHING, "plain": DENSITY_VIEW, "paper": DENSITY_VIEW}
PATIENT_AUGMENTATION = {"none": NOTHING, "plain": attrs.evolve(STANDARD, flip=False), "paper": DENSITY_PATIENT}
SECOND_STAGE = ("answer", "pretrain", "shared", "warm_head", "patient_dropout", "patient")
"""Options that the view model does not depend on."""


@attrs.frozen(eq=False)
class Exams:
    """Complete exams with a known density.

    Attributes:
        pixels: uint8 or uint16 (exams, views, height, width, 1).
        answers: (exams,) 0 or 1, fatty or dense; or 0..3.
    """

    pixels: np.ndarray
    answers: np.ndarray

    def views(self) -> tuple[np.ndarray, np.ndarray]:
        """Every view as a sample of its own, with its exam's answer."""
        return self.pixels.reshape(-1, *self.pixels.shape[2:]), np.repeat(self.answers, self.pixels.shape[1])


def read_exams(cohort: Cohort, split: str, config: DensityConfig, context: FitContext) -> Exams:
    """Read one split of a cohort, leaving out exams without the label or without one of the views."""
    part = cohort.part(split)
    part = part.select(np.flatnonzero(_usable(part, config)))
    with context.progress.step(f"density: reading {split} views", total=len(part)) as bar:
        prepared = prepare_views(part.cases, config.views, config.size, bar, config.bits)
    return Exams(prepared.pixels[..., None], _answers(part.label(config.label), config))


def _usable(part: Cohort, config: DensityConfig) -> np.ndarray:
    whole = [all(view in case.views for view in config.views) for case in part.cases]
    return (part.label(config.label) != UNKNOWN) & np.array(whole, bool)


def _answers(label: np.ndarray, config: DensityConfig) -> np.ndarray:
    return (label if config.classes == 4 else label >= config.dense_from).astype(np.int64)


def check_trainable(cohort: Cohort, config: DensityConfig) -> None:
    """Refuse a cohort that density cannot be learned from, before anything is read."""
    if config.label not in cohort.labels:
        known = ", ".join(sorted(cohort.labels)) or "none"
        raise DataError(
            f"task 'density': cohort {cohort.name!r} has no label {config.label!r} (density 0..3, a..d); known: {known}"
        )
    every = cohort.label(config.label)
    strange = (every != UNKNOWN) & ((every < 0) | (every >= len(BIRADS)))
    if strange.any():
        raise DataError(
            f"task 'density': case {cohort.ids[int(strange.argmax())]!r} of cohort {cohort.name!r} has label "
            f"{config.label!r} {every[strange][0]}; expected 0..3 for a..d, or {UNKNOWN} where unknown"
        )
    part = cohort.part("train")
    _check_kinds(part.label(config.label)[_usable(part, config)], cohort.name, config)


def _check_kinds(label: np.ndarray, cohort: str, config: DensityConfig) -> None:
    names = ("fatty", "dense") if config.classes == 2 else BIRADS
    counts = np.bincount(_answers(label, config), minlength=len(names))
    if counts.all():
        return
    told = [f"{count} {name}" for count, name in zip(counts, names, strict=True)]
    needed = "both kinds are" if config.classes == 2 else "each class (or classes: 2) is"
    raise DataError(
        f"task 'density': the train split of cohort {cohort!r} has {', '.join(told[:-1])} and {told[-1]} exams with "
        f"label {config.label!r} and all of the views {', '.join(config.views)}; {needed} needed"
    )


def fit_networks(
    cohort: Cohort, config: DensityConfig, context: FitContext
) -> tuple[dict[str, keras.Model], dict[str, Any]]:
    """Train D^v and D, as far as the answer needs them; returns them as :func:`build` names them, and figures."""
    check_trainable(cohort, config)
    exams = read_exams(cohort, "train", config, context)
    held_out = read_exams(cohort, "validation", config, context)
    seen = content_hash(array for part in (exams, held_out) for array in (part.pixels, part.answers))
    options = config_data(config)
    first = {name: value for name, value in options.items() if name not in SECOND_STAGE}
    figures: dict[str, Any] = {"exams": {"train": len(exams.answers), "validation": len(held_out.answers)}}
    repeatable(context.seed)
    networks: dict[str, keras.Model] = {}
    if config.pretrain:
        view = networks["view"] = view_model(config)
        one = Stage(context, "view", short_hash(first, context.seed, seen))
        figures["view"] = once(view, one.weights, lambda: _train_view(view, (exams, held_out), config, one))
        figures["mean_of_views"] = _mean_of_views(view, held_out, config)
    if config.answer != "patient":
        return networks, figures
    repeatable(context.seed + 1)
    patient = networks["patient"] = patient_model(config)
    if config.pretrain:
        start_from_views(patient, networks["view"], config)
    two = Stage(context, "patient", short_hash(options, context.seed, seen))
    figures["patient"] = once(patient, two.weights, lambda: _train_patient(patient, (exams, held_out), config, two))
    return networks, figures


def _train_view(view: keras.Model, data: tuple[Exams, Exams], config: DensityConfig, stage: Stage) -> dict[str, Any]:
    exams, held_out = data
    samples, answers = exams.views()
    batches = Batches(
        samples, answers, config.view.batches(stage.context.seed), _augmented(VIEW_AUGMENTATION[config.augmentation])
    )
    return _train(classifier(view), batches, held_out.views(), config.view, (stage, "density: view model"))


def _train_patient(
    patient: keras.Model, data: tuple[Exams, Exams], config: DensityConfig, stage: Stage
) -> dict[str, Any]:
    exams, held_out = data
    options = config.patient.batches(stage.context.seed)
    batches = Batches(exams.pixels, exams.answers, options, _augmented(PATIENT_AUGMENTATION[config.augmentation]))
    chosen_on = (held_out.pixels, held_out.answers)
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
        chosen_on = (grey(held_out[0]), held_out[1]) if len(held_out[1]) else None
        return train(model, batches, chosen_on, recipe, watch)


def _augmented(how: Augmentation) -> Any:
    def transform(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        flat = grey(pixels.reshape(-1, *pixels.shape[-3:]))
        return (
            flat.reshape(pixels.shape) if how is NOTHING else augment_batch(flat, generator, how).reshape(pixels.shape)
        )

    return transform


def _mean_of_views(view: keras.Model, held_out: Exams, config: DensityConfig) -> dict[str, float]:
    """The paper's baseline mean(D^v), and D^v view by view, as validation AUC; empty with fewer than two classes."""
    samples, answers = held_out.views()
    found = predict_batches(view, grey(samples), 32)[0]
    scores = dense_score(found[:, 1:] if config.classes == 2 else found, config)
    from_class = 1 if config.classes == 2 else config.dense_from
    per_exam = scores.reshape(len(held_out.answers), -1).mean(axis=1)
    areas = {
        "view_auc": auc(answers >= from_class, scores),
        "mean_auc": auc(held_out.answers >= from_class, per_exam),
    }
    return {name: value for name, value in areas.items() if not math.isnan(value)}
