"""What stands before the data of a lossless JPEG stream of one component: read, checked, nothing decoded."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from mammo_data.ddsm.faults import MislabelledError, TruncatedError
from taskfusion.errors import DataError

SOI, EOI, SOS, DHT, DNL, SOF3 = 0xD8, 0xD9, 0xDA, 0xC4, 0xDC, 0xC3
LOWEST_PRECISION, HIGHEST_PRECISION = 9, 16
OTHER_FRAMES = frozenset(range(0xC0, 0xD0)) - {SOF3, DHT, 0xC8, 0xCC}
RESTART_INTERVAL = 0xDD


@attrs.frozen
class HuffmanTable:
    """A code per category of difference.

    Attributes:
        counts: how many codes of 1..16 bits.
        symbols: their categories, 0..16, shortest code first.
    """

    counts: bytes
    symbols: bytes

    def bits(self) -> np.ndarray:
        """Bits of code and difference together for each category: int64 (17,); 0 where there is no code."""
        lengths = np.repeat(np.arange(1, 17), np.frombuffer(self.counts, np.uint8))
        found = np.zeros(17, np.int64)
        for symbol, length in zip(self.symbols, lengths.tolist(), strict=True):
            found[symbol] = length + (symbol if symbol < 16 else 0)  # category 16 is 32768 alone
        return found


@attrs.frozen
class LosslessHeader:
    """The header of a stream.

    Attributes:
        rows: lines as coded; the archive's own record may swap them with the columns.
        columns: samples a line.
        precision: bits a sample, 9..16.
        predictor: 1..7.
        table: the Huffman table of the scan.
        scan: where the scan's data begin.
    """

    rows: int
    columns: int
    precision: int
    predictor: int
    table: HuffmanTable
    scan: int


@attrs.define
class _Seen:
    frame: tuple[int, int, int] | None = None  # precision, rows, columns
    tables: dict[int, HuffmanTable] = attrs.field(factory=dict)


def read_header(data: bytes) -> LosslessHeader:
    """Everything up to the scan's data.

    Raises:
        DataError: what is not a lossless JPEG of one component, is cut off, or uses what DDSM never does (restart
            intervals, a point transform).
    """
    seen = _Seen()
    for marker, at, body in _segments(data):
        if marker == SOF3:
            seen.frame = _frame(body)
        elif marker == DHT:
            seen.tables.update(_tables(body))
        elif marker == SOS:
            return _scan(body, seen, at + 2 + len(body))
        elif marker in OTHER_FRAMES:
            raise MislabelledError(
                f"a JPEG of another process (marker FF{marker:02X}); expected lossless Huffman, FFC3"
            )
        elif marker == RESTART_INTERVAL and any(body):
            raise DataError("restart intervals are not supported; PVRG's codec writes none")
    raise TruncatedError("the JPEG ends before its data begin")


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, place of the length field, and body of each segment."""
    if data[:2] != bytes((0xFF, SOI)):
        raise MislabelledError(f"not a JPEG: begins with {data[:4].hex() or 'nothing'}; expected ffd8")
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise DataError(f"damaged JPEG: byte {at} is {data[at]:02x}; expected a marker, ff")
        while at < len(data) and data[at] == 0xFF:  # any number of fill bytes
            at += 1
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        if length < 2 or at + 1 + length > len(data):
            raise TruncatedError("the JPEG is cut off inside its header")
        yield data[at], at + 1, data[at + 3 : at + 1 + length]
        at += 1 + length


def _frame(body: bytes) -> tuple[int, int, int]:
    if len(body) < 6 or body[5] != 1 or len(body) != 9:
        count = body[5] if len(body) > 5 else 0
        raise DataError(f"a JPEG of {count} components in a frame of {len(body)} bytes; expected 1 in 9")
    precision = body[0]
    rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not LOWEST_PRECISION <= precision <= HIGHEST_PRECISION:
        raise DataError(f"a JPEG of {precision} bits; expected {LOWEST_PRECISION}..{HIGHEST_PRECISION}")
    if not rows or not columns:
        raise DataError(f"a JPEG of {rows} rows and {columns} columns has no pixels")
    return precision, rows, columns


def _tables(body: bytes) -> Iterator[tuple[int, HuffmanTable]]:
    while body:
        counts = body[1:17]
        total = sum(counts)
        symbols = body[17 : 17 + total]
        if len(counts) < 16 or len(symbols) < total:
            raise DataError("damaged JPEG: a Huffman table is longer than its segment")
        if total == 0 or max(symbols) > 16 or len(set(symbols)) < total or _overfull(counts):
            raise DataError("damaged JPEG: a Huffman table that codes no lossless differences")
        yield body[0], HuffmanTable(counts, symbols)
        body = body[17 + total :]


def _overfull(counts: bytes) -> bool:
    """Whether there are more codes than code words."""
    return sum(count << (16 - bits) for bits, count in enumerate(counts, 1)) > 1 << 16


def _scan(body: bytes, seen: _Seen, start: int) -> LosslessHeader:
    if seen.frame is None:
        raise DataError("damaged JPEG: a scan before its frame")
    if len(body) != 6 or body[0] != 1:
        raise DataError("damaged JPEG: a scan that is not of one component")
    _, _, slot, predictor, _, approximation = body
    table = seen.tables.get(slot >> 4)
    if table is None:
        raise DataError(f"damaged JPEG: Huffman table {slot >> 4} is missing")
    if predictor not in range(1, 8) or approximation:
        raise DataError(
            f"a JPEG of predictor {predictor} and point transform {approximation}; expected predictor 1..7 and 0"
        )
    precision, rows, columns = seen.frame
    return LosslessHeader(rows, columns, precision, predictor, table, start)
