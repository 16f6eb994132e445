"""Rows about images become facts about exams; rows of one exam that contradict each other are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_data.readers.images_config import MammogramTable
from mammo_data.synthetic import VIEWS
from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError
from taskfusion.images import Array
from taskfusion.tables import numbers, refuse

if TYPE_CHECKING:
    import pandas as pd

SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
DENSITIES = {"a": 0, "b": 1, "c": 2, "d": 3, "1": 0, "2": 1, "3": 2, "4": 3, "": UNKNOWN}


def views_of(frame: pd.DataFrame, config: MammogramTable, source: str) -> Array:
    """The view of each row, ``(rows,)``; "" where the spec leaves it out.

    Raises:
        DataError: a row whose view or laterality means nothing.
    """
    said = frame[config.view].str.strip()
    named = [config.views.get(text, text) for text in said]
    if config.laterality is not None:
        sides = [SIDES.get(text.strip().lower()) for text in frame[config.laterality]]
        unknown = np.array([side is None and name is not None for side, name in zip(sides, named, strict=True)])
        refuse(frame, unknown, (config.laterality,), source, "is {value}; expected L, R, left or right")
        named = [None if name is None else f"{side}-{name}" for side, name in zip(sides, named, strict=True)]
    views = [None if name is None else _tidy(name) for name in named]
    hint = "" if config.laterality else ", or CC and MLO beside a column named by the option laterality"
    why = f"is {{value}}; expected {', '.join(VIEWS)}{hint}; map others with the option views"
    refuse(frame, np.array([view == "" for view in views]), (config.view,), source, why)
    return np.array([view or "" for view in views])


def _tidy(text: str) -> str:
    """``l_cc``, ``LCC``, ``left cc`` and ``L-L-CC`` (both columns name the side) as ``L-CC``; "" for anything else."""
    match = re.fullmatch(r"(?:(L|R)-)?(?:(left|right|l|r)[-_ ]?)?(cc|mlo)", text, re.IGNORECASE)
    if match is None:
        return ""
    sides = {SIDES[part.lower()] for part in (match[1], match[2]) if part}
    return f"{sides.pop()}-{match[3].upper()}" if len(sides) == 1 else ""


def case_label(frame: pd.DataFrame, column: str, case: Array, source: str) -> Array:
    """``(cases,)``: the largest of a case's rows; unknown where one of them is, unless another is 1 or more.

    Raises:
        DataError: a cell that is no whole number from 0.
    """
    values = numbers(frame, (column,), source)[:, 0]
    values = np.where(np.isnan(values), UNKNOWN, values)
    bad = (values != np.round(values)) | (values < UNKNOWN)
    refuse(frame, bad, (column,), source, "is {value}; expected a whole number from 0, or nothing where it is unknown")
    largest = np.full(case.max() + 1, UNKNOWN, np.int64)
    np.maximum.at(largest, case, values.astype(np.int64))
    doubtful = np.zeros(len(largest), bool)
    doubtful[case[values == UNKNOWN]] = True
    return np.where(doubtful & (largest < 1), UNKNOWN, largest)


def density_of(frame: pd.DataFrame, column: str, case: Array, source: str) -> Array:
    """``(cases,)`` 0..3 for a..d, -1 where no row says it.

    Raises:
        DataError: anything but a–d and 1–4, or rows of one case that differ.
    """
    said = [text.strip().lower().removesuffix(".0") for text in frame[column]]
    bad = np.array([text not in DENSITIES for text in said])
    refuse(frame, bad, (column,), source, "is {value}; expected a, b, c, d, or 1, 2, 3, 4, or nothing")
    values = np.array([DENSITIES[text] for text in said])
    known = np.flatnonzero(values != UNKNOWN)
    found = np.full(case.max() + 1, UNKNOWN, np.int64)
    found[case[known[::-1]]] = values[known[::-1]]  # the first row that says it counts
    _refuse_different(frame.iloc[known], values[known], found[case[known]], column, source)
    return found


def one_value(frame: pd.DataFrame, values: Array, case: Array, column: str, source: str) -> list[str]:
    """The value that all rows of a case share, ``(cases,)``.

    Raises:
        DataError: rows of one case that differ.
    """
    found = np.empty(case.max() + 1, object)
    found[case[::-1]] = values[::-1]
    _refuse_different(frame, values, found[case], column, source)
    return [str(value) for value in found]


def constant(frame: pd.DataFrame, case: Array, taken: set[str]) -> list[dict[str, Any]]:
    """Metadata of each case: the columns not taken that are alike in all rows of every case."""
    free = frame[[name for name in frame.columns if name not in taken]].astype(object)
    free = free.where(free.notna(), None)
    groups = free.groupby(case)
    alike = [name for name in free.columns if (groups[name].nunique(dropna=False) == 1).all()]
    if not alike:
        return [{} for _ in range(case.max() + 1)]
    found: list[Any] = groups[alike].first().to_dict("records")
    return found


def _refuse_different(frame: pd.DataFrame, values: Array, expected: Array, column: str, source: str) -> None:
    different = np.flatnonzero(values != expected)
    if len(different):
        row = int(different[0])
        raise DataError(
            f"{source}, row {frame.index[row]}, column {column!r} is {frame[column].iloc[row]!r}, and another row of "
            "the same case says otherwise; expected one value per case"
        )
