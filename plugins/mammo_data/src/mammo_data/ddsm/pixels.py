"""One view of an exam: from its file to comparable grey values."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from mammo_data.ddsm.density import grey_to_16_bits
from mammo_data.ddsm.faults import MislabelledError, WrongSizeError
from mammo_data.ddsm.files import LARGEST_IMAGE, read_bytes
from mammo_data.ddsm.ics import VIEW_NAMES, IcsView
from mammo_data.ddsm.jpeg_header import read_header
from mammo_data.ddsm.ljpeg import decode_scan
from mammo_data.records import ViewRecord
from taskfusion.errors import DataError

MOST_BITS = 16


@attrs.frozen
class Scan:
    """How an exam's views were scanned.

    Attributes:
        scanner: a name of :mod:`mammo_data.ddsm.density`.
        mirrored: whether the archive stores them the other way round than a radiologist hangs them.
    """

    scanner: str
    mirrored: bool


def read_view(path: Path, view: IcsView, scan: Scan) -> ViewRecord:
    """One view, remapped and hung.

    Raises:
        DataError: where the file cannot be read, or is not what the record says.
    """
    if not view.exists:
        raise DataError(f"the record gives {view.name} a size, bits or resolution of zero: there is no image")
    grey, swapped = read_grey(path, view)
    pixels = grey_to_16_bits(grey, scan.scanner)
    return ViewRecord(
        name=VIEW_NAMES[view.name],
        pixels=np.ascontiguousarray(pixels[:, ::-1]) if scan.mirrored else pixels,
        path=path,
        details={
            "scanner": scan.scanner,
            "bits": view.bits,
            "pixel_mm": view.micrometres / 1000,
            "mirrored": scan.mirrored,
            "swapped_size": swapped,
        },
    )


def read_grey(path: Path, view: IcsView) -> tuple[np.ndarray, bool]:
    """The scanner's own grey values.

    Args:
        path: ``.LJPEG``, or ``.LJPEG.1``: its samples unpacked, two bytes each, the high one first.
        view: what the record says; its size counts, and the samples' order.

    Returns:
        uint16 (lines, pixels per line), and whether the file's own header has them the other way round.

    Raises:
        DataError: where the file cannot be read, or is not what the record says.
    """
    if view.bits > MOST_BITS:
        raise DataError(f"the record says {view.bits} bits a pixel; at most {MOST_BITS} are possible")
    data = read_bytes(path, LARGEST_IMAGE)
    unpacked = path.name.removesuffix(".gz").endswith(".1")
    grey, swapped = _unpacked(data, view) if unpacked else _packed(data, view)
    if grey.max() >= 1 << view.bits:
        raise MislabelledError(f"a sample is {grey.max()}, too large for the {view.bits} bits of the record")
    return grey, swapped


def _packed(data: bytes, view: IcsView) -> tuple[np.ndarray, bool]:
    header = read_header(data)
    shape = (view.lines, view.pixels_per_line)
    if header.rows * header.columns != shape[0] * shape[1]:
        raise WrongSizeError(f"the JPEG is {header.rows} x {header.columns}, the record says {shape[0]} x {shape[1]}")
    return decode_scan(header, data).reshape(shape), (header.rows, header.columns) != shape


def _unpacked(data: bytes, view: IcsView) -> tuple[np.ndarray, bool]:
    needed = 2 * view.lines * view.pixels_per_line
    if len(data) != needed:
        raise WrongSizeError(
            f"the file holds {len(data)} bytes; {view.lines} x {view.pixels_per_line} samples are {needed}"
        )
    grey = np.frombuffer(data, ">u2").astype(np.uint16)
    return grey.reshape(view.lines, view.pixels_per_line), False
