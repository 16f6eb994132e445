"""DDSM's ``.LJPEG``: lossless JPEG as PVRG's codec wrote it, decoded exactly.

libjpeg-turbo (by imagecodecs) does the Huffman decoding. For predictors 2, 3, 6 and 7 its image is wrong in PVRG's
streams, because the two disagree on the first row; but it is wrong in a known way, so its differences are taken back
and added up by PVRG's rule. The bits that an image must have taken are counted against those that are there: a
stream that is cut off or damaged does not pass for an image.
"""

from __future__ import annotations

import numpy as np

from mammo_data.ddsm.faults import TruncatedError
from mammo_data.ddsm.jpeg_header import DHT, EOI, SOF3, SOI, SOS, HuffmanTable, LosslessHeader, read_header
from mammo_data.ddsm.prediction import ALIKE, differences, pvrg_image
from taskfusion.errors import DataError

MOST_SAMPLES = 1 << 26
"""Films have up to about 30 million pixels; what declares more than 67 million is refused before memory is taken."""
SPARE_BYTES = 4
"""Bytes that may be left over behind the last sample."""
ROWS_AT_ONCE = 64


def decode(data: bytes) -> np.ndarray:
    """The samples of a stream.

    Args:
        data: the whole file.

    Returns:
        uint16 (rows, columns) as coded: the record's lines and columns may be swapped.

    Raises:
        DataError: what is not such a stream, is cut off or damaged, or declares more than its data can hold.
    """
    return decode_scan(read_header(data), data)


def decode_scan(header: LosslessHeader, data: bytes) -> np.ndarray:
    """Likewise, where the header has been read already."""
    scan = _scan_data(data, header.scan)
    _check_size(header, scan)
    standard = _libjpeg(header, scan)
    middle = 1 << (header.precision - 1)
    coded = differences(standard, header.predictor, middle)
    _check_bits(coded, header.table, _bits_of(scan))
    if header.predictor in ALIKE:
        return _in_range(standard, header)
    return _plausible(pvrg_image(coded, header.predictor, middle), standard, header)


def _scan_data(data: bytes, start: int) -> bytes:
    """The scan up to the next marker, its stuffed zeros still in it."""
    scan = np.frombuffer(data, np.uint8, offset=start)
    markers = np.flatnonzero((scan[:-1] == 0xFF) & (scan[1:] != 0))
    if not len(markers):
        raise TruncatedError("the JPEG is cut off: its end marker is missing")
    end = start + int(markers[0])
    marker = data[end + 1]
    if marker not in (EOI, 0xFF):
        raise DataError(f"damaged JPEG: marker FF{marker:02X} inside the data; expected the end, FFD9")
    return data[start:end]


def _bits_of(scan: bytes) -> int:
    return 8 * (len(scan) - scan.count(b"\xff\x00"))


def _check_size(header: LosslessHeader, scan: bytes) -> None:
    samples = header.rows * header.columns
    if samples > MOST_SAMPLES:
        raise DataError(f"{header.rows} x {header.columns} samples are declared; at most {MOST_SAMPLES} are read")
    if samples > _bits_of(scan):  # a sample takes a bit at least
        raise TruncatedError(
            f"the JPEG is cut off: {header.rows} x {header.columns} samples are declared, and {len(scan)} bytes of data"
            " follow, less than a bit each"
        )


def _libjpeg(header: LosslessHeader, scan: bytes) -> np.ndarray:
    """The image under the standard's first-row rule."""
    import imagecodecs  # 0.1 s, and of no use to whoever has another database

    try:
        image = imagecodecs.jpeg8_decode(_stream(header, scan))
    except imagecodecs.Jpeg8Error as error:
        raise DataError(f"damaged JPEG: {error}") from error
    if image.shape != (header.rows, header.columns) or image.dtype != np.uint16:
        raise DataError(f"damaged JPEG: decodes to {image.shape} {image.dtype}")
    return image


def _stream(header: LosslessHeader, scan: bytes) -> bytes:
    """A stream of nothing but what has been checked, as a C library's only food."""
    table = header.table
    size = header.rows.to_bytes(2, "big") + header.columns.to_bytes(2, "big")
    parts = (
        (SOF3, bytes((header.precision,)) + size + bytes((1, 1, 0x11, 0))),
        (DHT, bytes(1) + table.counts + table.symbols),
        (SOS, bytes((1, 1, 0, header.predictor, 0, 0))),
    )
    segments = b"".join(bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body for kind, body in parts)
    return bytes((0xFF, SOI)) + segments + scan + bytes((0xFF, EOI))


def _check_bits(coded: np.ndarray, table: HuffmanTable, available: int) -> None:
    """Refuse an image that did not take the bits there are.

    libjpeg goes on with zeros where data end early or make no sense.
    """
    counts = np.zeros(1 << 16, np.int64)
    for row in range(0, len(coded), ROWS_AT_ONCE):
        counts += np.bincount(coded[row : row + ROWS_AT_ONCE].ravel(), minlength=1 << 16)
    by_category = np.bincount(_categories(), weights=counts, minlength=17).astype(np.int64)
    bits = table.bits()
    if by_category[bits == 0].any():
        raise DataError("damaged JPEG: its data make no sense from some place on")
    needed = int(by_category @ bits)
    if needed > available:
        raise TruncatedError(f"the JPEG is cut off: its samples need {needed} bits, {available} are there")
    if available - needed >= 8 * (1 + SPARE_BYTES):
        raise DataError(f"damaged JPEG: its samples need {needed} bits, but {available} are there")


def _categories() -> np.ndarray:
    """The category of each difference modulo 65536: the bits of its magnitude; 16 for 32768."""
    magnitude = np.abs(np.arange(1 << 16, dtype=np.int64).astype(np.uint16).view(np.int16).astype(np.int64))
    return np.frexp(magnitude)[1]


def _in_range(image: np.ndarray, header: LosslessHeader) -> np.ndarray:
    if not _fits(image, header):
        raise DataError(f"damaged JPEG: a sample is {image.max()}, too large for {header.precision} bits")
    return image


def _plausible(pvrg: np.ndarray, standard: np.ndarray, header: LosslessHeader) -> np.ndarray:
    """PVRG's image, unless only the standard's stays within the declared bits: another encoder's file."""
    if not _fits(pvrg, header) and _fits(standard, header):
        return standard
    return _in_range(pvrg, header)


def _fits(image: np.ndarray, header: LosslessHeader) -> bool:
    return int(image.max()) < 1 << header.precision
