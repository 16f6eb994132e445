"""What a task can show beyond scores: curves for the run's report, heat maps for a case's page, what it is for."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import Array


def _floats(values: object) -> Array:
    return np.asarray(values, np.float32)


@attrs.frozen
class About:
    """What a class of tasks is for, as its model cards say it; plain sentences.

    Attributes:
        use: what it is meant to be used for.
        limits: what it cannot do, or was not tried for.
        sources: where the method is from: papers with sections, data sets.
    """

    use: str = ""
    limits: str = ""
    sources: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Curve:
    """One line of a plot; curves of the same kind share a plot.

    Attributes:
        name: what it is about, as a legend says it: ``per view``, ``malignant mass``.
        kind: ``roc`` (false positive rate, sensitivity) or ``froc`` (false positives per image, sensitivity).
        x: ``(points,)``, ascending.
        y: ``(points,)``, in 0..1.
    """

    name: str
    kind: Literal["roc", "froc"]
    x: Array = attrs.field(converter=_floats)
    y: Array = attrs.field(converter=_floats)

    def __attrs_post_init__(self) -> None:
        if self.x.ndim != 1 or self.x.shape != self.y.shape:
            raise DataError(f"curve {self.name!r}: x and y must be (points,), got {self.x.shape} and {self.y.shape}")


@attrs.frozen(eq=False)
class HeatMap:
    """Where in one image a task saw something.

    Attributes:
        values: ``(rows, columns)`` in 0..1, laid over the whole image as its file has it (not cropped, not flipped),
            stretched to its size; 0 is nothing.
    """

    values: Array = attrs.field(converter=_floats)

    def __attrs_post_init__(self) -> None:
        if self.values.ndim != 2 or not self.values.size:
            raise DataError(f"a heat map must be (rows, columns), got {self.values.shape}")
        if not (np.isfinite(self.values).all() and self.values.min() >= 0 and self.values.max() <= 1):
            raise DataError("a heat map's values must lie in 0..1")
