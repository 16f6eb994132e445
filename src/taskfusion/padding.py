"""Policies that turn a variable number of detections into n slots a view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import Array


@attrs.frozen(eq=False)
class Slots:
    """The top n detections of each view, ragged rest cut off, gaps marked.

    Attributes:
        scores: ``(cases, views, n)``; what stands in a gap is the policy's business.
        filled: ``(cases, views, n)``, True where a detection is.
        features: ``(cases, views, n, feature_size)`` or None.
        background: ``(cases, views, feature_size)`` or None.
        present: ``(cases, views)``, True where the task looked; elsewhere there is no gap but a missing answer.
        rows: ``(cases, views, n)`` index into the task's detections, -1 in a gap.
        names: the cases and the views, for messages.
    """

    scores: Array
    filled: Array
    features: Array | None = None
    background: Array | None = None
    present: Array = attrs.field()
    rows: Array = attrs.field()
    names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @present.default
    def _all_present(self) -> Array:
        return np.ones(self.filled.shape[:2], bool)

    @rows.default
    def _no_rows(self) -> Array:
        return np.full(self.filled.shape, -1, np.int64)

    @property
    def gaps(self) -> Array:
        """``(cases, views, n)``, True where the task looked and found too little."""
        return ~self.filled & self.present[..., None]


@attrs.frozen
class PaddingConfig:
    """The built-in policies have no options."""


class Padding(ABC):
    """Fills the gaps of :class:`Slots`; the answer must be finite unless the policy ``leaves_gaps``.

    A policy looks at one view at a time, so that neither the other cases of a batch nor their order play a part. One
    that learns gets the training split once, in ``fit``, and keeps what it learned as JSON data.
    """

    Config: ClassVar[type] = PaddingConfig
    leaves_gaps: ClassVar[bool] = False  # NaN stays in the gaps, for fusers that can leave them out

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def fill(self, slots: Slots) -> Slots:
        """The same slots with every gap filled."""

    def fit(self, slots: Slots, truth: Array) -> Self:
        """A policy fitted on the training split, truth ``(cases,)`` of 0 and 1; itself where nothing is learned."""
        return self

    def state(self) -> Mapping[str, Any]:
        """What was learned, as JSON data."""
        return {}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        """A policy that knows what :meth:`state` said."""
        return self


class ZeroPadding(Padding):
    """Score 0 (paper II-C.1) and a zero feature vector."""

    def fill(self, slots: Slots) -> Slots:
        """Zeros in every gap."""
        return _filled(slots, 0.0, 0.0)


class BackgroundPadding(Padding):
    """Score 0 and the feature of the view where nothing was detected (paper II-C.2); zeros without one."""

    def fill(self, slots: Slots) -> Slots:
        """Background features in every gap."""
        return _filled(slots, 0.0, _background(slots))


class RepeatPadding(Padding):
    """The view's own detections over again, best first; a view without any gets score 0 and its background feature."""

    def fill(self, slots: Slots) -> Slots:
        """The ``k``-th gap of a view takes its ``k``-th detection, in turns."""
        count = slots.filled.sum(axis=2, keepdims=True)
        turn = np.arange(slots.filled.shape[2]) % np.maximum(count, 1)
        scores = np.where(count > 0, np.take_along_axis(slots.scores, turn, 2), 0)
        if slots.features is None:
            return _filled(slots, scores, 0.0)
        features = np.take_along_axis(slots.features, turn[..., None], 2)
        return _filled(slots, scores, np.where(count[..., None] > 0, features, _background(slots)))


class MeanPadding(Padding):
    """The mean of the view's own detections; a view without any gets score 0 and its background feature."""

    def fill(self, slots: Slots) -> Slots:
        """One mean per view in all of its gaps."""
        count = slots.filled.sum(axis=2, keepdims=True)
        total = np.where(slots.filled, slots.scores, 0).sum(axis=2, keepdims=True)
        scores = total / np.maximum(count, 1)
        if slots.features is None:
            return _filled(slots, scores, 0.0)
        total = np.where(slots.filled[..., None], slots.features, 0).sum(axis=2, keepdims=True)
        mean = total / np.maximum(count[..., None], 1)
        return _filled(slots, scores, np.where(count[..., None] > 0, mean, _background(slots)))


class MaskPadding(Padding):
    """NaN: the fuser itself leaves gaps out. Only for fusers that can (``takes_gaps``)."""

    leaves_gaps = True

    def fill(self, slots: Slots) -> Slots:
        """NaN in every gap."""
        return _filled(slots, np.nan, np.nan)


class ErrorPadding(Padding):
    """Refuses a view with fewer than n detections."""

    def fill(self, slots: Slots) -> Slots:
        """The same slots, when they have no gap.

        Raises:
            DataError: naming the first case and view with too few detections.
        """
        gaps = slots.gaps.any(axis=2)
        if gaps.any():
            case, view = (int(index) for index in np.argwhere(gaps)[0])
            cases, views = slots.names
            where = f"case {cases[case]!r}, view {views[view]!r}" if cases else f"case row {case}, view {view}"
            raise DataError(
                f"{where}: {int(slots.filled[case, view].sum())} detections that count; padding 'error' wants "
                f"{slots.filled.shape[2]}; {int(gaps.sum())} views have too few"
            )
        return _filled(slots, 0.0, 0.0)


def _background(slots: Slots) -> Array | float:
    """``(cases, views, 1, feature_size)``, or zero where the task has none."""
    return 0.0 if slots.background is None else np.nan_to_num(slots.background)[:, :, None, :]


def _filled(slots: Slots, score: Array | float, feature: Array | float) -> Slots:
    """Slots with this score and this feature in every gap."""
    scores = np.where(slots.filled, slots.scores, np.asarray(score, np.float32)).astype(np.float32)
    if slots.features is None:
        return attrs.evolve(slots, scores=scores)
    features = np.where(slots.filled[..., None], slots.features, np.asarray(feature, np.float32))
    return attrs.evolve(slots, scores=scores, features=features.astype(np.float32, copy=False))
