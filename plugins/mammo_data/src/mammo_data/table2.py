"""Table II of the paper, counted again, beside the paper's own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mammo_data.split import ExamSummary
from taskfusion.cases import SPLITS

if TYPE_CHECKING:
    import pandas as pd

TOTAL = "total"
COLUMNS = (*SPLITS, TOTAL)
PAPER = {
    ("density", "a"): (207, 40, 50),
    ("density", "b"): (567, 108, 176),
    ("density", "c"): (448, 86, 134),
    ("density", "d"): (289, 56, 93),
    ("lesion", "normal"): (481, 107, 105),
    ("lesion", "mass"): (583, 93, 201),
    ("lesion", "calcification"): (485, 96, 150),
    ("pathology", "normal"): (481, 107, 105),
    ("pathology", "benign"): (522, 98, 199),
    ("pathology", "malignant"): (508, 85, 149),
}
"""Training, validation, test. An exam with masses and calcifications counts in both rows of lesions.

The official tables have lesions of 31 test patients in training. The paper's figures are met if those are left out
(tried on the real tables); here an exam counts with all its lesions, so the test column has a few more of each type.
The report of ``mammo prepare match`` says which cells would differ.
"""


def table_two(exams: Iterable[ExamSummary]) -> pd.DataFrame:
    """Exams of each split by density, lesion type and pathology.

    Returns:
        a row for each of the paper's rows, then those of unknown density and of all exams; columns ``train``,
        ``validation``, ``test``, ``total``, and the paper's as ``paper train`` …; missing where the paper has none.
    """
    import pandas as pd

    exams = list(exams)
    rows = [*PAPER, ("density", "unknown"), ("exams", "all")]
    ours = [_counts(exams, _belongs(*row)) for row in rows]
    paper = [_paper(row) for row in rows]
    index = pd.MultiIndex.from_tuples(rows, names=["what", "class"])
    table = pd.DataFrame(ours, index=index, columns=list(COLUMNS))
    beside = pd.DataFrame(paper, index=index, columns=[f"paper {name}" for name in COLUMNS], dtype="Int64")
    return pd.concat([table, beside], axis=1)


def to_markdown(table: pd.DataFrame) -> str:
    """The table as Markdown, each cell ours with the paper's in brackets."""
    lines = ["| | | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for (what, name), row in zip(table.index.to_list(), table.to_dict("records"), strict=True):
        cells = [_cell(row[column], row[f"paper {column}"]) for column in COLUMNS]
        lines.append(f"| {what} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _counts(exams: Iterable[ExamSummary], belongs: Callable[[ExamSummary], bool]) -> list[int]:
    found = [exam.split for exam in exams if belongs(exam)]
    return [*(found.count(split) for split in SPLITS), len(found)]


def _belongs(what: str, name: str) -> Callable[[ExamSummary], bool]:
    if what == "density":
        return lambda exam: exam.density == "abcd".find(name)  # unknown is -1 in both
    if what == "lesion":
        return lambda exam: name in (exam.kinds or ("normal",))
    return lambda exam: what == "exams" or exam.pathology == name


def _paper(row: tuple[str, str]) -> list[int | None]:
    if row == ("exams", "all"):
        parts = [sum(counts[k] for (what, _), counts in PAPER.items() if what == "pathology") for k in range(3)]
        return [*parts, sum(parts)]
    return [*PAPER[row], sum(PAPER[row])] if row in PAPER else [None] * len(COLUMNS)


def _cell(ours: object, paper: object) -> str:
    return f"{ours}" if paper is None or str(paper) == "<NA>" else f"{ours} ({paper})"
