"""The page: sections and charts put into the template, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from taskfusion.files import write_text
from taskfusion.report import sections
from taskfusion.report.data import ReportData
from taskfusion.report.styles import FuserStyle, style_fusers
from taskfusion.report.tasks import task_charts

_TEMPLATES = Path(__file__).parent / "templates"


@attrs.frozen
class Chart:
    """One chart, or why there is none: exactly one of ``html`` and ``why`` is set."""

    title: str
    caption: str
    html: str = ""
    why: str = ""
    wide: bool = False


@attrs.frozen
class TargetSection:
    """Everything about one target."""

    name: str
    description: str
    main: sections.ResultTable
    others: list[sections.ResultTable]
    differences: list[dict[str, str]]
    charts: list[Chart]


def write_report(path: Path, data: ReportData) -> None:
    """Write one HTML file that needs nothing else: no network, no other file. Equal data give equal files."""
    write_text(path, render(data))


def render(data: ReportData) -> str:
    """The page as text."""
    from taskfusion.report.figures import plotly_script

    styles = style_fusers(data.fusers)
    names = [str(name) for name in data.results["target"].unique()]
    watermark = data.notice.partition(":")[0].strip()
    return _template().render(
        data=data,
        styles=styles,
        facts=sections.facts(data),
        targets=[_target(data, name, styles, i) for i, name in enumerate(names)],
        task_charts=[task_charts(task, watermark, f"task-{i}") for i, task in enumerate(data.tasks)],
        worklist=sections.worklist(data),
        plotly=plotly_script(),
    )


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = sections.number
    return environment.get_template("report.html.j2")


def _target(data: ReportData, name: str, styles: dict[str, FuserStyle], index: int) -> TargetSection:
    splits = [str(split) for split in data.results["split"].unique() if split != data.main_split]
    others = [sections.result_table(data, name, split) for split in splits]
    return TargetSection(
        name=name,
        description=data.targets.get(name, ""),
        main=sections.result_table(data, name, data.main_split),
        others=[table for table in others if table.rows],
        differences=sections.difference_rows(data, name),
        charts=_charts(data, name, styles, index),
    )


def _charts(data: ReportData, target: str, styles: dict[str, FuserStyle], index: int) -> list[Chart]:
    """ROC and forest where both classes exist, the distributions where any case does; else the reason."""
    from taskfusion.report import figures

    rows = data.results_of(target, data.main_split)
    watermark = data.notice.partition(":")[0].strip()
    charts = figures.TargetCharts(rows, data.answered(target), styles, watermark, data.threshold)
    why_any = "" if len(rows) and len(charts.answered) else f"no case of known truth in the {data.main_split} split"
    why_auc = why_any or _why_no_auc(data, target)
    plans = (
        (figures.roc, "roc", "ROC curves", _ROC_CAPTION, why_auc),
        (figures.forest, "forest", "AUC with interval", _FOREST_CAPTION, why_auc),
        (figures.distributions, "scores", "Scores by truth", _SCORES_CAPTION, why_any),
    )
    said = {"threshold": data.threshold, "percent": 100 * data.confidence}
    drawn = ["" if why else figures.to_html(draw(charts), f"{name}-{index}") for draw, name, *_, why in plans]
    return [
        Chart(title, caption.format(**said), page, why, wide=name == "scores")
        for (_, name, title, caption, why), page in zip(plans, drawn, strict=True)
    ]


def _why_no_auc(data: ReportData, target: str) -> str:
    rows = data.results_of(target, data.main_split)
    if rows["auc"].notna().any():
        return ""
    row = rows.iloc[0]
    return sections.why_missing(int(row["n"]), int(row["positives"]))


_ROC_CAPTION = "Marker: the threshold {threshold:g}. Click a name to hide it, twice to see it alone."
_FOREST_CAPTION = "{percent:.0f} % interval, resampling patients. Grey and open: baselines without learning."
_SCORES_CAPTION = "Each class as a share of itself, so a rare class stays visible. Dotted: the threshold {threshold:g}."
