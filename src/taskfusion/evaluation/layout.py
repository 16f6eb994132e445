"""Tables of a comparison as the paper lays them out, in Markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.evaluation.console import MISSING, format_number
from taskfusion.evaluation.standing import BEHIND, TIED, WINNER

if TYPE_CHECKING:
    import pandas as pd

TIED_MARK = "°"
HEADINGS = {
    "auc": "AUC",
    "auprc": "AUPRC",
    "f1": "F1",
    "tpr": "TPR",
    "tnr": "Specificity",
    "accuracy": "Accuracy",
    "brier": "Brier",
    "ece": "ECE",
}
LATEX = str.maketrans(
    {
        **{c: f"\\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
    | {TIED_MARK: r"$^{\circ}$", MISSING: "--", "Δ": r"$\Delta$"}
)


@attrs.frozen
class Cell:
    """A text, and whether it stands out."""

    text: str
    bold: bool = False


@attrs.frozen
class Layout:
    """A table to print.

    Attributes:
        key: short name, that of its file.
        title: what it shows.
        header: names of the columns.
        rows: as many cells each.
        note: how to read it.
    """

    key: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def markdown(self) -> str:
        """As a pipe table under its title."""
        head = [_pipes(list(self.header)), _pipes([":---", *["---:"] * (len(self.header) - 1)])]
        body = [_pipes([_starred(cell) for cell in row]) for row in self.rows]
        return "\n".join([f"### {self.title}", "", *head, *body, *(["", self.note] if self.note else []), ""])

    def latex(self) -> str:
        """As a ``table`` with booktabs rules."""
        rows = [" & ".join(_bold_face(cell) for cell in row) + r" \\" for row in self.rows]
        head = " & ".join(name.translate(LATEX) for name in self.header) + r" \\"
        note = [rf"\par\footnotesize {self.note.translate(LATEX)}"] if self.note else []
        columns = "l" + "r" * (len(self.header) - 1)
        top = [r"\begin{table}", r"\centering", rf"\caption{{{self.title.translate(LATEX)}}}"]
        grid = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule"]
        return "\n".join([*top, *grid, r"\end{tabular}", *note, r"\end{table}", ""])


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _starred(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.bold else cell.text


def _bold_face(cell: Cell) -> str:
    text = cell.text.translate(LATEX)
    return rf"\textbf{{{text}}}" if cell.bold else text


def with_interval(row: Mapping[Any, Any], name: str, digits: int = 3) -> str:
    """``0.912 [0.881, 0.940]``; without an interval where there is none."""
    value, low, high = (row[column] for column in (name, f"{name}_low", f"{name}_high"))
    if math.isnan(value) or math.isnan(low):
        return format_number(value, digits)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def p_text(p: float) -> str:
    """``0.023``, ``< 0.001``, and a dash for NaN."""
    return MISSING if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def performance(summary: pd.DataFrame, target: str, note: str) -> Layout:
    """Every fuser of a target with its figures, as Tables V and VI; the best AUC is bold only for a winner."""
    part = summary[summary["target"] == target]
    spread = bool((part["repeats"] > 1).any())
    header = ["Model", *HEADINGS.values(), *(["AUC spread"] if spread else [])]
    rows = []
    for row in part.to_dict("records"):
        auc = with_interval(row, "auc") + (f" {TIED_MARK}" if row["standing"] == TIED else "")
        cells = [Cell(str(row["fuser"])), Cell(auc, row["standing"] == WINNER)]
        cells += [Cell(with_interval(row, name)) for name in HEADINGS if name != "auc"]
        rows.append([*cells, *([Cell(format_number(row["auc_spread"]))] if spread else [])])
    first = part.iloc[0]
    title = f"{target}: performance on the {first['split']} split (n = {first['n']}, {first['positives']} positive)"
    return Layout(f"performance-{target}", title, header, rows, note)


def against_reference(differences: pd.DataFrame, target: str, alpha: float) -> Layout:
    """The other fusers against the reference, one by one."""
    part = differences[differences["target"] == target]
    header = ["Model", "AUC difference", "p", "p (Holm)", "DeLong p", "DeLong p (Holm)", "Wilcoxon p, of scores"]
    rows = []
    for row in part.to_dict("records"):
        texts = [p_text(row[name]) for name in ("p_normal", "p_holm", "p_delong", "p_delong_holm", "p_wilcoxon")]
        bold = [False, row["p_holm"] < alpha, False, row["p_delong_holm"] < alpha, False]
        cells = [Cell(text, found) for text, found in zip(texts, bold, strict=True)]
        rows.append([Cell(str(row["fuser"])), Cell(with_interval(row, "difference")), *cells])
    reference = part["reference"].iloc[0] if len(part) else ""
    note = f"Bold: below {alpha:g} after Holm's correction for the {len(part)} comparisons of this table."
    return Layout(f"against-reference-{target}", f"{target}: AUC minus that of {reference}", header, rows, note)


def p_matrix(pairs: pd.DataFrame, target: str, column: str, alpha: float) -> Layout:
    """p-values of every pair, as Table VII; ``column`` is ``p_holm`` or, as in the paper, ``p_wilcoxon``."""
    part = pairs[pairs["target"] == target]
    names = list(dict.fromkeys([*part["fuser"], *part["reference"]]))
    known = {frozenset(pair): p for *pair, p in part[["fuser", "reference", column]].itertuples(index=False)}
    rows, marked = [], column.endswith("_holm")  # what is not corrected is not marked
    for one in names:
        found = [known.get(frozenset((one, other)), float("nan")) for other in names]
        cells = [
            Cell(MISSING) if one == other else Cell(p_text(p), marked and p < alpha)
            for other, p in zip(names, found, strict=True)
        ]
        rows.append([Cell(str(one)), *cells])
    said = {
        "p_holm": ("paired patient bootstrap of the AUCs, corrected by Holm for all pairs", "The evidence."),
        "p_delong_holm": ("DeLong's test of the AUCs, corrected by Holm for all pairs", "A second way to the same."),
        "p_wilcoxon": (
            "Wilcoxon's test of the scores, not corrected, as the paper's Table VII",
            "Not about AUCs: it finds that one fuser's scores tend to be higher, which is not to be better.",
        ),
    }
    what, note = said[column]
    return Layout(f"{column.replace('_', '-')}-{target}", f"{target}: {what}", ["Model", *map(str, names)], rows, note)


def points_table(points: pd.DataFrame, target: str) -> Layout:
    """Operating points, as Table VIII."""
    part = points[points["target"] == target]
    header = ["Model", "Threshold", "At", "TPR", "F1", "Specificity", "Accuracy"]
    rows = [
        [Cell(str(row["fuser"])), Cell(str(row["rule"])), Cell(_place(row))]
        + [Cell(with_interval(row, name)) for name in ("tpr", "f1", "tnr", "accuracy")]
        for row in part.to_dict("records")
    ]
    where = "; ".join(dict.fromkeys(" | ".join(part["chosen_on"].unique()).split(" | ")))
    return Layout(f"thresholds-{target}", f"{target}: operating points", header, rows, f"Thresholds from: {where}.")


def _place(row: Mapping[Any, Any]) -> str:
    value, low, high = (row[name] for name in ("threshold", "threshold_low", "threshold_high"))
    return format_number(value) if not high > low else f"{value:.3f} ({low:.3f} to {high:.3f})"


def calibration_table(summary: pd.DataFrame, target: str) -> Layout:
    """How far the scores are probabilities, before and after calibration."""
    part = summary[summary["target"] == target]
    header = ["Model", "Brier before", "Brier", "ECE before", "ECE", "Slope", "Intercept"]
    rows = []
    for row in part.to_dict("records"):
        numbers = [format_number(row["brier_raw"]), with_interval(row, "brier")]
        numbers += [format_number(row["ece_raw"]), with_interval(row, "ece")]
        numbers += [format_number(row[f"calibration_{name}"], 2) for name in ("slope", "intercept")]
        rows.append([Cell(str(row["fuser"])), *map(Cell, numbers)])
    note = "Slope 1 and intercept 0 is a probability; a slope below 1 is a score too extreme."
    return Layout(f"calibration-{target}", f"{target}: calibration", header, rows, note)


def costs_table(costs: pd.DataFrame, note: str = "") -> Layout:
    """What fusing takes, beside the tasks."""
    rows = [
        [Cell(str(r["fuser"])), Cell(str(r["target"])), Cell(f"{r['fit_seconds']:.2f}")]
        + [Cell(f"{r[name]:.3g}") for name in ("ms_single", "ms_per_case")]
        for r in costs.to_dict("records")
    ]
    header = ["Model", "Target", "Fit (s)", "One case (ms)", "A case of many (ms)"]
    return Layout("costs", "What fusing takes, the tasks' answers being there", header, rows, note)


def tasks_table(metrics: Mapping[str, Mapping[str, float]]) -> Layout:
    """The tasks' own figures, as Tables III and IV."""
    rows = [
        [Cell(task), Cell(name), Cell(f"{value:.4g}")]
        for task, figures in metrics.items()
        for name, value in figures.items()
    ]
    return Layout("tasks", "The tasks on their own", ["Task", "Figure", "Value"], rows)


def standing_note(confidence: float, alpha: float) -> str:
    """How to read the marks of :func:`performance`."""
    return (
        f"In brackets {100 * confidence:g} % intervals, patient bootstrap. Bold: better than every other model at "
        f"{alpha:g}, after Holm's correction for all pairs. {TIED_MARK}: the best, or not shown to be {BEHIND}."
    )
