"""Pixels as data URIs for a page: grey images windowed and small, heat maps as one hue of rising opacity."""

from __future__ import annotations

import base64
import io

import numpy as np

from taskfusion.images import Array

SHARPER = 1.5  # pixels of the image for one of the page, for screens that have them
BRIGHT = 0.995  # the share of the grey values that are not blown out
HUE = (255, 40, 40)  # none of the boxes'
OPAQUE = 170  # of 255, where a map is 1


def image_uri(pixels: Array, height: int) -> str:
    """A JPEG of an image ``(height, width[, channels])`` of any type, dark to bright, at most so many pixels high."""
    from PIL import Image

    grey = _grey(pixels)
    rows = min(round(height * SHARPER), grey.shape[0])
    columns = max(1, round(grey.shape[1] * rows / grey.shape[0]))
    small = Image.fromarray(grey).resize((columns, rows), Image.Resampling.BOX)
    return _uri(Image.fromarray(np.asarray(small).round().astype(np.uint8)), "JPEG", quality=82)


def heat_uri(values: Array) -> str:
    """A PNG of a heat map ``(rows, columns)`` in 0..1: the higher, the less can be seen through it."""
    from PIL import Image

    colored = np.empty((*values.shape, 4), np.uint8)
    colored[..., :3] = HUE
    colored[..., 3] = np.round(np.asarray(values) * OPAQUE)
    return _uri(Image.fromarray(colored), "PNG")


def _grey(pixels: Array) -> Array:
    """``(height, width)`` float32 in 0..255: what is not a number is black, the brightest half per cent white."""
    values = np.asarray(pixels, np.float32)
    values = np.nan_to_num(values if values.ndim == 2 else values.mean(axis=-1), posinf=0, neginf=0)
    low, high = float(values.min()), float(np.quantile(values, BRIGHT))
    high = high if high > low else max(float(values.max()), low + 1)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255, np.float32)


def _uri(image: object, kind: str, **options: int) -> str:
    from PIL import Image

    assert isinstance(image, Image.Image)
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
