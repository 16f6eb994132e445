"""Pictures that fit into a page: 8 bits, a bounded side, a bounded number of bytes. Pillow loads on use."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import attrs
import numpy as np

from taskfusion.images import Array

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES = (88, 75, 60, 45, 30, 15)  # of WebP, tried from the best until a picture is small enough
SMALLEST = 64  # pixels along the shorter edge; below, a picture shows nothing
HEAT_SIDE, HEAT_LEVELS, HEAT_ALPHA = 48, 24, 185
BRIGHTEST = 99.9  # percentile that becomes white: a label's glare must not darken the breast
TISSUE = 0.08  # of the full range: brighter is no background
CLEAR = 0.04  # share of the width by which tissue must lie off the middle to tell the chest wall
# Sequential, ever brighter, safe for all kinds of colour blindness: from dark violet over orange to pale yellow.
_HEAT_COLORS = np.array([[40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [252, 255, 164]])


@attrs.frozen(eq=False)
class Shrunk:
    """Pixels with 8 bits a channel.

    Attributes:
        pixels: ``(height, width)`` or ``(height, width, 3)`` uint8.
        low: the original value that became 0.
        high: the one that became 255.
    """

    pixels: Array
    low: float
    high: float


def shrink(pixels: Array, side: int) -> Shrunk:
    """Reduce to 8 bits and to at most ``side`` pixels along the longer edge; never enlarged.

    8-bit pixels keep their values. Others are mapped from their lowest to their 99.9th percentile.
    """
    from PIL import Image as Pillow

    grey = pixels if pixels.ndim == 2 or pixels.shape[2] >= 3 else pixels[:, :, 0]
    shown, low, high = _eight_bits(grey if grey.ndim == 2 else grey[:, :, :3])
    image = Pillow.fromarray(shown)
    image.thumbnail((side, side), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    return Shrunk(np.asarray(image), low, high)


def _eight_bits(pixels: Array) -> tuple[Array, float, float]:
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels), 0.0, 255.0
    values = np.nan_to_num(pixels.astype(np.float32, copy=False), posinf=0, neginf=0)
    step = max(1, int(np.sqrt(values.size / 1e5)))  # a percentile of 100 000 pixels is that of all
    low, high = float(values.min()), float(np.percentile(values[::step, ::step], BRIGHTEST))
    high = high if high > low else low + 1
    scaled = np.clip((values - low) * (255 / (high - low)), 0, 255)
    return (scaled + 0.5).astype(np.uint8), low, high


def chest_wall(pixels: Array) -> str:
    """The edge the breast grows from, ``left`` or ``right``; "" where the tissue lies in the middle.

    Args:
        pixels: ``(height, width)`` or ``(height, width, 3)`` uint8.
    """
    tissue = (pixels if pixels.ndim == 2 else pixels.mean(axis=2)) > 255 * TISSUE
    columns = tissue.sum(axis=0)
    if not columns.sum():
        return ""
    place = (columns * (np.arange(len(columns)) + 0.5)).sum() / columns.sum() / len(columns)
    return "" if abs(place - 0.5) < CLEAR else "left" if place < 0.5 else "right"


def picture_uri(pixels: Array, most: int) -> str:
    """A WebP data URI of at most ``most`` bytes: less quality first, then fewer pixels, down to a few.

    Args:
        pixels: uint8.
        most: bytes of the image file; its text in the page is a third longer.
    """
    from PIL import Image as Pillow

    image = Pillow.fromarray(pixels)
    found = b""
    for quality in QUALITIES:
        found = _encoded(image, "WEBP", quality=quality, method=2)
        if len(found) <= most:
            break
    if len(found) > most and min(image.size) > SMALLEST:
        return picture_uri(np.asarray(image.reduce(2)), most)
    return _uri(found, "webp")


def heat_uri(values: Array) -> str:
    """A transparent PNG data URI of a heat map: few pixels, as the browser smooths them; 0 shows nothing.

    Args:
        values: ``(rows, columns)`` in 0..1.
    """
    from PIL import Image as Pillow

    levels = Pillow.fromarray(np.asarray(values, np.float32))
    levels.thumbnail((HEAT_SIDE, HEAT_SIDE), Pillow.Resampling.BOX)
    index = np.rint(np.clip(np.asarray(levels), 0, 1) * (HEAT_LEVELS - 1)).astype(np.uint8)
    share = np.linspace(0, 1, HEAT_LEVELS)
    stops = np.linspace(0, 1, len(_HEAT_COLORS))
    colors = np.stack([np.interp(share, stops, _HEAT_COLORS[:, k]) for k in range(3)], axis=1)
    image = Pillow.fromarray(index)
    image.putpalette(np.rint(colors).astype(np.uint8).tobytes())
    alpha = np.rint(HEAT_ALPHA * share**0.8).astype(np.uint8).tobytes()
    return _uri(_encoded(image, "PNG", transparency=alpha, optimize=True), "png")


def _encoded(image: Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
