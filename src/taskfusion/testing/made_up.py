"""Made-up task outputs on all three levels, and what a fuser learns from: assembled like a pipeline's."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from taskfusion.cases import Target
from taskfusion.fusers.base import Fuser, FusionData
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.padding import BackgroundPadding, MaskPadding, ZeroPadding
from taskfusion.pipeline.fusing import FuserPlan

VIEWS = ("L", "R")
FEATURES = 8
SPECS = {
    "whole": TaskSpec(Level.CASE, ("ill",), (), 2 * FEATURES, 2),
    "side": TaskSpec(Level.VIEW, ("ill",), VIEWS, FEATURES),
    "spot": TaskSpec(Level.DETECTION, ("mild", "bad"), VIEWS, FEATURES, background=True),
}
MOST = 4  # detections a view


def small_outputs(cases: int = 40, seed: int = 0, absent: float = 0.1) -> dict[str, TaskOutput]:
    """What three tasks say of made-up cases: ``whole`` (case), ``side`` (view) and ``spot`` (detection).

    Scores and features tell, with noise, which cases are ill (``made_up.small_truth`` says which).

    Args:
        cases: how many.
        seed: the same seed gives the same answers; another one other cases.
        absent: the share of answers that are missing; 1 gives outputs without any answer.
    """
    rng = np.random.default_rng((seed, 1))
    severity = _severity(cases, seed)
    ids = [f"case-{seed}-{row:03d}" for row in range(cases)]
    return {
        "whole": _scored(SPECS["whole"], ids, severity + rng.normal(0, 0.6, cases), rng.random(cases) >= absent),
        "side": _scored(
            SPECS["side"], ids, severity[:, None] + rng.normal(0, 0.8, (cases, 2)), rng.random((cases, 2)) >= absent
        ),
        "spot": _detected(
            ids, severity[:, None] + rng.normal(0, 0.8, (cases, 2)), rng.random((cases, 2)) >= absent, rng
        ),
    }


def small_truth(cases: int = 40, seed: int = 0) -> Array:
    """``(cases,)`` of 0 and 1, the truth about :func:`small_outputs`."""
    return (_severity(cases, seed) > 0).astype(np.int64)


def fusion_data(fuser: Fuser, cases: int = 40, seed: int = 0, absent: float = 0.1) -> FusionData:
    """What this fuser would learn from in a pipeline: assembled as the fuser asks for, two cases a group."""
    inputs = fusion_input(fuser, small_outputs(cases, seed, absent))
    groups = np.array([f"group-{seed}-{row // 2}" for row in range(cases)])
    return FusionData(inputs, small_truth(cases, seed), groups)


def fusion_input(fuser: Fuser, outputs: Mapping[str, TaskOutput], gaps: bool = False) -> FusionInput:
    """What this fuser would see of these outputs in a pipeline, two detections a view.

    Args:
        fuser: says whether features and instances come along.
        outputs: of several tasks about the same cases.
        gaps: leave slots without a detection empty, for a fuser that takes gaps.
    """
    filled = BackgroundPadding() if fuser.needs_features else ZeroPadding()
    plan = FuserPlan("checked", fuser, MaskPadding() if gaps else filled)
    return plan.assembler(Target("ill"), 2)(outputs)


def _severity(cases: int, seed: int) -> Array:
    return np.random.default_rng((seed, 0)).permutation(np.linspace(-2, 2, cases))


def _probability(values: Array) -> Array:
    return 1 / (1 + np.exp(-2 * values))


def _features(values: Array, size: int) -> Array:
    return values[..., None] * np.linspace(0.5, 1.5, size)


def _scored(spec: TaskSpec, ids: list[str], seen: Array, present: Array) -> TaskOutput:
    scores = np.where(present, _probability(seen), np.nan)[..., None]
    features = np.where(present[..., None], _features(seen, spec.feature_size), np.nan)
    return TaskOutput(spec, ids, present, scores, features)


def _detected(ids: list[str], seen: Array, present: Array, rng: np.random.Generator) -> TaskOutput:
    """The more ill, the more detections; some views have none."""
    counts = np.where(present, np.clip(np.round(seen + 1), 0, MOST), 0).astype(int).ravel()
    values = np.repeat(seen.ravel(), counts) + rng.normal(0, 0.3, int(counts.sum()))
    corner = rng.integers(0, 20, (len(values), 2))
    background = np.where(present[..., None], _features(seen * 0 - 1, FEATURES), np.nan)
    found = Detections(
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([corner, corner + 6], axis=1),
        (values > 0.7).astype(int),
        _probability(values - 0.5),
        _features(values, FEATURES),
        background,
    )
    return TaskOutput(SPECS["spot"], ids, present, detections=found)


def reordered(outputs: Mapping[str, TaskOutput], rows: Array) -> dict[str, TaskOutput]:
    """The outputs about these case rows, in this order."""
    return {name: output.select(rows) for name, output in outputs.items()}


def all_absent(outputs: Mapping[str, TaskOutput]) -> dict[str, TaskOutput]:
    """The same tasks and cases, without a single answer."""
    return {name: _absent(output) for name, output in outputs.items()}


def _absent(output: TaskOutput) -> TaskOutput:
    nothing = np.zeros_like(output.present)
    if output.detections is None:
        scores = None if output.scores is None else np.full_like(output.scores, np.nan)
        features = None if output.features is None else np.full_like(output.features, np.nan)
        return attrs.evolve(output, present=nothing, scores=scores, features=features)
    empty = np.zeros((0, FEATURES), np.float32)
    background = np.full((*nothing.shape, FEATURES), np.nan, np.float32)
    offsets = np.zeros(nothing.size + 1, np.int64)
    found = Detections(offsets, np.zeros((0, 4)), np.zeros(0), np.zeros(0), empty, background)
    return attrs.evolve(output, present=nothing, detections=found)
