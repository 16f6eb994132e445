"""DDSM's ``.OVERLAY``: the abnormalities of one view, and their outlines as chain codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import attrs
import numpy as np

from mammo_data.ddsm.faults import MislabelledError, TruncatedError
from mammo_data.ddsm.files import shown, whole
from taskfusion.errors import DataError

STEPS = np.array([(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)])
"""Column and row of each code: 0 is up, and clockwise."""
OUTLINES = ("BOUNDARY", "CORE")
ATTRIBUTES = ("SHAPE", "MARGINS", "TYPE", "DISTRIBUTION")
KEYWORDS = frozenset(
    ("ABNORMALITY", "LESION_TYPE", "ASSESSMENT", "SUBTLETY", "PATHOLOGY", "TOTAL_OUTLINES", *ATTRIBUTES, *OUTLINES)
)
MOST_PARTS = 1000
"""Abnormalities and outlines of one file; the archive has five or so."""
FARTHEST = 16
"""Pixels that an outline may run outside of its image; it is clipped there."""


@attrs.frozen(eq=False)
class Outline:
    """A closed line of pixels.

    Attributes:
        points: int64 (n, 2), column and row from 0, the start first and last.
        core: whether it lies inside of another outline.
    """

    points: np.ndarray
    core: bool = False


@attrs.frozen
class LesionType:
    """``MASS``, ``CALCIFICATION`` or ``OTHER`` with its descriptors, by keyword; ``N/A`` gives none."""

    name: str
    attributes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Abnormality:
    """One abnormality.

    Attributes:
        number: from 1; 0 where it is missing.
        types: one or two.
        assessment: BI-RADS 0..5, or None.
        subtlety: 1..5, or None.
        pathology: ``MALIGNANT``, ``BENIGN``, ``BENIGN_WITHOUT_CALLBACK``, ``UNPROVEN``; empty where it is missing.
        outlines: those that could be read, the boundary first.
        problems: what could not be used, one sentence each.
    """

    number: int
    types: tuple[LesionType, ...]
    assessment: int | None
    subtlety: int | None
    pathology: str
    outlines: tuple[Outline, ...]
    problems: tuple[str, ...] = ()

    @property
    def boundary(self) -> Outline | None:
        """The outline of the whole, or None where it is missing."""
        return next((outline for outline in self.outlines if not outline.core), None)


@attrs.frozen(eq=False)
class Overlay:
    """The abnormalities of one view; ``declared`` is how many its head promises."""

    declared: int | None
    abnormalities: tuple[Abnormality, ...]
    problems: tuple[str, ...] = ()


def parse_overlay(text: str) -> Overlay:
    """The overlay in a text, split at ``ABNORMALITY``. Outlines that are there count, not the declared number.

    Raises:
        DataError: where the text is no overlay.
    """
    tokens = text.split()
    if (count := sum(token in ("ABNORMALITY", *OUTLINES) for token in tokens)) > MOST_PARTS:
        raise MislabelledError(f"not an overlay: {count} abnormalities and outlines; at most {MOST_PARTS} are read")
    parts = _parts(tokens, ("ABNORMALITY",))
    if tokens[:1] != ["TOTAL_ABNORMALITIES"] and not parts:
        raise MislabelledError(f"not an overlay: begins with {shown(text[:60])}; expected 'TOTAL_ABNORMALITIES n'")
    declared = _number(tokens[:2], "TOTAL_ABNORMALITIES")
    found = tuple(map(_abnormality, parts))
    wrong = [] if declared == len(found) else [f"TOTAL_ABNORMALITIES is {declared}, but {len(found)} are there"]
    return Overlay(declared, found, tuple(wrong))


def _parts(tokens: list[str], keys: tuple[str, ...]) -> list[list[str]]:
    """From each of the keywords to the next."""
    starts = [at for at, token in enumerate(tokens) if token in keys]
    return [tokens[start:end] for start, end in pairwise([*starts, len(tokens)])]


def _abnormality(tokens: list[str]) -> Abnormality:
    first = next((at for at, token in enumerate(tokens) if token in OUTLINES), len(tokens))
    head = tokens[:first]
    outlines, problems = _outlines(tokens[first:])
    declared = _number(head, "TOTAL_OUTLINES")
    if declared != len(outlines) + len(problems):
        problems.append(f"TOTAL_OUTLINES is {declared}, but {len(outlines)} are there")
    return Abnormality(
        number=_number(head, "ABNORMALITY") or 0,
        types=tuple(_types(head)),
        assessment=_number(head, "ASSESSMENT"),
        subtlety=_number(head, "SUBTLETY"),
        pathology=_value(head, "PATHOLOGY"),
        outlines=outlines,
        problems=tuple(problems),
    )


def _value(tokens: list[str], key: str) -> str:
    """The word behind a keyword; empty where it is missing or another keyword stands there."""
    at = tokens.index(key) + 1 if key in tokens else len(tokens)
    return tokens[at] if at < len(tokens) and tokens[at] not in KEYWORDS else ""


def _number(tokens: list[str], key: str) -> int | None:
    return whole(_value(tokens, key))


def _types(head: list[str]) -> Iterator[LesionType]:
    for part in _parts(head, ("LESION_TYPE",)):
        words = {key: _value(part, key) for key in ATTRIBUTES if key in part}
        lists = {key: tuple(filter(None, word.split("-"))) for key, word in words.items() if word not in ("", "N/A")}
        yield LesionType(_value(part, "LESION_TYPE"), lists)


def _outlines(tokens: list[str]) -> tuple[tuple[Outline, ...], list[str]]:
    found, problems = [], []
    for keyword, *code in _parts(tokens, OUTLINES):
        try:
            found.append(Outline(chain_points(code), keyword == "CORE"))
        except DataError as error:
            problems.append(f"{keyword}: {error}")
    return tuple(found), problems


def chain_points(tokens: list[str]) -> np.ndarray:
    """The points of ``column row code* #``, one per code behind the start; closed where they are not.

    Returns:
        int64 (n, 2): column and row, zero-based.

    Raises:
        DataError: where the start is no number, a code is not 0..7, or the ``#`` is missing: the line was cut off.
    """
    if "#" not in tokens:
        raise TruncatedError("the chain code is cut off: its '#' is missing")
    start, codes = [whole(token) for token in tokens[:2]], tokens[2 : tokens.index("#")]
    if len(start) < 2 or None in start:
        raise DataError(f"the chain code begins with {shown(' '.join(tokens[:2]))}; expected a column and a row")
    wrong = next((code for code in codes if code not in "01234567" or len(code) != 1), None)
    if wrong is not None:
        raise DataError(f"the chain code holds {shown(wrong)}; expected 0..7")
    steps = STEPS[np.array(codes, np.int64)]
    points = np.cumsum(np.concatenate([np.array([start], np.int64), steps]), axis=0)
    closed = (points[0] == points[-1]).all()
    return points if closed else np.concatenate([points, points[:1]])


def clipped(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Points moved into an image of ``shape`` (rows, columns): an outline may leave it by some pixels.

    Raises:
        DataError: where one is farther away: the outline is of another image.
    """
    last = np.array([shape[1] - 1, shape[0] - 1])
    inside = np.clip(points, 0, last)
    away = np.abs(points - inside)
    if away.max() > FARTHEST:
        column, row = points[int(away.max(axis=1).argmax())].tolist()
        raise DataError(f"the outline runs to column {column}, row {row}, out of an image of {shape[0]} x {shape[1]}")
    return inside


def filled(outline: Outline, shape: tuple[int, int]) -> np.ndarray:
    """The region of an outline: the polygon with its border.

    Returns:
        bool ``shape`` (rows, columns).

    Raises:
        DataError: as :func:`clipped`.
    """
    import cv2

    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [clipped(outline.points, shape).astype(np.int32)], 1)
    return mask.astype(bool)


def box_of_outline(outline: Outline, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of :func:`filled`'s mask, without drawing it; pixel edges as in :mod:`mammo_data.masks`.

    Raises:
        DataError: as :func:`clipped`.
    """
    points = clipped(outline.points, shape)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right + 1, bottom + 1
