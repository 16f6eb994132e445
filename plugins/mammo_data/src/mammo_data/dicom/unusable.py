"""Why a file cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mammo_data.records import Skipped
from taskfusion.errors import DataError


class UnusableError(DataError):
    """A DICOM file that cannot be used as a mammogram.

    Attributes:
        kind: a short word to count by.
        reason: one sentence.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason

    def skipped(self, what: str | Path) -> Skipped:
        """As a row of the list of what was skipped."""
        return Skipped(str(what), self.reason, self.kind)


@contextmanager
def refusing(kind: str, doing: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes one :class:`UnusableError`.

    A damaged file makes pydicom and its decoders raise nearly anything (struct, Unicode, attribute, recursion and
    memory errors among it), and warn of every value that is a little wrong, which would fill a screen per archive.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnusableError:
        raise
    except Exception as error:
        raise UnusableError(kind, f"{doing}: {_short(error)}") from error


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no more is known"
    return f"{type(error).__name__}: {text[:300]}"
