"""Policies that turn a variable number of detections into n slots a view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np

from taskfusion.images import Array


@attrs.frozen(eq=False)
class Slots:
    """The top n detections of each view, ragged rest cut off, gaps marked.

    Attributes:
        scores: ``(cases, views, n)``; what stands in a gap is the policy's business.
        filled: ``(cases, views, n)``, True where a detection is.
        features: ``(cases, views, n, feature_size)`` or None.
        background: ``(cases, views, feature_size)`` or None.
    """

    scores: Array
    filled: Array
    features: Array | None = None
    background: Array | None = None


@attrs.frozen
class PaddingConfig:
    """The built-in policies have no options."""


class Padding(ABC):
    """Fills the gaps of :class:`Slots`; the answer must be finite."""

    Config: ClassVar[type] = PaddingConfig

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def fill(self, slots: Slots) -> Slots:
        """The same slots with every gap filled."""


class ZeroPadding(Padding):
    """Score 0 (paper II-C.1) and a zero feature vector."""

    def fill(self, slots: Slots) -> Slots:
        """Zeros in every gap."""
        scores = np.where(slots.filled, slots.scores, 0)
        features = None if slots.features is None else np.where(slots.filled[..., None], slots.features, 0)
        return attrs.evolve(slots, scores=scores, features=features)


class BackgroundPadding(Padding):
    """Score 0 and the feature of the view where nothing was detected (paper II-C.2); zeros without one."""

    def fill(self, slots: Slots) -> Slots:
        """Background features in every gap."""
        if slots.features is None or slots.background is None:
            return ZeroPadding().fill(slots)
        scores = np.where(slots.filled, slots.scores, 0)
        background = np.nan_to_num(slots.background)[:, :, None, :]
        return attrs.evolve(
            slots, scores=scores, features=np.where(slots.filled[..., None], slots.features, background)
        )
