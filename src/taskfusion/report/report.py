"""The page: sections and charts put into the template, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from taskfusion.files import write_text
from taskfusion.report import sections
from taskfusion.report.data import Chart, ReportData
from taskfusion.report.matrix import Matrix, significance_matrix
from taskfusion.report.styles import FuserStyle, style_fusers
from taskfusion.report.tasks import task_charts
from taskfusion.report.worklist import TRUTHS, page_data, worklist_of

_TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("report.js", "operating.js", "worklist.js", "viewer.js", "case.js", "app.js")  # in this order


@attrs.frozen
class TargetSection:
    """Everything about one target."""

    name: str
    description: str
    main: sections.ResultTable
    others: list[sections.ResultTable]
    differences: list[dict[str, str]]
    matrix: Matrix | None
    charts: list[Chart]


def write_report(path: Path, data: ReportData) -> None:
    """Write one HTML file that needs nothing else: no network, no other file. Equal data give equal files."""
    write_text(path, render(data))


def render(data: ReportData) -> str:
    """The page as text."""
    from taskfusion.report.figures import plotly_script

    styles = style_fusers(data.fusers)
    worklist = worklist_of(data)
    listed = {row.case for row in worklist.rows} if worklist else set()
    return _template().render(
        data=data,
        styles=styles,
        facts=sections.facts(data),
        targets=[_target(data, name, styles, i) for i, name in enumerate(data.target_names)],
        task_charts=[task_charts(task, _watermark(data), f"task-{i}") for i, task in enumerate(data.tasks)],
        robustness=_robustness(data, styles),
        worklist=worklist,
        page=page_data(data, worklist),
        cases=[page for page in data.cases if page.case in listed],
        scripts=SCRIPTS,
        targets_at={name: k for k, name in enumerate(worklist.targets)} if worklist else {},
        truth_places={name: k for k, name in enumerate(TRUTHS.values())},
        plotly=plotly_script(),
    )


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = sections.number
    environment.filters["json"] = _json
    return environment.get_template("report.html.j2")


def _json(value: Any) -> str:
    """JSON that may stand inside a ``<script>``: no markup, whatever a name says."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _target(data: ReportData, name: str, styles: dict[str, FuserStyle], index: int) -> TargetSection:
    splits = [str(split) for split in data.results["split"].unique() if split != data.main_split]
    others = [sections.result_table(data, name, split) for split in splits]
    return TargetSection(
        name=name,
        description=data.targets.get(name, ""),
        main=sections.result_table(data, name, data.main_split),
        others=[table for table in others if table.rows],
        differences=sections.difference_rows(data, name),
        matrix=significance_matrix(data, name),
        charts=_charts(data, name, styles, index),
    )


def _watermark(data: ReportData) -> str:
    return data.notice.partition(":")[0].strip()


def _charts(data: ReportData, target: str, styles: dict[str, FuserStyle], index: int) -> list[Chart]:
    """The curves where both classes exist, the distributions where any case does; else the reason."""
    from taskfusion.report import figures, quality

    rows = data.results_of(target, data.main_split)
    charts = figures.TargetCharts(rows, data.answered(target), styles, _watermark(data), data.threshold)
    why_any = "" if len(rows) and len(charts.answered) else f"no case of known truth in the {data.main_split} split"
    why_auc = why_any or _why_no_auc(data, target)
    plans = (
        (figures.roc, "roc", "ROC curves", _ROC_CAPTION, why_auc),
        (quality.precision_recall, "pr", "Precision and recall", _PR_CAPTION, why_auc),
        (figures.forest, "forest", "AUC with interval", _FOREST_CAPTION, why_auc),
        (quality.calibration, "calibration", "Calibration", _CALIBRATION_CAPTION, why_auc),
        (figures.distributions, "scores", "Scores by truth", _SCORES_CAPTION, why_any),
    )
    said = {"threshold": data.threshold, "percent": 100 * data.confidence}
    drawn = ["" if why else figures.to_html(draw(charts), f"{name}-{index}") for draw, name, *_, why in plans]
    return [
        Chart(title, caption.format(**said), page, why, wide=name == "scores")
        for (_, name, title, caption, why), page in zip(plans, drawn, strict=True)
    ]


def _robustness(data: ReportData, styles: dict[str, FuserStyle]) -> list[Chart]:
    """What each task is worth, and what is left when inputs are missing; only what was asked."""
    from taskfusion.report import figures, robustness, stress

    charts = []
    if data.importance is not None and len(data.importance):
        figure = robustness.importance_figure(data.importance, styles, _watermark(data))
        html = figures.to_html(figure, "importance")
        charts.append(Chart("What each task is worth", _IMPORTANCE_CAPTION, html, wide=True))
    if data.stress is not None and len(data.stress):
        html = figures.to_html(stress.stress_figure(data.stress, _watermark(data), styles), "stress")
        charts.append(Chart("Missing inputs", _STRESS_CAPTION, html, wide=True))
    return charts


def _why_no_auc(data: ReportData, target: str) -> str:
    rows = data.results_of(target, data.main_split)
    if rows["auc"].notna().any():
        return ""
    row = rows.iloc[0]
    return sections.why_missing(int(row["n"]), int(row["positives"]))


_ROC_CAPTION = "Marker: the threshold {threshold:g}. Click a name to hide it, twice to see it alone."
_PR_CAPTION = "Colours as in the ROC curves. Dotted: the share of positive cases."
_CALIBRATION_CAPTION = "Cases in ten groups by score. Below the dotted line a score promises more than there is."
_IMPORTANCE_CAPTION = (
    "AUC lost when a task is hidden from the fitted fuser, with interval (paired patient bootstrap). "
    "Right of the dotted line: the task helps."
)
_STRESS_CAPTION = (
    "AUC when a growing share of one task's answers is taken away; nothing is trained again. "
    "Bars: lowest and highest of the repeated draws."
)
_FOREST_CAPTION = "{percent:.0f} % interval, resampling patients. Grey and open: baselines without learning."
_SCORES_CAPTION = "Each class as a share of itself, so a rare class stays visible. Dotted: the threshold {threshold:g}."
