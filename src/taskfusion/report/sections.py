"""From tables to what the template prints: texts, and a reason wherever a number is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from taskfusion.evaluation.console import MISSING, format_number
from taskfusion.report.data import ReportData
from taskfusion.report.matrix import p_text, signed

_NUMBERS = ("auprc", "tpr", "tnr", "accuracy", "f1", "brier")


@attrs.frozen
class ResultTable:
    """One target and split.

    Attributes:
        split: its name.
        rows: per fuser its name and the texts of its numbers.
        notes: what a reader must know: why numbers are missing, which cases were left out.
    """

    split: str
    rows: list[dict[str, str]]
    notes: list[str]


def result_table(data: ReportData, target: str, split: str) -> ResultTable:
    """The table of one target and split."""
    rows = data.results_of(target, split).to_dict("records")
    return ResultTable(split, [_texts(row) for row in rows], _notes(rows))


def difference_rows(data: ReportData, target: str) -> list[dict[str, str]]:
    """Texts of the differences of one target in the main split; none where the report has none."""
    if data.differences is None:
        return []
    chosen = (data.differences["target"] == target) & (data.differences["split"] == data.main_split)
    return [_difference(row) for row in data.differences[chosen].to_dict("records")]


def why_missing(n: int, positives: int) -> str:
    """Why an AUC cannot be: the classes that are not there; "" where it can."""
    if n == 0:
        return "no case of known truth"
    cases = "case is" if n == 1 else "cases are"
    if positives == 0:
        return f"no positive case: all {n} {cases} negative"
    return f"no negative case: all {n} {cases} positive" if positives == n else ""


def facts(data: ReportData) -> list[tuple[str, str]]:
    """The numbers at the top of the page."""
    judged = data.predictions[data.predictions["split"] == data.main_split]
    counts = {
        ("case", f"s in the {data.main_split} split"): judged["case"].nunique(),
        ("patient", "s"): judged["group"].nunique(),
        ("target", "s"): data.results["target"].nunique(),
        ("task", "s"): len(data.tasks),
        ("fuser", "s"): len(data.fusers),
    }
    return [(f"{count:,}", noun + (ending[1:] if count == 1 else ending)) for (noun, ending), count in counts.items()]


def number(value: object) -> str:
    """Counts as they are, other numbers with three digits, NaN as a dash, texts as texts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) >= 2):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else format_number(value)


def _texts(row: Mapping[Any, Any]) -> dict[str, str]:
    interval = "" if math.isnan(row["auc_low"]) else f"[{row['auc_low']:.3f}, {row['auc_high']:.3f}]"
    counts = {name: f"{row[name]:,}" for name in ("n", "positives", "unknown")}
    numbers = {name: format_number(row[name]) for name in ("auc", *_NUMBERS)}
    why = why_missing(row["n"], row["positives"])
    return {"fuser": str(row["fuser"]), "interval": interval, "why": why, **counts, **numbers}


def _notes(rows: list[dict[Any, Any]]) -> list[str]:
    """Distinct remarks about a table, in the order of its rows."""
    notes = [f"{MISSING} has no value: {why}." for row in rows if (why := why_missing(row["n"], row["positives"]))]
    if any(not math.isnan(row["auc"]) and math.isnan(row["auc_low"]) for row in rows):
        notes.append("An AUC without interval: fewer than two patients, or no resample held both classes.")
    if any(math.isnan(row["brier"]) and row["n"] for row in rows):
        notes.append(f"{MISSING} under Brier: scores outside [0, 1] are no probabilities.")
    if len({row["n"] for row in rows}) > 1:
        notes.append("The fusers answered about different cases (see n): compare them with care.")
    unknown = max((row["unknown"] for row in rows), default=0)
    if unknown:
        notes.append(f"{unknown:,} {'case' if unknown == 1 else 'cases'} of unknown truth left out.")
    return list(dict.fromkeys(notes))


def _difference(row: Mapping[Any, Any]) -> dict[str, str]:
    interval = "" if math.isnan(row["difference_low"]) else _signed_interval(row)
    p_values = {name: p_text(row[name]) if name in row else "" for name in ("p", "p_holm", "p_delong", "p_wilcoxon")}
    names = {name: str(row[name]) for name in ("fuser", "reference")}
    return {**names, "difference": signed(row["difference"]), "interval": interval, "n": f"{row['n']:,}", **p_values}


def _signed_interval(row: Mapping[Any, Any]) -> str:
    return f"[{signed(row['difference_low'])}, {signed(row['difference_high'])}]"
