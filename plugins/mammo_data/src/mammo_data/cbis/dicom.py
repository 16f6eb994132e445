"""Films and masks of the CBIS-DDSM as arrays; what a file holds is told by its pixels, as names are not reliable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import cv2
import numpy as np

from taskfusion.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

CASE = re.compile(r"(?:Mass|Calc)-(?:Training|Test)_(P_\d+)_(LEFT|RIGHT)_(CC|MLO)")
"""How the archive names a film, in its folders and as PatientID."""
SHAPE_TOLERANCE = 0.02
"""A mask of another size is resized if its height to width is the film's up to this share."""
ENDING = ".dcm"


class UnusableFileError(DataError):
    """A file that cannot be used.

    Attributes:
        kind: a short word to count it by.
        reason: what is wrong with it, without its name.
    """

    def __init__(self, kind: str, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.kind = kind
        self.reason = reason


@attrs.frozen(eq=False)
class Mask:
    """A lesion's mask.

    Attributes:
        pixels: bool, in the shape of its film.
        path: the file it was found in.
        swapped: whether that is the file which the table calls the cropped image.
    """

    pixels: np.ndarray
    path: Path
    swapped: bool = False


def read_film(path: Path, expected: str = "") -> tuple[np.ndarray, dict[str, Any]]:
    """A whole film.

    Args:
        path: the DICOM file.
        expected: the archive's name of the film, such as ``Mass-Training_P_00001_LEFT_CC``; empty: not checked.

    Returns:
        uint16 ``(height, width)``, higher is denser, as stored; and what else is known as JSON data.

    Raises:
        UnusableFileError: missing, empty, truncated, mislabelled, or no film.
    """
    data = _open(path)
    _check_label(path, data, expected)
    pixels = _pixels(path, data)
    if len(_few_values(pixels)) <= 2:
        raise UnusableFileError("swapped", path, "holds two grey values: a mask, where a film belongs")
    return pixels, _details(data)


def read_mask(files: Sequence[Path], shape: tuple[int, int], expected: str = "") -> Mask:
    """The one of a lesion's two files that is the mask: it has two values; the cropped image has many.

    Args:
        files: the file named as mask, then that named as cropped image (the archive swaps some).
        shape: height and width of the film.
        expected: the archive's name of the film; empty: not checked.

    Raises:
        UnusableFileError: the reason of the first file, where none of them can be used.
    """
    reasons: list[UnusableFileError] = []
    for number, path in enumerate(files):
        try:
            return Mask(_mask(path, shape, expected), path, swapped=number > 0)
        except UnusableFileError as error:
            reasons.append(error)
    raise reasons[0]


def find_files(root: Path, relative: Path) -> list[Path]:
    """A file where the table says it is; else every DICOM file in its case folder, as newer downloads rename the rest.

    Newer downloads of the archive keep the first folder of a path and give the others, and the files, new names.
    """
    path = root / relative
    if path.is_file():
        return [path]
    return sorted(one for one in (root / relative.parts[0]).rglob(f"*{ENDING}") if one.is_file())


def _mask(path: Path, shape: tuple[int, int], expected: str) -> np.ndarray:
    data = _open(path)
    _check_label(path, data, expected)
    pixels = _pixels(path, data)
    values = _few_values(pixels)
    if len(values) > 2:
        raise UnusableFileError("swapped", path, "has many grey values: a cropped image, where a mask belongs")
    if len(values) < 2:
        raise UnusableFileError("empty mask", path, f"is {values[0]} everywhere: a mask without a lesion")
    return fit_mask(pixels == values.max(), shape, path)


def fit_mask(mask: np.ndarray, shape: tuple[int, int], path: Path) -> np.ndarray:
    """A mask in the shape of its film: resized to the nearest pixel where only the resolution differs.

    Raises:
        UnusableFileError: another aspect ratio, so nobody knows where it belongs; or nothing is left of it.
    """
    if mask.shape == shape:
        return mask
    ratio = (mask.shape[0] / mask.shape[1]) / (shape[0] / shape[1])
    if abs(ratio - 1) > SHAPE_TOLERANCE:
        raise UnusableFileError(
            "another size",
            path,
            f"is {mask.shape[0]}x{mask.shape[1]}, its film {shape[0]}x{shape[1]} (height x width)",
        )
    resized = cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    if not resized.any():
        raise UnusableFileError("empty mask", path, "loses its lesion when it is resized to its film")
    return resized


def _open(path: Path) -> Dataset:
    import pydicom  # only those who read DICOM pay for it
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise UnusableFileError("missing file", path, "is not there")
    if path.stat().st_size == 0:
        raise UnusableFileError("empty", path, "is empty")
    try:
        return pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise UnusableFileError("not DICOM", path, "is no DICOM file") from error
    except Exception as error:  # a damaged file can fail anywhere in the parser
        raise UnusableFileError("truncated", path, f"cannot be read: {_one_line(error)}") from error


def _check_label(path: Path, data: Dataset, expected: str) -> None:
    """Files that say whose they are must say what is expected; a file that says nothing is believed."""
    own, wanted = CASE.match(str(data.get("PatientID", ""))), CASE.match(expected)
    if own and wanted and own.groups() != wanted.groups():
        raise UnusableFileError(
            "mislabelled", path, f"says it is {data.PatientID}, where {expected} belongs; find the right file"
        )


def _pixels(path: Path, data: Dataset) -> np.ndarray:
    try:
        pixels = np.asarray(data.pixel_array)
    except Exception as error:  # pydicom and its decoders raise many types for damaged pixel data
        raise UnusableFileError("truncated", path, f"has no readable pixels: {_one_line(error)}") from error
    if pixels.ndim != 2 or 0 in pixels.shape or pixels.dtype.kind not in "ui" or pixels.min() < 0:
        shape = "x".join(map(str, pixels.shape))
        raise UnusableFileError("no film", path, f"holds {pixels.dtype} {shape}; expected one grey image")
    if str(data.get("PhotometricInterpretation", "")) == "MONOCHROME1":
        pixels = (1 << int(data.BitsStored)) - 1 - pixels.astype(np.int64)
    return np.clip(pixels, 0, 65535).astype(np.uint16)


def _few_values(pixels: np.ndarray) -> np.ndarray:
    """The distinct values, or any three of them: sorting a film of 30 million pixels takes seconds."""
    low, high = pixels.min(), pixels.max()
    other = (pixels != low) & (pixels != high)
    if not other.any():
        return np.unique(np.array([low, high]))
    return np.array([low, pixels.flat[int(other.argmax())], high])


def _details(data: Dataset) -> dict[str, Any]:
    known = {"series": str(data.get("SeriesInstanceUID", ""))}
    return {name: value for name, value in known.items() if value}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
