"""Reading the archive's files: bounded, gzipped or not, their text as tokens."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from mammo_data.ddsm.faults import EmptyError
from taskfusion.errors import DataError

LARGEST_TEXT = 1 << 22
LARGEST_IMAGE = 1 << 28
MOST_DIGITS = 9


def read_bytes(path: Path, limit: int) -> bytes:
    """A whole file; unpacked, where its name ends in ``.gz`` as on some mirrors.

    Raises:
        DataError: where it cannot be read, is empty, or holds more than ``limit`` bytes.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read: {error}") from error
    if not data:
        raise EmptyError("the file is empty")
    if len(data) > limit:
        raise DataError(f"the file holds more than {limit} bytes")
    return data


def read_text(path: Path) -> str:
    """An ``.ics`` or ``.OVERLAY``: ASCII; other bytes come as they are and match no keyword.

    Raises:
        DataError: as :func:`read_bytes`.
    """
    return read_bytes(path, LARGEST_TEXT).decode("latin-1")


def whole(token: str) -> int | None:
    """A number of at most nine ASCII digits, else None."""
    return int(token) if re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", token) else None


def shown(text: str) -> str:
    """A piece of a file as it may stand in a message."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}...")
