"""Shapes that stand out from tissue: masses, clusters of calcifications, and what only looks like them.

A shape knows its values around its own centre (``profile``), how far they reach, and its bounding box; lengths in
units. One number, the *suspicion* s in [0, 1], takes a lesion from round, smooth and coarse to spiculated, fine and
linear.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from attrs import field, frozen

from mammo_data.synthetic.config import Frame

Box = tuple[float, float, float, float]


class Stain(Protocol):
    """Anything that can be added to an image around a centre."""

    @property
    def reach(self) -> float:
        """Half the side of the square outside which the profile is zero."""
        ...

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Attenuation at offsets dx (1, width) and dy (height, 1) from the centre: (height, width)."""
        ...


def add(canvas: np.ndarray, frame: Frame, stain: Stain, centre: tuple[float, float], strength: float) -> None:
    """Add ``strength`` times a stain to a canvas (height, width), in place; what lies outside is cut off."""
    x, y = centre
    reach = stain.reach
    rows, columns = frame.window((x - reach, y - reach, x + reach, y + reach))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    dx = frame.columns()[None, columns] - np.float32(x)
    dy = frame.rows()[rows, None] - np.float32(y)
    canvas[rows, columns] += np.float32(strength) * stain.profile(dx, dy).astype(np.float32)


@frozen(eq=False)
class Mass:
    """A solid blob with a lobed contour, a soft edge and spicules."""

    radius: float
    contrast: float
    softness: float
    """Width of the edge as a share of the radius."""
    lobes: np.ndarray = field(repr=False)
    """(harmonics, 2): cosine and sine coefficients of the contour, from the second harmonic on."""
    spicules: np.ndarray = field(repr=False)
    """(n, 3), sorted by angle: angle, length beyond the contour in radii, strength."""

    @property
    def reach(self) -> float:
        return 2.9 * self.radius

    def contour(self, angle: np.ndarray) -> np.ndarray:
        """Radius of the contour at each angle."""
        order = np.arange(2, 2 + len(self.lobes))
        phase = angle[..., None] * order
        waves = np.cos(phase) @ self.lobes[:, 0] + np.sin(phase) @ self.lobes[:, 1]
        return self.radius * (1 + waves)

    def box(self) -> Box:
        """Bounds of the contour (the spicules' roots included), around the centre."""
        angle = np.linspace(0, 2 * np.pi, 48)
        r = self.contour(angle) * (1.05 + 0.3 * self.softness)
        x, y = r * np.cos(angle), r * np.sin(angle)
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        distance, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        table = np.linspace(-np.pi, np.pi, 181)
        contour = np.interp(angle, table, self.contour(table)).astype(np.float32)
        away = np.clip((distance - contour) / (self.softness * self.radius), -9, 9)
        body = (1 - 0.25 * np.square(np.minimum(distance / contour, 1))) / (1 + np.exp(2.2 * away))
        return self.contrast * (body + self._rays(distance, angle, contour))

    def _rays(self, distance: np.ndarray, angle: np.ndarray, contour: np.ndarray) -> np.ndarray:
        """Each pixel sees the spicule nearest in angle: no loop over spicules."""
        if not len(self.spicules):
            return np.zeros_like(distance)
        turn = np.array([[2 * np.pi, 0, 0]])
        around = np.vstack([self.spicules[-1:] - turn, self.spicules, self.spicules[:1] + turn])
        middles = (around[1:, 0] + around[:-1, 0]) / 2
        ray = around.astype(np.float32)[np.searchsorted(middles, angle)]
        across = distance * np.sin(angle - ray[..., 0])
        beyond = (distance - contour) / (self.radius * ray[..., 1])
        taper = np.clip(1 - beyond, 0, 1) * (np.cos(angle - ray[..., 0]) > 0) * np.clip(distance / contour, 0, 1) ** 2
        return ray[..., 2] * taper * np.exp(-np.square(across / (0.5 + 0.05 * self.radius)))


