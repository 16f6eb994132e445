"""What a fitted fuser says about cases that it did not learn from, to choose a calibration or a threshold on."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.selection import FOLDS, group_splits
from taskfusion.images import Array, short_hash
from taskfusion.pipeline.calibration import fit_calibration
from taskfusion.pipeline.fusing import FittedFuser, Material, Outputs, fit_plan
from taskfusion.pipeline.kept import fit_key
from taskfusion.pipeline.training import LEFT_OUT


@attrs.frozen(eq=False)
class HeldOut:
    """Scores about cases a fuser did not learn from, ``(cases,)`` each; none where there was no way to get them.

    Attributes:
        truth: 0 or 1.
        score: of the fuser, not calibrated.
        where: which cases they are, in words.
    """

    truth: Array
    score: Array
    where: str

    @property
    def usable(self) -> bool:
        """Whether both classes are there."""
        return 0 < int((self.truth == 1).sum()) < len(self.truth)


NOTHING = HeldOut(np.empty(0, np.int64), np.empty(0), "nothing: too few groups of either class")


def calibrated(
    fitted: Sequence[FittedFuser], material: Material, context: FuseContext, inner_folds: int = 0
) -> tuple[list[FittedFuser], list[HeldOut]]:
    """The fits of one plan with their calibration learned, and the calibrated scores to choose thresholds on.

    Nothing is held out, and no time spent, for a plan that needs no calibration when ``inner_folds`` is 0.

    Args:
        fitted: the fits of one plan, one per target.
        material: what they were fitted on.
        context: as they were fitted.
        inner_folds: how many parts the training cases are cut into where there is no validation split; 0 for as many
            as a calibration takes, which is 5.
    """
    kind = fitted[0].plan.calibrate
    if kind == "none" and not inner_folds:
        return list(fitted), [NOTHING] * len(fitted)
    found = held_out(fitted, material, context, inner_folds or FOLDS)
    curves = [fit_calibration(kind, each.truth, each.score) if each.usable else None for each in found]
    scores = [each.score if curve is None else curve(each.score) for each, curve in zip(found, curves, strict=True)]
    made = [attrs.evolve(fit, calibration=curve) for fit, curve in zip(fitted, curves, strict=True)]
    return made, [attrs.evolve(each, score=score) for each, score in zip(found, scores, strict=True)]


def held_out(
    fitted: Sequence[FittedFuser], material: Material, context: FuseContext, folds: int = FOLDS
) -> list[HeldOut]:
    """For each fit its answers about the validation split, or, where that lacks a class, out of fold about the training
    split: the fuser is fitted again without each of ``folds`` parts, groups kept together, and asked about that part.

    That part serves the fit as its validation split: what a fuser chooses it chooses there, as on a real one.
    """
    on_validation = [_on_validation(fit, material) for fit in fitted]
    if all(each.usable for each in on_validation):
        return on_validation
    return _out_of_fold(fitted, material, context, folds)


def _on_validation(fit: FittedFuser, material: Material) -> HeldOut:
    if not material.validation:
        return NOTHING
    truth = material.cohort.part("validation").label(fit.target.name)
    known = truth != UNKNOWN
    return HeldOut(truth[known], fit.raw(fit.inputs(material.validation))[known], "validation")


def _out_of_fold(fitted: Sequence[FittedFuser], material: Material, context: FuseContext, folds: int) -> list[HeldOut]:
    train = material.cohort.part("train")
    truths = np.stack([train.label(fit.target.name) for fit in fitted], axis=1)
    rows = np.flatnonzero((truths != UNKNOWN).any(axis=1))
    splits = group_splits(truths[rows].max(axis=1).clip(0), train.groups[rows], folds)
    scores = np.full(truths.shape, np.nan)
    for inside, outside in ((np.sort(rows[a]), np.sort(rows[b])) for a, b in splits):
        if not _both_classes(truths[inside]):
            continue
        split = np.full(len(train), LEFT_OUT, dtype=object)
        split[inside], split[outside] = "train", "validation"
        asked = _selected(material.train, outside)
        part = Material(train.with_split(split.astype(str)), _selected(material.train, inside), asked)
        scores[outside] = _answers(fitted, part, (material, context), (inside, outside))
    return [_kept(truths[:, k], scores[:, k], len(splits)) for k in range(len(fitted))]


def _answers(
    fitted: Sequence[FittedFuser], part: Material, whole: tuple[Material, FuseContext], rows: tuple[Array, Array]
) -> Array:
    """``(cases, fits)``: answers about the cases of one fold, kept in the folder of the material that it is a part of.

    The refitted fusers are not kept, as nobody asks them again.
    """
    material, context = whole

    def make() -> Array:
        assert part.validation is not None  # the cases that are asked about
        outputs = part.validation
        return np.stack([fit.raw(fit.inputs(outputs)) for fit in _refitted(fitted, part, context)], axis=1)

    keeper = material.keeper
    keys = [fit_key(fit.plan, [fit.target], material, context) for fit in fitted]
    if keeper is None or None in keys:
        return make()
    chosen = [fit.detections for fit in fitted]
    key = short_hash("out of fold", keys, chosen, *(each.tobytes() for each in rows))
    return keeper.scores(key, fitted[0].plan.name, make)


def _refitted(fitted: Sequence[FittedFuser], part: Material, context: FuseContext) -> list[FittedFuser]:
    """The same fits from a part of the cases, with the number of detections that was chosen."""
    if fitted[0].column is not None:
        fixed = attrs.evolve(fitted[0].plan, calibrate="none", detections=(fitted[0].detections,))
        return fit_plan(fixed, [fit.target for fit in fitted], part, context)
    plans = [attrs.evolve(fit.plan, calibrate="none", detections=(fit.detections,)) for fit in fitted]
    return [fit_plan(each, [fit.target], part, context)[0] for each, fit in zip(plans, fitted, strict=True)]


def _selected(outputs: Outputs, rows: Array) -> Outputs:
    return {name: output.select(rows) for name, output in outputs.items()}


def _both_classes(truths: Array) -> bool:
    return bool(((truths == 1).any(axis=0) & (truths == 0).any(axis=0)).all())


def _kept(truth: Array, score: Array, folds: int) -> HeldOut:
    kept = (truth != UNKNOWN) & ~np.isnan(score)
    if not kept.any():
        return NOTHING
    return HeldOut(truth[kept], score[kept], f"training cases, out of {folds} inner folds by group")
