"""The significance matrix: every fuser against every other one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.evaluation.console import MISSING, format_number

if TYPE_CHECKING:
    from taskfusion.report.data import ReportData

ALPHA = 0.05


@attrs.frozen
class Cell:
    """AUC of the row minus AUC of the column.

    Attributes:
        text: the difference; "" on the diagonal.
        p: of no difference, as text.
        sign: ``better``, ``worse``, ``unsure`` (the test does not tell) or ``same`` (the diagonal).
        hint: everything in words.
    """

    text: str = ""
    p: str = ""
    sign: str = "same"
    hint: str = ""


@attrs.frozen
class Matrix:
    """All fusers of one target.

    Attributes:
        fusers: rows and columns.
        cells: ``cells[row][column]``.
        corrected: whether p is corrected for the number of pairs.
        alpha: at which a difference is told.
    """

    fusers: list[str]
    cells: list[list[Cell]]
    corrected: bool
    alpha: float = ALPHA


def significance_matrix(data: ReportData, target: str) -> Matrix | None:
    """The matrix of a target in the main split; None where nothing was compared."""
    if data.comparisons is None:
        return None
    table = data.comparisons
    rows = table[(table["target"] == target) & (table["split"] == data.main_split)].to_dict("records")
    if not rows:
        return None
    column = "p_holm" if "p_holm" in table else "p"
    found = {(str(row["fuser"]), str(row["reference"])): (row, row[column]) for row in rows}
    fusers = [name for name in data.fusers if any(name in pair for pair in found)]
    cells = [[_cell(found, first, second) for second in fusers] for first in fusers]
    return Matrix(fusers, cells, column == "p_holm")


def signed(value: float) -> str:
    """With its sign, a real minus, and three digits."""
    return MISSING if math.isnan(value) else f"{value:+.3f}".replace("-", "−")


def p_text(value: float) -> str:
    """A p-value as tables print it."""
    return "< 0.001" if value < 0.001 else format_number(value)


def _cell(found: Mapping[tuple[str, str], tuple[Mapping[Any, Any], float]], first: str, second: str) -> Cell:
    if first == second:
        return Cell()
    turned = (first, second) not in found
    key = (second, first) if turned else (first, second)
    if key not in found:
        return Cell(MISSING, "", "unsure", f"{first} and {second} were not compared")
    row, p = found[key]
    sign = -1 if turned else 1
    difference = sign * row["difference"]
    ends = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    told = "unsure" if not p < ALPHA else "better" if difference > 0 else "worse"
    hint = f"AUC of {first} minus AUC of {second}: {signed(difference)} [{signed(ends[0])}, {signed(ends[1])}]"
    return Cell(signed(difference), p_text(p), told, f"{hint}, p {p_text(p)}")
