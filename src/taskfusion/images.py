"""Where the pixels of a view come from: a file, an array, or anything with ``read`` and ``fingerprint``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np

from taskfusion.errors import DataError

Array = np.ndarray


@runtime_checkable
class ImageSource(Protocol):
    """Pixels on demand; readers bring their own."""

    def read(self) -> Array:
        """The pixels, ``(height, width)`` or ``(height, width, channels)``; raises DataError if unreadable."""
        ...

    def fingerprint(self) -> str:
        """A short text that changes when the pixels do, found without reading them where possible."""
        ...


@attrs.frozen
class FileSource:
    """An image file: PNG, TIFF or JPEG through Pillow, ``.npy`` through numpy."""

    path: Path = attrs.field(converter=Path)

    def read(self) -> Array:
        """Decode the file; one DataError names it when that fails."""
        if not self.path.is_file():
            raise DataError(f"image not found: {self.path}")
        try:
            pixels = _read_npy(self.path) if self.path.suffix == ".npy" else _read_with_pillow(self.path)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"image not readable: {self.path}: {error}") from error
        if pixels.ndim not in (2, 3) or 0 in pixels.shape:
            raise DataError(f"image of shape {pixels.shape} in {self.path}; expected (height, width[, channels])")
        return pixels

    def fingerprint(self) -> str:
        """From name, size and modification time: a changed file is seen without reading it."""
        if not self.path.is_file():
            raise DataError(f"image not found: {self.path}")
        stat = self.path.stat()
        return short_hash("file", self.path.name, stat.st_size, stat.st_mtime_ns)


@attrs.frozen(eq=False)
class ArraySource:
    """Pixels that are in memory already."""

    pixels: Array

    def read(self) -> Array:
        """The array itself, not a copy."""
        return self.pixels

    def fingerprint(self) -> str:
        """Hash of shape, type and content."""
        return short_hash(self.pixels.shape, self.pixels.dtype.str, self.pixels.tobytes())


def as_source(value: Any) -> ImageSource:
    """Accept what people have: a path, an array, or a source of their own."""
    if isinstance(value, str | Path):
        return FileSource(Path(value))
    if isinstance(value, np.ndarray):
        return ArraySource(value)
    if isinstance(value, ImageSource):
        return value
    raise DataError(f"not an image: {type(value).__name__}; expected a path, an array or an ImageSource")


def write_png(path: Path, pixels: Array) -> None:
    """Write 8- or 16-bit grey pixels losslessly, whole or not at all."""
    from PIL import Image

    from taskfusion.files import replacing

    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=1)


def short_hash(*parts: object) -> str:
    """Sixteen hex digits that stand for the parts, in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\x00")
    return digest.hexdigest()[:16]


def _read_npy(path: Path) -> Array:
    return np.asarray(np.load(path, allow_pickle=False))


def _read_with_pillow(path: Path) -> Array:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)
