"""Padding ``learned``: a trained score and a trained feature vector stand in every gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.errors import NotFittedError
from taskfusion.images import Array
from taskfusion.padding import Padding, Slots, ZeroPadding

LOWEST = 1e-3  # of a fill score
MIDDLE = (0.05, 0.95)  # quantiles between which a learned fill stays
STEPS = 25  # Newton steps; a logistic curve of two parameters needs fewer


@attrs.frozen
class LearnedConfig:
    """``ridge``: how strongly the feature direction is held back, as a share of the features' mean variance."""

    ridge: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))


class LearnedPadding(Padding):
    """What a gap says about the target decides what stands in it.

    On the training split the share of positive cases among gaps is counted. The fill score is the score whose
    detections are positive just as often (a logistic curve of truth on logit); the fill vector is the mean detection,
    moved along the direction that tells positive from negative (ridge regression) to where detections are. Both stay
    among the middle 90 % of detections. Thus an empty slot weighs neither more nor less than the training cases say.
    Ours; the paper pads with background.
    """

    Config = LearnedConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._score: float | None = None
        self._feature: Array | None = None

    def fit(self, slots: Slots, truth: Array) -> Self:
        """A fitted policy; a training split without gaps or without detections is filled with zeros."""
        made = type(self)(self.config)
        made._score = 0.0
        cell_truth = np.broadcast_to(np.asarray(truth, float)[:, None, None], slots.filled.shape)
        answers, positive = cell_truth[slots.filled], cell_truth[slots.gaps]
        if len(answers):
            share = (positive.sum() + answers.mean()) / (len(positive) + 1)
            made._score = _score_of(share, slots.scores[slots.filled], answers)
            if slots.features is not None:
                made._feature = _vector_of(share, slots.features[slots.filled], answers, self.config.ridge)
        return made

    def fill(self, slots: Slots) -> Slots:
        """The learned score and vector in every gap; raises NotFittedError before :meth:`fit`."""
        if self._score is None:
            raise NotFittedError("padding 'learned' is not trained; fit the pipeline first")
        filled = ZeroPadding().fill(slots)
        scores = np.where(slots.filled, filled.scores, np.float32(self._score))
        if filled.features is None or self._feature is None:
            return attrs.evolve(filled, scores=scores)
        features = np.where(slots.filled[..., None], filled.features, self._feature.astype(np.float32))
        return attrs.evolve(filled, scores=scores, features=features)

    def state(self) -> Mapping[str, Any]:
        """Score and vector."""
        return {"score": self._score, "feature": None if self._feature is None else self._feature.tolist()}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        """Read what :meth:`state` said."""
        made = type(self)(self.config)
        made._score = state["score"]
        made._feature = None if state["feature"] is None else np.array(state["feature"], np.float64)
        return made


def _score_of(share: float, scores: Array, truth: Array) -> float:
    """The score at which ``share`` of the detections are positive; 0 where a higher score does not mean more."""
    z = _logit(np.asarray(scores, np.float64))
    found = _where(share, z, truth)
    return 0.0 if found is None else float(np.clip(1 / (1 + np.exp(-found)), LOWEST, 1 - LOWEST))


def _vector_of(share: float, features: Array, truth: Array, ridge: float) -> Array:
    """The mean feature, moved along a ridge regression to where ``share`` of the detections are positive."""
    X = np.asarray(features, np.float64)
    mean = X.mean(axis=0)
    X, y = X - mean, truth - truth.mean()
    penalty = ridge * max(float((X**2).mean()), 1e-12) * len(X)
    if len(X) < X.shape[1]:
        direction = X.T @ np.linalg.solve(X @ X.T + penalty * np.eye(len(X)), y)
    else:
        direction = np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)
    along = X @ direction
    spread = float(along.std())
    found = None if spread < 1e-12 else _where(share, along / spread, truth)
    step = 0.0 if found is None else found * spread / float(direction @ direction)
    return np.asarray(mean + step * direction)


def _where(share: float, z: Array, truth: Array) -> float | None:
    """Where on ``z (detections,)`` a logistic curve of truth passes ``share``, within its middle 90 %.

    None where the curve does not rise.
    """
    X = np.column_stack([np.ones(len(z)), z])
    weights = np.zeros(2)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(X @ weights, -30, 30)))
        hessian = (X * (p * (1 - p))[:, None]).T @ X + np.eye(2)
        weights = weights - np.linalg.solve(hessian, X.T @ (p - truth) + weights)
    if weights[1] <= LOWEST:
        return None
    return float(np.clip((_logit(np.array(share)) - weights[0]) / weights[1], *np.quantile(z, MIDDLE)))


def _logit(p: Array) -> Array:
    clipped = np.clip(p, LOWEST, 1 - LOWEST)
    return np.asarray(np.log(clipped / (1 - clipped)))
