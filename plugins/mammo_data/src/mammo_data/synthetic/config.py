"""What a synthetic cohort looks like as a whole: image size and class proportions.

All geometry is drawn in *units*: the canonical film is 288 units high and 224 wide, so that one unit is one pixel at
288x224. Another image size changes the resolution, never the exam.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import Attribute, field, frozen

from taskfusion.errors import SpecError

VIEWS = ("L-CC", "L-MLO", "R-CC", "R-MLO")
PATHOLOGIES = ("normal", "benign", "malignant")
DENSITIES = ("a", "b", "c", "d")
LESION_CLASSES = ("benign_calcification", "benign_mass", "malignant_calcification", "malignant_mass")

FILM_HEIGHT = 288.0
FILM_WIDTH = 224.0
SMALLEST_SIDE = 48

#: Glandular fraction that separates the density classes a|b|c|d, and the limits outside which none is drawn.
DENSITY_CUTS = (0.16, 0.34, 0.58)
DENSITY_LIMITS = (0.04, 0.16, 0.34, 0.58, 0.84)


def _is_large_enough(instance: object, attribute: Attribute[int], value: int) -> None:
    if value < SMALLEST_SIDE:
        raise SpecError(f"{attribute.name} must be at least {SMALLEST_SIDE} pixels, got {value}")


def check_proportions(instance: object, attribute: Attribute[tuple[float, ...]], value: tuple[float, ...]) -> None:
    """Refuse what cannot be shares of a whole, or is not as many as the default."""
    default: tuple[float, ...] = attribute.default  # type: ignore[assignment]
    if len(value) != len(default):
        raise SpecError(f"{attribute.name} must hold {len(default)} numbers, got {len(value)}")
    if not np.isfinite(value).all() or min(value) < 0 or sum(value) <= 0:
        raise SpecError(f"{attribute.name} must be finite, not negative and not all zero, got {list(value)}")


def to_floats(values: Sequence[float]) -> tuple[float, ...]:
    """Numbers from a spec, integers too."""
    return tuple(float(v) for v in values)


@frozen
class SyntheticConfig:
    """Image size in pixels and how often what occurs; proportions need not add up to one (defaults: Table II)."""

    height: int = field(default=288, validator=_is_large_enough)
    width: int = field(default=224, validator=_is_large_enough)
    pathology: tuple[float, ...] = field(
        default=(693.0, 819.0, 742.0), converter=to_floats, validator=check_proportions
    )
    """Normal, benign, malignant."""
    density: tuple[float, ...] = field(
        default=(297.0, 851.0, 668.0, 438.0), converter=to_floats, validator=check_proportions
    )
    """Density a, b, c, d."""
    calcification: float = field(default=0.45)
    """Share of lesions that are clusters of calcifications; the others are masses."""
    reader_noise: float = field(default=0.035)
    """Standard deviation of the reader's error on the glandular fraction."""

    @calcification.validator
    def _check_calcification(self, attribute: Attribute[float], value: float) -> None:
        if not 0 <= value <= 1:
            raise SpecError(f"calcification must lie in [0, 1], got {value}")

    @reader_noise.validator
    def _check_reader_noise(self, attribute: Attribute[float], value: float) -> None:
        if not 0 <= value <= 1:
            raise SpecError(f"reader_noise must lie in [0, 1], got {value}")


@frozen
class Frame:
    """The pixel grid of one image, hung with the chest wall at the left edge, over the film in units."""

    height: int
    width: int

    @property
    def scale(self) -> float:
        """Pixels per unit."""
        return min(self.height / FILM_HEIGHT, self.width / FILM_WIDTH)

    @property
    def top(self) -> float:
        """Units above the first pixel row that the film leaves free when the image is taller than 9:7."""
        return (FILM_HEIGHT - self.height / self.scale) / 2

    def rows(self) -> np.ndarray:
        """Centres of the pixel rows in units, (height,)."""
        return ((np.arange(self.height) + 0.5) / self.scale + self.top).astype(np.float32)

    def columns(self) -> np.ndarray:
        """Centres of the pixel columns in units, (width,)."""
        return ((np.arange(self.width) + 0.5) / self.scale).astype(np.float32)

    def window(self, box: tuple[float, float, float, float]) -> tuple[slice, slice]:
        """Row and column slices of the pixels that a box in units touches, cut to the image (possibly empty)."""
        x0, y0, x1, y1 = box
        left, right = np.clip(np.array([np.floor(x0 * self.scale), np.ceil(x1 * self.scale)]), 0, self.width)
        up, down = np.clip(
            [np.floor((y0 - self.top) * self.scale), np.ceil((y1 - self.top) * self.scale)], 0, self.height
        )
        return slice(int(up), int(down)), slice(int(left), int(right))

    def box(self, box: tuple[float, float, float, float], flipped: bool) -> tuple[float, float, float, float]:
        """A box in units as pixels xyxy, clipped to the image, mirrored if the chest wall is at the right edge."""
        x0, x1 = np.clip([box[0] * self.scale, box[2] * self.scale], 0, self.width)
        y0, y1 = np.clip([(box[1] - self.top) * self.scale, (box[3] - self.top) * self.scale], 0, self.height)
        if flipped:
            x0, x1 = self.width - x1, self.width - x0
        return float(x0), float(y0), float(x1), float(y1)
