"""The worklist: patients by fused score, with what each task said; and the data its page works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.evaluation.console import MISSING
from taskfusion.report.pages import rounded
from taskfusion.report.styles import MARK_COLORS

if TYPE_CHECKING:
    from taskfusion.report.data import ReportData

TRUTHS = {1: "positive", 0: "negative", -1: "unknown"}


@attrs.frozen
class Answer:
    """What a task said of a case, at a glance: ``text``, and what it is sorted by."""

    text: str
    sort: float | str


@attrs.frozen
class Row:
    """One patient.

    Attributes:
        case: id.
        truths: per shown target ``positive``, ``negative`` or ``unknown``.
        scores: per shown target the first fuser's score; None where it gave none.
        answers: per task column.
        missing: inputs without an answer.
    """

    case: str
    truths: list[str]
    scores: list[float | None]
    answers: list[Answer]
    missing: str


@attrs.frozen(eq=False)
class Worklist:
    """The patients a reader would look at first.

    Attributes:
        targets: shown; the first one sorts.
        fusers: to choose from; the first one sorts.
        tasks: columns of sub-results.
        rows: the highest score first.
        total: how many patients there are.
        scores: ``[target][fuser]`` to a score per row, None where there is none.
    """

    targets: list[str]
    fusers: list[str]
    tasks: list[str]
    rows: list[Row]
    total: int
    scores: dict[str, dict[str, list[float | None]]]


def worklist_of(data: ReportData) -> Worklist | None:
    """Patients of the main split, the highest score of the first fuser for the first target first."""
    order, total = worklist_order(data)
    if not order:
        return None
    table = data.judged()
    targets = [name for name in data.target_names if (table["target"] == name).any()]
    fusers = [name for name in data.fusers if (table["fuser"] == name).any()]
    wide = table.pivot(index="case", columns=["target", "fuser"], values="score").reindex(order)
    truth = table.drop_duplicates(["case", "target"]).pivot(index="case", columns="target", values="truth")
    known = truth.reindex(order)[targets].fillna(-1).to_numpy(int)
    scores = {
        target: {name: _numbers(wide[target, name]) for name in fusers if (target, name) in wide} for target in targets
    }
    pages = {page.case: page for page in data.cases}
    tasks = list(dict.fromkeys(task for page in data.cases for task in page.tasks))
    first = [next(iter(scores[target].values())) for target in targets]
    rows = [
        Row(
            case,
            [TRUTHS[int(value)] for value in known[k]],
            [column[k] for column in first],
            [headline(pages[case].tasks.get(task)) if case in pages else headline(None) for task in tasks],
            ", ".join(pages[case].missing) if case in pages else "",
        )
        for k, case in enumerate(order)
    ]
    return Worklist(targets, fusers, tasks, rows, total, scores)


def worklist_order(data: ReportData) -> tuple[list[str], int]:
    """The ids of the worklist's cases, and how many there would be without its limit."""
    table = data.judged()
    table = table[table["target"].isin(data.target_names[:1])]
    if table.empty:
        return [], 0
    wide = table.pivot(index="case", columns="fuser", values="score")
    first = next(name for name in data.fusers if name in wide)
    ordered = wide[first].sort_values(ascending=False, kind="stable", na_position="last").index
    return [str(case) for case in ordered[: data.most_cases]], len(ordered)


def headline(said: Any) -> Answer:
    """The most that a task says: its surest class, and where."""
    if not said:
        return Answer(MISSING, -1)
    if isinstance(said, list):
        return Answer(f"{said[0]['score']:.2f} {said[0]['label']} {said[0]['view']}", said[0]["score"])
    if all(isinstance(scores, Mapping) for scores in said.values()):
        score, label, view = max((s, name, view) for view, scores in said.items() for name, s in scores.items())
        several = len(next(iter(said.values()))) > 1
        return Answer(f"{score:.2f} {label} {view}" if several else f"{score:.2f} {view}", score)
    label, score = max(said.items(), key=lambda item: item[1])
    return Answer(f"{label} {score:.2f}", f"{label} {score:.4f}") if len(said) > 1 else Answer(f"{score:.2f}", score)


def page_data(data: ReportData, worklist: Worklist | None) -> dict[str, Any]:
    """What the scripts need besides the cases themselves, as JSON data."""
    shown = worklist or Worklist([], [], [], [], 0, {})
    labels = sorted({mark.label for page in data.cases for picture in page.pictures for mark in picture.marks})
    return {
        "targets": shown.targets,
        "fusers": shown.fusers,
        "cases": [row.case for row in shown.rows],
        "truths": {target: [row.truths[k] for row in shown.rows] for k, target in enumerate(shown.targets)},
        "scores": rounded(shown.scores),
        "colors": {name: MARK_COLORS[k % len(MARK_COLORS)] for k, name in enumerate(labels)},
        "operating": [operating_data(data, target) for target in data.target_names],
    }


def operating_data(data: ReportData, target: str) -> dict[str, Any]:
    """Truth and scores of a target in the main split, fuser by fuser, and the thresholds chosen beforehand."""
    table = data.answered(target)
    parts = {str(name): part for name, part in table.groupby("fuser", sort=False)}
    return {
        "target": target,
        "fusers": {
            name: {
                "truth": parts[name]["truth"].tolist(),
                "score": rounded(parts[name]["score"].tolist(), 5),
                "chosen": _chosen(data, target, name),
            }
            for name in data.fusers
            if name in parts
        },
    }


def _chosen(data: ReportData, target: str, fuser: str) -> list[dict[str, Any]]:
    fixed = {"rule": f"{data.threshold:g}", "threshold": data.threshold, "on": "fixed"}
    if data.points is None:
        return [fixed]
    table = data.points
    rows = table[(table["target"] == target) & (table["fuser"] == fuser) & (table["split"] == data.main_split)]
    found = [
        {"rule": str(row["rule"]), "threshold": round(float(row["threshold"]), 5), "on": str(row["chosen_on"])}
        for row in rows.dropna(subset=["threshold"]).to_dict("records")
    ]
    return found or [fixed]


def _numbers(column: Any) -> list[float | None]:
    return [float(value) if value == value else None for value in column]
