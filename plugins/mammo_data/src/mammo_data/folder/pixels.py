"""Pixels of a cohort folder: known by their hash, read from the folder or from where they were left."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import FileSource, short_hash


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 of shape and grey values ``(height, width)``: equal images have equal hashes, in whatever file."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels, dtype="<u2").tobytes())
    return digest.hexdigest()


def read_grey(path: Path) -> np.ndarray:
    """``(height, width)`` uint16 of an image file that needs no database to be understood (PNG, TIFF, JPEG, npy).

    Raises:
        DataError: a file that is missing, unreadable, or of colours or numbers that 16 bits do not hold.
    """
    pixels = FileSource(path).read()
    if pixels.ndim != 2 or not (pixels.dtype == bool or np.issubdtype(pixels.dtype, np.integer)):
        raise DataError(f"{path} holds {pixels.dtype} of shape {pixels.shape}; expected grey values (height, width)")
    if pixels.size and (int(pixels.min()) < 0 or int(pixels.max()) > np.iinfo(np.uint16).max):
        raise DataError(f"{path} holds grey values {pixels.min()}..{pixels.max()}; expected 0..65535")
    return pixels.astype(np.uint16, copy=False)


def reads_alike(path: Path, pixels: np.ndarray) -> bool:
    """Whether the file as it is gives these pixels, so that it can be left where it is."""
    try:
        return np.array_equal(read_grey(path), pixels)
    except DataError:
        return False


@attrs.frozen
class FolderImage:
    """A view of a cohort folder.

    Attributes:
        path: the image file.
        case: its exam, for errors.
        sha256: of its pixels, as the table says.
    """

    path: Path
    case: str
    sha256: str

    def read(self) -> np.ndarray:
        """uint16 ``(height, width)``; DataError names exam and file where that fails."""
        try:
            return read_grey(self.path)
        except DataError as error:
            raise DataError(f"exam {self.case!r}: {error}") from error

    def fingerprint(self) -> str:
        """From the table and the file's size: the same cohort in another place is the same; nothing is decoded."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise DataError(f"exam {self.case!r}: image not found: {self.path}") from error
        return short_hash("mammo-cohort", self.sha256, size)
