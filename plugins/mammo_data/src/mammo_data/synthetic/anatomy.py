"""The outline of a compressed breast on film: silhouette, nipple, pectoral muscle, thickness. Lengths in units.

Everything here has the chest wall at x = 0; a right view is mirrored at the very end.
"""

from __future__ import annotations

import cv2
import numpy as np
from attrs import evolve, frozen

from mammo_data.synthetic.config import FILM_HEIGHT, FILM_WIDTH, Frame

MLO_TOP = 0.0
SKIN_FREE = 9.0
"""No lesion is centred nearer to the skin than this."""


@frozen
class Pectoral:
    """The pectoral muscle in the upper chest corner of an MLO view."""

    width: float
    """Along the upper edge of the film."""
    height: float
    """Along the chest wall."""
    bend: float
    """Exponent of the edge: 1 is straight, below 1 bulges outwards."""
    strength: float

    def edge(self, y: np.ndarray) -> np.ndarray:
        """Where the muscle ends in each row, (rows,); negative below it."""
        fraction = 1 - y / self.height
        return self.width * np.sign(fraction) * np.abs(fraction) ** self.bend


@frozen
class Shape:
    """One view's silhouette, as the depth of the breast in each row."""

    mlo: bool
    depth: float
    centre: float
    """The row of greatest depth."""
    upper: float
    """Extent above the centre; in MLO the scale on which the outline falls to the axilla."""
    lower: float
    point: float
    """Exponent of the outline: 2 an ellipse, smaller more pointed."""
    axilla: float
    """Depth at the axilla as a share of the greatest depth (MLO)."""
    wobble: tuple[float, float]
    nipple: float
    """Row of the nipple."""
    nipple_height: float
    pectoral: Pectoral | None

    def outline(self, y: np.ndarray) -> np.ndarray:
        """Depth of the skin line in each row, (rows,), 0 where there is no breast."""
        away = (y - self.centre) / np.where(y < self.centre, self.upper, self.lower)
        bulge = np.maximum(1 - np.abs(away) ** 2.1, 0) ** (1 / self.point)
        if self.mlo:
            fall = self.axilla + (1 - self.axilla) * np.exp(-np.square(1.25 * away))
            bulge = np.where(away < 0, fall, bulge)
        size, phase = self.wobble
        bulge = bulge * (1 + size * np.sin(3.1 * away + phase))
        bump = self.nipple_height * np.exp(-np.square((y - self.nipple) / 4.2)) * (bulge > 0)
        return self.depth * bulge + bump

    @property
    def nipple_place(self) -> tuple[float, float]:
        """The nipple's tip, (x, y)."""
        return float(self.outline(np.array([self.nipple]))[0]), self.nipple

    def place(self, depth: float, across: float) -> tuple[float, float]:
        """The point (x, y) at a share of the depth and, in the rows that reach beyond it, a share of their span."""
        y = np.linspace(0.06, 0.97, 96) * FILM_HEIGHT
        x = depth * self.depth
        inside = self.outline(y) > x + SKIN_FREE
        if self.pectoral is not None:
            inside &= self.pectoral.edge(y) < x + SKIN_FREE
        rows = y[inside] if inside.any() else np.array([self.centre])
        return x, float(np.interp(across, (0, 1), (rows[0], rows[-1])))


def draw_cc(rng: np.random.Generator) -> Shape:
    """A cranio-caudal silhouette: rounded, a little pointed, seldom symmetric."""
    half = rng.uniform(0.31, 0.45) * FILM_HEIGHT
    lean = rng.uniform(-0.1, 0.1)
    centre = (0.5 + rng.uniform(-0.04, 0.04)) * FILM_HEIGHT
    return Shape(
        mlo=False,
        depth=rng.uniform(0.5, 0.84) * FILM_WIDTH,
        centre=centre,
        upper=half * (1 + lean),
        lower=half * (1 - lean),
        point=rng.uniform(1.35, 2.0),
        axilla=0.0,
        wobble=(rng.uniform(0.005, 0.025), rng.uniform(0, 6.28)),
        nipple=centre + rng.normal(0, 3),
        nipple_height=rng.uniform(2.5, 6.5),
        pectoral=None,
    )


def draw_mlo(rng: np.random.Generator, cc: Shape) -> Shape:
    """A medio-lateral oblique silhouette of the breast that ``cc`` shows: from the axilla down to the fold."""
    centre = rng.uniform(0.53, 0.64) * FILM_HEIGHT
    depth = min(cc.depth * rng.uniform(0.96, 1.06), 0.88 * FILM_WIDTH)
    return Shape(
        mlo=True,
        depth=depth,
        centre=centre,
        upper=rng.uniform(0.34, 0.5) * FILM_HEIGHT,
        lower=min(rng.uniform(0.8, 1.0) * (cc.upper + cc.lower) / 2, 0.97 * FILM_HEIGHT - centre),
        point=rng.uniform(1.5, 2.2),
        axilla=rng.uniform(0.4, 0.62),
        wobble=(rng.uniform(0.005, 0.02), rng.uniform(0, 6.28)),
        nipple=centre + rng.normal(0, 4),
        nipple_height=cc.nipple_height * rng.uniform(0.6, 1.1),
        pectoral=_draw_pectoral(rng, depth),
    )


def _draw_pectoral(rng: np.random.Generator, depth: float) -> Pectoral:
    return Pectoral(
        width=rng.uniform(0.3, 0.46) * depth,
        height=rng.uniform(0.42, 0.72) * FILM_HEIGHT,
        bend=rng.uniform(0.72, 1.1),
        strength=rng.uniform(0.75, 1.15),
    )


def vary(rng: np.random.Generator, shape: Shape) -> Shape:
    """The same view of the other breast: alike, never equal."""
    pectoral = shape.pectoral
    if pectoral is not None:
        pectoral = evolve(pectoral, width=pectoral.width * rng.uniform(0.9, 1.1), bend=rng.uniform(0.72, 1.1))
    move = rng.normal(0, 4)
    return evolve(
        shape,
        depth=min(shape.depth * rng.uniform(0.95, 1.05), 0.88 * FILM_WIDTH),
        centre=shape.centre + move,
        lower=shape.lower * rng.uniform(0.95, 1.0),
        nipple=shape.nipple + move + rng.normal(0, 2),
        wobble=(shape.wobble[0], rng.uniform(0, 6.28)),
        pectoral=pectoral,
    )


@frozen(eq=False)
class Relief:
    """A silhouette on a pixel grid; arrays are float32 (height, width)."""

    cover: np.ndarray
    """1 in the breast, 0 outside, in between where the outline crosses a pixel."""
    skin: np.ndarray
    """Distance to the skin in units, 0 outside."""
    thickness: np.ndarray
    """Compressed thickness, 1 in the middle, falling to 0 at the skin."""


def relief(shape: Shape, frame: Frame) -> Relief:
    """Lay a silhouette on the pixel grid."""
    outline = shape.outline(frame.rows()).astype(np.float32)
    cover = np.clip((outline[:, None] - frame.columns()) * frame.scale + 0.5, 0, 1)
    skin = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) / np.float32(frame.scale)
    skin = cv2.GaussianBlur(skin, (0, 0), 0.9 * frame.scale)
    rounding = 1 - np.minimum(skin / np.float32(0.2 * shape.depth), 1)
    thickness = np.sqrt(np.maximum(1 - rounding * rounding, 0)) * cover
    return Relief(cover, skin, thickness)
