"""One mammogram in a file of whatever kind: DICOM, or what the core reads."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import FileSource

PREAMBLE = 128


@attrs.frozen
class MammogramFile:
    """Grey values of a file, neither turned nor cut, so that boxes of the file stay true.

    DICOM is told by its content, not its name; PNG, TIFF, JPEG and ``.npy`` are read by the core. Three equal channels
    are grey; colours are refused.
    """

    path: Path = attrs.field(converter=Path)

    def read(self) -> np.ndarray:
        """(height, width); DataError names the file where that fails."""
        if is_dicom(self.path):
            from mammo_data.dicom.image import DicomImage

            return DicomImage(self.path).read()
        return _grey(FileSource(self.path).read(), self.path)

    def fingerprint(self) -> str:
        """From name, size and modification time."""
        return FileSource(self.path).fingerprint()


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its magic number, or its ending where it has none."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(PREAMBLE + 4)
    return head[PREAMBLE:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")


def _grey(pixels: np.ndarray, path: Path) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    colours = pixels[..., :3] if pixels.shape[2] in (3, 4) else pixels
    if (colours != colours[..., :1]).any():
        raise DataError(f"image of colours: {path}; expected grey values, or three equal channels")
    return colours[..., 0]
