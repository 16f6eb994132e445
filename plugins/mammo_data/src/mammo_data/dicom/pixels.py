"""The pixels of a DICOM file as grey values of 16 bits, of which higher means denser tissue.

The order is the standard's (PS3.3 C.11): stored values, modality LUT or rescaling, VOI LUT or window, then the
inversion of MONOCHROME1. All of it by pydicom.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mammo_data.dicom.compressed import refuse_without_decoder, stored_values
from mammo_data.dicom.header import image_size, is_presentation, open_dicom
from mammo_data.dicom.unusable import UnusableError, refusing

GREY = ("MONOCHROME1", "MONOCHROME2")
TOP = 65535


def read_pixels(path: Path, window: bool = True) -> np.ndarray:
    """Decode one file.

    Values that fit are only moved to begin at 0; wider ranges are brought to 0..65535 by what the header says is
    possible, so that images of one device stay comparable.

    Args:
        path: the file, of any name.
        window: apply the VOI LUT or window, as the manufacturer wants the image to be shown.

    Returns:
        uint16 (height, width), as stored: neither turned nor cut.

    Raises:
        UnusableError: damaged, without pixels, of several frames or colours, or of a compression without decoder.
    """
    header = open_dicom(path)
    with refusing("unreadable", "the header cannot be understood"):
        _refuse_undecodable(header)
    with refusing("truncated", "the pixels cannot be decoded"):
        stored = stored_values(header)
        if stored.shape != image_size(header):
            raise UnusableError("unreadable", f"decodes to shape {stored.shape}; expected {image_size(header)}")
    with refusing("unreadable", "the grey values cannot be understood"):
        return _grey(header, stored, window)


def _refuse_undecodable(header: Dataset) -> None:
    image_size(header)
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise UnusableError("multi-frame", f"holds {header.NumberOfFrames} frames; expected one image")
    if not header.get("PixelData"):
        raise UnusableError("no pixels", "has no PixelData")
    colours, meaning = int(header.get("SamplesPerPixel") or 1), str(header.get("PhotometricInterpretation") or "")
    if colours != 1 or meaning not in GREY:
        raise UnusableError("colour", f"holds {colours} x {meaning or 'unknown'}; expected one of {', '.join(GREY)}")
    bits = [int(header.get(name) or 0) for name in ("BitsAllocated", "BitsStored")]
    if bits[0] not in (8, 16) or not 1 <= bits[1] <= bits[0]:
        raise UnusableError("unreadable", f"stores {bits[1]} of {bits[0]} bits; expected 8 or 16 with at least 1 used")
    if "TransferSyntaxUID" not in getattr(header, "file_meta", {}):
        _complete(header)
    refuse_without_decoder(header)


def _complete(header: Dataset) -> None:
    """Say what pydicom found out about a file without meta header, which its decoders ask for."""
    implicit, little = header.original_encoding
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    )


def _grey(header: Dataset, stored: np.ndarray, window: bool) -> np.ndarray:
    """uint16 from stored values (height, width)."""
    depths = {name: _widen_table(header, name) for name in ("ModalityLUTSequence", "VOILUTSequence")}
    values, ends = apply_modality_lut(stored, header), _ends(header, depths["ModalityLUTSequence"])
    if window:
        values = apply_voi_lut(values, header)
        ends = _table_ends(depths["VOILUTSequence"]) or ends
    if not np.isfinite(ends).all() or ends[0] == ends[1]:
        raise UnusableError("unreadable", f"its grey values would lie in {ends[0]}..{ends[1]}; expected a finite range")
    grey = _to_16_bits(values, min(ends), max(ends))
    if _is_inverse(header):
        grey = _to_16_bits(np.array(max(ends)), min(ends), max(ends)) - grey
    grey[_padding(header, stored)] = 0
    return grey


def _widen_table(header: Dataset, name: str) -> int:
    """Bits of a lookup table's entries, 0 without table.

    The table is declared as 16 bits wide from here on: pydicom takes the width of the entries for that of the input
    too, so that 8-bit tables of more than 256 entries would wrap around, and knows no modality LUT of 12 bits.
    """
    items = header.get(name) or ()
    if not items or "LUTDescriptor" not in items[0] or "LUTData" not in items[0]:
        return 0
    entries, first, bits = items[0].LUTDescriptor
    if not 1 <= int(bits) <= 16:
        raise UnusableError("unreadable", f"{name} has entries of {bits} bits; expected at most 16")
    items[0].LUTDescriptor = [entries, first, 16]
    return int(bits)


def _ends(header: Dataset, table_bits: int) -> tuple[float, float]:
    """The smallest and the largest value possible after the modality LUT or rescaling, in whichever order."""
    bits = int(header.BitsStored)
    low, high = (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if header.get("PixelRepresentation") else (0, (1 << bits) - 1)
    )
    first, last = apply_modality_lut(np.array([low, high]), header) if not table_bits else (low, high)
    return _table_ends(table_bits) or (float(first), float(last))


def _table_ends(bits: int) -> tuple[float, float] | None:
    return (0.0, float((1 << bits) - 1)) if bits else None


def _to_16_bits(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values moved to begin at 0; scaled too where their range is more than 16 bits hold, or under 8 bits."""
    span = high - low
    scale = 1.0 if 255 <= span <= TOP else TOP / span
    return np.rint((np.clip(values, low, high) - low) * scale).astype(np.uint16)


def _is_inverse(header: Dataset) -> bool:
    """Whether higher values mean less dense tissue: MONOCHROME1, or raw data that rise with the X-rays that arrived."""
    sign = header.get("PixelIntensityRelationshipSign")
    if not is_presentation(header) and sign in (1, -1):
        return bool(sign == 1)
    return bool(header.PhotometricInterpretation == "MONOCHROME1")


def _padding(header: Dataset, stored: np.ndarray) -> np.ndarray:
    """bool (height, width): what was added around the image and is no tissue (PixelPaddingValue)."""
    value = header.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    other = header.get("PixelPaddingRangeLimit", value)
    return (stored >= min(value, other)) & (stored <= max(value, other))
