"""Why a file of the archive cannot be used, in words to count by."""

from __future__ import annotations

from typing import ClassVar

from taskfusion.errors import DataError


class FileFaultError(DataError):
    """A file that cannot be used; ``kind`` is the word to count by."""

    kind: ClassVar[str] = "unusable"


class EmptyError(FileFaultError):
    """No bytes at all."""

    kind = "empty"


class TruncatedError(FileFaultError):
    """It stops before its end."""

    kind = "truncated"


class MislabelledError(FileFaultError):
    """It is something else than its name says, or another exam's."""

    kind = "mislabelled"


class WrongSizeError(FileFaultError):
    """Its size is not the record's, nor the record's with lines and columns exchanged."""

    kind = "wrong size"


def kind_of(error: DataError, otherwise: str) -> str:
    """The word to count an error by; ``otherwise`` where it has none of its own."""
    return error.kind if isinstance(error, FileFaultError) else otherwise
