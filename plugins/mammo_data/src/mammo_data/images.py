"""Mammograms made comparable: background cleaned, grey values in [0, 1], chest wall at the left, one size.

Boxes are xyxy in pixels with edges at whole numbers: the first pixel covers 0..1, the right edge of the image
is its width.
"""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

from taskfusion.errors import DataError

SIDES = ("L", "R")
THRESHOLD = 0.05
"""Tissue is what is brighter than this share of the way from the film's darkest to its brightest grey."""
WHITE = 0.995
"""Quantile of the grey values in the breast that becomes 1."""
CLEARLY = 1.5
"""The chest wall lies on an edge for sure if that holds so many times more of the breast than the other."""
LARGEST_GAP = 0.05
"""Dark tissue at the chest wall is breast if its opening is at most this share of the height; more may be a fold."""
LARGEST_ZOOM = 2.0
"""A small breast is enlarged at most this much over what fits the whole film in."""


def breast_mask(image: np.ndarray) -> np.ndarray:
    """The breast: plain threshold, largest component (III-A), holes filled, those too that open at the chest wall.

    Args:
        image: (height, width) grey values of any range.

    Returns:
        bool (height, width), all False where the image is constant or has no tissue.
    """
    image = _grey(image)
    low, high = _quantiles(image, (0.01, WHITE))
    if not high > low:
        return np.zeros(image.shape, bool)
    tissue = (image > low + THRESHOLD * (high - low)).astype(np.uint8)
    tissue = cv2.morphologyEx(tissue, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    breast = _largest(tissue)
    edge = breast[:, 0 if chest_side(breast) == "L" else -1]
    return _largest(breast) > 0 if _close_gaps(edge) else breast > 0


def _largest(tissue: np.ndarray) -> np.ndarray:
    """uint8 (height, width): the largest component, filled; all 0 where there is none."""
    outlines, _ = cv2.findContours(tissue, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(tissue.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled


def _close_gaps(edge: np.ndarray) -> bool:
    """Fill small gaps of an image edge (height,) in place; whether there were any."""
    rows = np.flatnonzero(edge)
    steps = np.diff(rows)
    small = np.flatnonzero((steps > 1) & (steps - 1 <= LARGEST_GAP * len(edge)))
    for gap in small:
        edge[rows[gap] : rows[gap + 1]] = 1
    return len(small) > 0


def clean(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with everything but the breast (and a thin rim of it, where the skin is faint) set to 0."""
    rim = max(3, round(0.01 * max(mask.shape)) | 1)
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((rim, rim), np.uint8))
    return image * wide.astype(image.dtype)


def chest_side(mask: np.ndarray) -> str:
    """The image edge that the breast lies on, as the laterality of a natively hung view: "L" left, "R" right."""
    return "R" if mask[:, -1].sum() > mask[:, 0].sum() else "L"


def clearer_side(mask: np.ndarray) -> str | None:
    """Like :func:`chest_side`, but None where neither edge holds clearly more of the breast than the other."""
    left, right = int(mask[:, 0].sum()), int(mask[:, -1].sum())
    return None if max(left, right) < CLEARLY * min(left, right) or left == right else chest_side(mask)


@frozen
class Placement:
    """Where an original image's pixels went: mirrored, cut, zoomed, moved. Maps boxes there and back exactly."""

    flipped: bool
    width: float
    """Of the original, in pixels."""
    left: float
    top: float
    """Corner of the cut in the (mirrored) original."""
    zoom_x: float
    zoom_y: float
    """Equal but for rounding to whole pixels."""
    down: float
    """Rows of padding above."""

    def to_prepared(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (k, 4) of the original in the prepared image; not clipped."""
        boxes = _mirror(_boxes(boxes), self.width) if self.flipped else _boxes(boxes)
        return (boxes - self._offset) * self._zoom + self._move

    def to_original(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (k, 4) of the prepared image in the original; not clipped."""
        boxes = (_boxes(boxes) - self._move) / self._zoom + self._offset
        return _mirror(boxes, self.width) if self.flipped else boxes

    def points_to_prepared(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) x, y of the original in the prepared image."""
        corners = self.to_prepared(np.tile(np.asarray(points, np.float64).reshape(-1, 2), 2))
        return corners[:, :2]  # a box without area stays one, mirrored or not

    @property
    def _offset(self) -> np.ndarray:
        return np.array([self.left, self.top, self.left, self.top])

    @property
    def _zoom(self) -> np.ndarray:
        return np.array([self.zoom_x, self.zoom_y, self.zoom_x, self.zoom_y])

    @property
    def _move(self) -> np.ndarray:
        return np.array([0.0, self.down, 0.0, self.down])


def prepare(
    image: np.ndarray, size: tuple[int, int], laterality: str | None = None, crop: bool = True
) -> tuple[np.ndarray, Placement]:
    """Make a mammogram comparable with every other.

    The film is cut to the breast, because some archives deliver tight cuts and others whole films; the aspect ratio
    is kept, the chest wall lies on the left edge, and the rest is 0. Grey values are divided by the 99.5 % quantile
    inside the breast, so 12 bits in a 16-bit file and all 16 bits come out alike. A constant image gives zeros.

    Args:
        image: (height, width), of either orientation: the pixels show on which edge the breast lies.
        size: height and width of the result.
        laterality: "L" or "R", decides where the pixels do not show it, as if the image hung natively: chest wall at
            the left edge in L views, at the right edge in R views.
        crop: cut to the breast's bounding box, or keep the whole film.

    Returns:
        float32 ``size`` in [0, 1], and where everything went.
    """
    image = _grey(image)
    _check(size, laterality)
    mask = breast_mask(image)
    flipped = (clearer_side(mask) or laterality or chest_side(mask)) == "R"
    if not mask.any():
        return np.zeros(size, np.float32), _fit((0, 0, image.shape[1], image.shape[0]), image.shape, size, flipped)
    white = _quantiles(image[mask], (WHITE,))[0]
    cleaned = clean(image, mask)
    if flipped:
        cleaned, mask = cleaned[:, ::-1], mask[:, ::-1]
    box = _bounds(mask) if crop else (0, 0, image.shape[1], image.shape[0])
    placement = _fit(box, image.shape, size, flipped)
    laid = _lay(cleaned, box, size, placement) / np.float32(max(white, 1e-6))
    return np.clip(laid, 0, 1), placement


def laterality_of(view: str) -> str:
    """ "L" or "R" from a view's name such as "L-CC"."""
    if view[:1] not in SIDES:
        raise DataError(f"view {view!r} does not begin with its laterality; expected a name such as 'L-CC' or 'R-MLO'")
    return view[0]


def _check(size: tuple[int, int], laterality: str | None) -> None:
    if min(size) < 1:
        raise DataError(f"size must be a positive height and width, got {tuple(size)}")
    if laterality is not None and laterality not in SIDES:
        raise DataError(f"laterality must be 'L' or 'R', got {laterality!r}")


def _grey(image: np.ndarray) -> np.ndarray:
    """A two-dimensional image of a type that OpenCV can resize; what is not finite becomes 0.

    Grey images are often saved in colour: channels that are all equal count as one, with transparency left out.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] in (1, 3, 4) and (image[..., :1] == image[..., :3]).all():
        image = image[..., 0]
    if image.ndim != 2 or 0 in image.shape:
        raise DataError(f"a mammogram must be (height, width) or grey in every channel, got shape {image.shape}")
    if image.dtype in (np.uint8, np.uint16):
        return image
    return np.nan_to_num(image.astype(np.float32), posinf=0.0, neginf=0.0)


def _quantiles(values: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles of at most about 20,000 of the values, evenly taken: enough, and fast for large films."""
    flat = values.ravel()
    sample = np.sort(flat[:: max(1, flat.size // 20000)])
    return sample[np.round(np.multiply(at, len(sample) - 1)).astype(int)].astype(np.float64)


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask, np.uint8))
    return x, y, x + width, y + height


def _fit(box: tuple[int, int, int, int], shape: tuple[int, ...], size: tuple[int, int], flipped: bool) -> Placement:
    """The largest zoom at which the box fits the size, chest wall at the left, centred vertically."""
    (x0, y0, x1, y1), (height, width) = box, size
    whole = min(height / shape[0], width / shape[1])
    zoom = min(height / (y1 - y0), width / (x1 - x0), LARGEST_ZOOM * whole)
    columns = min(max(1, round((x1 - x0) * zoom)), width)
    rows = min(max(1, round((y1 - y0) * zoom)), height)
    return Placement(
        flipped=flipped,
        width=float(shape[1]),
        left=float(x0),
        top=float(y0),
        zoom_x=columns / (x1 - x0),
        zoom_y=rows / (y1 - y0),
        down=float((height - rows) // 2),
    )


def _lay(image: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int], placement: Placement) -> np.ndarray:
    """Resize what is in the box and lay it on a black image; bicubic (III-A), but by area where it shrinks much."""
    x0, y0, x1, y1 = box
    columns, rows = round((x1 - x0) * placement.zoom_x), round((y1 - y0) * placement.zoom_y)
    how = cv2.INTER_AREA if placement.zoom_x < 0.75 else cv2.INTER_CUBIC
    part = cv2.resize(np.ascontiguousarray(image[y0:y1, x0:x1]), (columns, rows), interpolation=how)
    down = int(placement.down)
    laid = np.zeros(size, np.float32)
    laid[down : down + rows, :columns] = part
    return laid


def _boxes(boxes: np.ndarray) -> np.ndarray:
    return np.asarray(boxes, np.float64).reshape(-1, 4)


def _mirror(boxes: np.ndarray, width: float) -> np.ndarray:
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
