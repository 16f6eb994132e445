"""Compressed pixels, by imagecodecs.

pydicom's own plug-in for lossless JPEG, GDCM, ends the whole program (C++ ``abort``) on many damaged streams; the
decoders here (libjpeg-turbo, CharLS, OpenJPEG) raise errors.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
    UncompressedTransferSyntaxes,
)

from mammo_data.dicom.unusable import UnusableError

PLAIN = {*UncompressedTransferSyntaxes, RLELossless}
"""What pydicom decodes itself."""
DECODERS = {
    **dict.fromkeys(JPEGTransferSyntaxes, "jpeg8_decode"),
    **dict.fromkeys(JPEGLSTransferSyntaxes, "jpegls_decode"),
    **dict.fromkeys(JPEG2000TransferSyntaxes, "jpeg2k_decode"),
    HTJ2KLossless: "jpeg2k_decode",
}

END_OF_IMAGE, TRAILER = b"\xff\xd9", 16
"""The last marker of a JPEG, and the most bytes that may follow: libjpeg-turbo fills in silently what is missing."""


def refuse_without_decoder(header: Dataset) -> None:
    """Refuse a compression nobody here can undo.

    Raises:
        UnusableError: naming it.
    """
    syntax = UID(header.file_meta.TransferSyntaxUID)
    if syntax not in PLAIN and syntax not in DECODERS:
        raise UnusableError("no decoder", f"is compressed as {syntax.name}, for which there is no decoder")


def stored_values(header: Dataset) -> np.ndarray:
    """The stored values of the only frame, (height, width), signed where the header says so; any error if damaged."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax in PLAIN:
        return pixel_array(header)
    import imagecodecs

    stream = get_frame(header.PixelData, 0, number_of_frames=1)
    if syntax in JPEGTransferSyntaxes and END_OF_IMAGE not in stream[-TRAILER:]:
        raise UnusableError("truncated", "the pixels cannot be decoded: the JPEG stream has no end")
    values: np.ndarray = getattr(imagecodecs, DECODERS[syntax])(stream)
    return _signed(values, int(header.BitsStored)) if header.get("PixelRepresentation") else values


def _signed(values: np.ndarray, bits: int) -> np.ndarray:
    """JPEG knows no signs: the highest of the stored bits is one."""
    if np.issubdtype(values.dtype, np.signedinteger):  # JPEG 2000 does
        return values
    low = values.astype(np.int32) & ((1 << bits) - 1)
    return np.where(low >> (bits - 1), low - (1 << bits), low).astype(np.int16)
