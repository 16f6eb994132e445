"""DDSM's ``.ics``: one text per exam; who, when, which scanner, and how large each view is."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from mammo_data.ddsm.faults import MislabelledError
from mammo_data.ddsm.files import shown, whole
from taskfusion.errors import DataError

VIEW_NAMES = {"LEFT_CC": "L-CC", "LEFT_MLO": "L-MLO", "RIGHT_CC": "R-CC", "RIGHT_MLO": "R-MLO"}
"""The archive's names of views, and ours."""
MEASURES = ("LINES", "PIXELS_PER_LINE", "BITS_PER_PIXEL", "RESOLUTION")
Date = tuple[int, int, int]


@attrs.frozen
class IcsView:
    """What the record says of one view.

    Attributes:
        name: ``LEFT_CC`` …
        lines: rows.
        pixels_per_line: columns.
        bits: bits a pixel: 12 or 16.
        micrometres: size of a pixel.
        overlay: whether there is an ``.OVERLAY``.
    """

    name: str
    lines: int
    pixels_per_line: int
    bits: int
    micrometres: float
    overlay: bool

    @property
    def exists(self) -> bool:
        """A zero anywhere means that there is no image."""
        return all((self.lines, self.pixels_per_line, self.bits, self.micrometres))


@attrs.frozen
class Ics:
    """One exam's record.

    Attributes:
        case: ``A-1509-1``; the first letter is the site.
        digitizer: the scanner, all its words.
        views: by the archive's names; one may be missing.
        density: ACR 1..4; 0 not rated; None where it is missing.
        age: in years; 0 or None where it is unknown.
        study_date: three numbers in an order that differs between exams; None where they are missing.
        digitized: likewise.
        film_type: ``REGULAR``.
        problems: lines that could not be used, one sentence each.
    """

    case: str
    digitizer: tuple[str, ...]
    views: Mapping[str, IcsView]
    density: int | None = None
    age: int | None = None
    study_date: Date | None = None
    digitized: Date | None = None
    film_type: str = ""
    problems: tuple[str, ...] = ()


def parse_ics(text: str) -> Ics:
    """The record in a text. Lines are known by their first word; order, blank lines and unknown lines do not matter.

    Raises:
        DataError: where the text is no such record, or names no case or no scanner.
    """
    lines = [words for words in map(str.split, text.splitlines()) if words]
    records = {words[0]: words[1:] for words in reversed(lines)}  # the first of several counts
    if "ics_version" not in records:
        raise MislabelledError(f"not an .ics record: begins with {shown(text[:60])}; expected 'ics_version 1.0'")
    views, problems = _views(lines)
    return Ics(
        case=_case(records),
        digitizer=_digitizer(records),
        views=views,
        density=_number(records, "DENSITY"),
        age=_number(records, "PATIENT_AGE"),
        study_date=_date(records, "DATE_OF_STUDY"),
        digitized=_date(records, "DATE_DIGITIZED"),
        film_type=" ".join(records.get("FILM_TYPE", []))[:60],
        problems=tuple(problems),
    )


def _case(records: Mapping[str, list[str]]) -> str:
    name = " ".join(records.get("filename", []))
    if not re.fullmatch(r"[A-Za-z]-[0-9]{1,9}-[0-9]{1,9}", name):
        raise DataError(f"filename is {shown(name)}; expected a case such as 'A-1509-1'")
    return name


def _digitizer(records: Mapping[str, list[str]]) -> tuple[str, ...]:
    words = records.get("DIGITIZER")
    if not words:
        raise DataError("DIGITIZER is missing: grey values mean nothing without their scanner")
    return tuple(words)


def _number(records: Mapping[str, list[str]], key: str) -> int | None:
    words = records.get(key, [])
    return whole(words[0]) if words else None


def _date(records: Mapping[str, list[str]], key: str) -> Date | None:
    numbers = [whole(word) for word in records.get(key, [])]
    if len(numbers) != 3 or None in numbers:
        return None
    first, second, third = (number or 0 for number in numbers)
    return first, second, third


def _views(lines: list[list[str]]) -> tuple[dict[str, IcsView], list[str]]:
    views: dict[str, IcsView] = {}
    problems = []
    for name, *words in lines:
        if name not in VIEW_NAMES:
            continue
        view = _view(name, words)
        if view is None:
            problems.append(
                f"the line of {name} is {shown(' '.join(words))}; expected {' n '.join(MEASURES)} n, OVERLAY"
            )
        elif name in views:
            problems.append(f"{name} is there twice; the first line counts")
        else:
            views[name] = view
    return views, problems


def _view(name: str, words: list[str]) -> IcsView | None:
    """The view, or None where a number is missing or none."""
    values = [_after(words, key) for key in MEASURES]
    lines, columns, bits = (whole(value) for value in values[:3])
    size = _decimal(values[3])
    if lines is None or columns is None or bits is None or size is None:
        return None
    return IcsView(name, lines, columns, bits, size, overlay="OVERLAY" in words)


def _after(words: list[str], key: str) -> str:
    """The word behind a keyword, empty where there is none."""
    at = words.index(key) + 1 if key in words else len(words)
    return words[at] if at < len(words) else ""


def _decimal(token: str) -> float | None:
    return float(token) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?", token) else None