@frozen(eq=False)
class Cluster:
    """A group of calcifications: bright points of a given size."""

    points: np.ndarray = field(repr=False)
    """(n, 2) offsets x, y from the centre."""
    sizes: np.ndarray = field(repr=False)
    """(n,) standard deviations of the points."""
    contrasts: np.ndarray = field(repr=False)
    """(n,) heights of the points."""

    @property
    def reach(self) -> float:
        return float(np.abs(self.points).max() + 4 * self.sizes.max())

    def box(self) -> Box:
        """Bounds of the points, around the centre."""
        margin = 2 * self.sizes[:, None] + 1
        low, high = (self.points - margin).min(axis=0), (self.points + margin).max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """A Gaussian is separable: the sum over the points is one matrix product."""
        x = np.exp(-np.square((dx.ravel() - self.points[:, :1]) / self.sizes[:, None]) / 2)
        y = np.exp(-np.square((dy.ravel() - self.points[:, 1:]) / self.sizes[:, None]) / 2)
        return (y * self.contrasts[:, None]).T @ x


@frozen
class Ellipse:
    """A soft ellipse: a summation shadow, or with a hollow a lymph node with its fatty hilum."""

    radius: float
    stretch: float
    angle: float
    softness: float
    hollow: float = 0.0

    @property
    def reach(self) -> float:
        return self.radius * self.stretch * (1 + 2 * self.softness)

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along, across = (dx * cos + dy * sin) / self.stretch, dy * cos - dx * sin
        edge = np.hypot(along, across) / self.radius
        body = 1 / (1 + np.exp(np.clip((edge - 1) * (2.5 / self.softness), -20, 20)))
        hilum = np.exp(-np.square(np.hypot(along, across - 0.4 * self.radius) / (0.4 * self.radius)))
        return body * (1 - self.hollow * hilum)


def draw_mass(rng: np.random.Generator, suspicion: float) -> Mass:
    """A mass as suspicious as asked, of any size and contrast."""
    lobes = rng.normal(0, 1, (4, 2)) * (0.02 + 0.26 * suspicion) / np.array([[2.0], [2.6], [3.2], [3.8]])
    count = round(2 + 20 * suspicion)
    spicules = np.stack(
        [
            np.sort(rng.uniform(-np.pi, np.pi, count)),
            rng.uniform(0.3, 1.3, count) * (0.5 + 0.7 * suspicion),
            rng.uniform(0.4, 1.0, count) * (0.02 + 1.1 * suspicion),
        ],
        axis=1,
    )
    return Mass(
        radius=rng.uniform(7, 16),
        contrast=rng.uniform(0.21, 0.44),
        softness=(0.06 + 0.28 * suspicion) * rng.uniform(0.8, 1.25),
        lobes=lobes,
        spicules=spicules,
    )


def draw_cluster(rng: np.random.Generator, suspicion: float) -> Cluster:
    """A cluster as suspicious as asked: few coarse points apart, or many fine ones in a line."""
    count = round(3 + 22 * suspicion + rng.uniform(0, 3))
    spread = rng.uniform(5.5, 8.5) * (1.1 - 0.25 * suspicion)
    thin = 1 - 0.75 * max(suspicion - 0.35, 0) / 0.65
    turn = rng.uniform(0, np.pi)
    raw = np.clip(rng.normal(0, 1, (count, 2)), -2, 2) * spread * np.array([1.25, thin]) / 1.25
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    coarse = (1.6 - 1.0 * suspicion) * np.exp(rng.normal(0, 0.12 + 0.2 * suspicion, count))
    heights = rng.uniform(0.25, 0.48) * np.exp(rng.normal(0, 0.15 + 0.25 * suspicion, count))
    return Cluster(points=raw @ rotation, sizes=np.clip(coarse, 0.55, 2.2), contrasts=np.clip(heights, 0.16, 0.8))
