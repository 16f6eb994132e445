"""A DICOM file as the image of a view, for cohorts that are described by a table."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from mammo_data.dicom.pixels import read_pixels
from mammo_data.dicom.unusable import UnusableError
from taskfusion.errors import DataError
from taskfusion.images import FileSource, short_hash


@attrs.frozen
class DicomImage:
    """Pixels as stored (uint16, higher is denser), neither turned nor cut, so that boxes of the file stay true."""

    path: Path
    window: bool = True

    def read(self) -> np.ndarray:
        """uint16 (height, width); DataError names the file where that fails."""
        try:
            return read_pixels(self.path, self.window)
        except UnusableError as error:
            raise DataError(f"image not readable: {self.path}: {error.reason}") from error

    def fingerprint(self) -> str:
        """From name, size, modification time and window."""
        return short_hash("dicom", FileSource(self.path).fingerprint(), self.window)
