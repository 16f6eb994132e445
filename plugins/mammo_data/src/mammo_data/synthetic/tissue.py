"""What a breast is made of, as attenuation: fat, glandular tissue, ligaments and ducts, vessels, muscle, skin.

Both breasts of an exam share most of a low-frequency tissue volume, and a breast's CC and MLO are projections of the
same volume, so the four views agree as much as real ones do. Arrays are float32 (height, width); lengths in units.
"""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

from mammo_data.synthetic.anatomy import Relief, Shape
from mammo_data.synthetic.config import FILM_HEIGHT, Frame
from mammo_data.synthetic.noise import power_law, ridges

VOLUME = (24, 32, 32)
"""Depth, height, width of the tissue volume in cells: a breast is 24 cells deep, 32 high and wide."""
SHARED, OWN = 0.8, 0.6
FAT, GLAND = 0.29, 0.4


def draw_volumes(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The tissue volume of each breast, axes (depth, vertical, lateral); 80 % shared, 60 % their own."""
    shared = power_law(rng, VOLUME, 3.6)
    return {side: SHARED * shared + OWN * power_law(rng, VOLUME, 3.6) for side in ("L", "R")}


def project(volume: np.ndarray, mlo: bool) -> np.ndarray:
    """The volume seen from above (CC) or from the side (MLO): (rows, depth), mean 0 and deviation 1."""
    weight = np.hanning(volume.shape[1] + 2)[1:-1].astype(np.float32)
    seen = np.einsum("dyz,z->yd", volume, weight) if mlo else np.einsum("dyz,y->zd", volume, weight)
    return (seen - seen.mean()) / seen.std()


@frozen(eq=False)
class Place:
    """One view's pixel grid with the breast on it."""

    frame: Frame
    shape: Shape
    relief: Relief

    def spread(self, values: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
        """Lay a small periodic field over a box (x0, y0, x1, y1) in units and on beyond it."""
        x0, y0, x1, y1 = box
        scale, (rows, columns) = self.frame.scale, values.shape
        zoom_x, zoom_y = columns / ((x1 - x0) * scale), rows / ((y1 - y0) * scale)
        matrix = np.array([
            [zoom_x, 0, -x0 * scale * zoom_x],
            [0, zoom_y, (self.frame.top - y0) * scale * zoom_y],
        ])  # fmt: skip
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP if zoom_x < 0.5 else cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.frame.width, self.frame.height)
        return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP)

    def film(self, values: np.ndarray) -> np.ndarray:
        """Lay a periodic field over the whole film, cells square."""
        return self.spread(values, (0, 0, FILM_HEIGHT * values.shape[1] / values.shape[0], FILM_HEIGHT))

    def rays(self, values: np.ndarray) -> np.ndarray:
        """Lay a periodic field (angle, radius) around a point behind the nipple: its structures run to the nipple."""
        x, y = self.shape.nipple_place
        dx = np.float32(x + 6) - self.frame.columns()[None]
        dy = self.frame.rows()[:, None] - np.float32(y)
        dx, dy = np.broadcast_arrays(dx, dy)
        radius, angle = cv2.cartToPolar(np.ascontiguousarray(dx), np.ascontiguousarray(dy))
        rows, columns = values.shape
        angle *= np.float32(rows / (2 * np.pi))
        radius *= np.float32(columns / 420)
        return cv2.remap(values, radius, angle, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth in between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """The logistic function, by tanh (no overflow)."""
    return 0.5 + 0.5 * np.tanh(0.5 * values)


def render(rng: np.random.Generator, place: Place, seen: np.ndarray, gland: float) -> np.ndarray:
    """Attenuation of one view without lesions; ``seen`` is the projected volume, ``gland`` the glandular fraction."""
    fine = place.film(power_law(rng, (256, 256), 2.4))
    mottle = place.film(power_law(rng, (128, 128), 3.0))
    fibres = place.rays(power_law(rng, (256, 64), 2.4, cutoff=44))
    web = _web(rng, place, fibres)
    parenchyma = _parenchyma(place, seen, gland, (mottle, fibres, fine, web))
    relief = place.relief
    attenuation = relief.thickness * (FAT + 0.012 * fine + 0.02 * mottle)
    attenuation += parenchyma * (0.35 + 0.65 * relief.thickness)
    attenuation += (0.14 + 0.1 * smoothstep(mottle, -1, 1)) * web * smoothstep(relief.skin, 0, 6)
    attenuation += _vessels(rng, place) + _skin(place, fine)
    if place.shape.pectoral is not None:
        attenuation += _pectoral(place, fine, fibres)
    return attenuation * relief.cover


def _web(rng: np.random.Generator, place: Place, fibres: np.ndarray) -> np.ndarray:
    """Ligaments: thin bright curves, a net in the fat and rays towards the nipple, faint here and strong there."""
    net = place.film(power_law(rng, (128, 64), 2.0, cutoff=15))
    finer = place.film(power_law(rng, (128, 64), 1.4, cutoff=24))
    strength = smoothstep(place.film(power_law(rng, (32, 32), 2.0, cutoff=7)), -1.0, 1.6)
    return strength * (0.22 * ridges(net, 0.13) + 0.3 * ridges(finer, 0.22) + 0.55 * ridges(fibres, 0.16))


def _prior(place: Place) -> np.ndarray:
    """Where glandular tissue lives: behind the nipple, off the skin, off the chest wall, below the muscle."""
    shape, frame = place.shape, place.frame
    x, y = frame.columns()[None], frame.rows()[:, None]
    ahead = (x - 0.52 * shape.depth) / (0.42 * shape.depth)
    middle = shape.centre + (-0.06 if shape.mlo else -0.03) * FILM_HEIGHT
    aside = (y - middle) / (0.5 * (shape.lower + min(shape.upper, 110)))
    prior = -np.square(ahead) - 1.1 * np.square(aside)
    prior = prior - 3.5 * (1 - smoothstep(place.relief.skin, 3, 0.16 * shape.depth))
    if shape.pectoral is not None:
        prior = prior - 1.2 * sigmoid((shape.pectoral.edge(y) - x) / np.float32(5))
    return prior


Textures = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _parenchyma(place: Place, seen: np.ndarray, gland: float, textures: Textures) -> np.ndarray:
    """Glandular tissue covering a fraction ``gland`` of the breast, its border frayed along the fibres."""
    mottle, fibres, fine, web = textures
    shape = place.shape
    base = place.spread(seen, (0, shape.centre - shape.upper, shape.depth, shape.centre + shape.lower))
    field = 0.7 * base + 0.45 * mottle + 0.42 * fibres + 0.16 * fine + 0.6 * web + 1.25 * _prior(place)
    inside = field[::3, ::3][place.relief.cover[::3, ::3] > 0.5]
    threshold = np.quantile(inside, 1 - gland) if inside.size else 0.0
    above = field - np.float32(threshold)
    amount = 0.34 * sigmoid(above * 4.5) + 0.66 * sigmoid((above - 0.35) * 1.5)
    texture = 0.86 + 0.13 * mottle + 0.11 * fibres + 0.07 * fine
    return GLAND * amount * texture * smoothstep(place.relief.skin, 1, 10)


def _skin(place: Place, fine: np.ndarray) -> np.ndarray:
    """The skin line, and the nipple with the tissue behind it."""
    line = 0.11 * np.exp(-np.square((place.relief.skin - 1.4) / 1.3))
    x, y = place.shape.nipple_place
    dx = place.frame.columns()[None] - np.float32(x - 2)
    dy = place.frame.rows()[:, None] - np.float32(y)
    nipple = np.exp(-np.square(dx / 5) - np.square(dy / 5))
    behind = np.exp(-np.square((dx + 10) / 14) - np.square(dy / 9))
    return line * (1 + 0.2 * fine) + 0.16 * nipple + 0.07 * behind


def _pectoral(place: Place, fine: np.ndarray, fibres: np.ndarray) -> np.ndarray:
    """The muscle: brighter than fat, not much brighter than gland, streaked, ending softly."""
    pectoral = place.shape.pectoral
    assert pectoral is not None
    y = place.frame.rows()[:, None]
    inwards = pectoral.edge(y) - place.frame.columns()[None] + 1.2 * fibres
    fade = 1 - 0.45 * np.clip(y / np.float32(pectoral.height), 0, 1)
    body = sigmoid(inwards / np.float32(1.6)) * smoothstep(inwards, -4, 26) ** 0.35
    return 0.3 * pectoral.strength * fade * body * (1 + 0.05 * fine + 0.05 * fibres)


def _vessels(rng: np.random.Generator, place: Place) -> np.ndarray:
    """A few veins winding from the chest wall towards the nipple."""
    frame, shape = place.frame, place.shape
    canvas = np.zeros((frame.height, frame.width), np.uint8)
    x1, y1 = shape.nipple_place
    for _ in range(int(rng.integers(1, 5))):
        start = np.array([0.0, shape.centre + rng.uniform(-0.85, 0.85) * shape.lower])
        stop = np.array([x1 * rng.uniform(0.6, 0.9), y1 + rng.normal(0, 18)])
        along = np.linspace(0, 1, 24)[:, None]
        bend = np.cumsum(np.cumsum(rng.normal(0, 1.1, 24))) * np.hanning(24) * 0.6
        line = start + (stop - start) * along + np.stack([np.zeros(24), bend], axis=1)
        pixels = (line - [0, frame.top]) * frame.scale * 16
        width = max(1, round(rng.uniform(0.8, 1.3) * frame.scale))
        cv2.polylines(canvas, [pixels.astype(np.int32)], False, int(rng.uniform(60, 150)), width, cv2.LINE_AA, 4)
    blurred = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), 0.7 * frame.scale)
    return blurred * np.float32(0.06 / 100) * smoothstep(place.relief.skin, 2, 12)
