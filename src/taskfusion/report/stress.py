"""The page of a stress test: AUC against the share of missing inputs."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from taskfusion.files import write_text
from taskfusion.report.styles import FuserStyle, style_fusers

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Missing inputs</title>
<style>body {{ font-family: system-ui, sans-serif; color: #1f2933; margin: 2rem auto; max-width: 72rem }}
.notice {{ color: #b00020; font-weight: 600 }}</style><script>{script}</script></head>
<body><h1>What is left when inputs are missing</h1>{notice}
<p>A panel per task and target. Left: every answer of the task is there; right: none is. Bars: lowest and highest of the
repeated draws. Nothing was trained again.</p>{chart}</body></html>
"""


def write_stress_page(path: Path, table: pd.DataFrame, notice: str) -> None:
    """One HTML file that works offline.

    Args:
        path: where to.
        table: of :class:`taskfusion.pipeline.stress.StressTest`.
        notice: a warning to show in red.
    """
    from taskfusion.report.figures import plotly_script, to_html

    warned = f'<p class="notice">{escape(notice)}</p>' if notice else ""
    chart = to_html(stress_figure(table, notice), "stress")
    write_text(path, PAGE.format(script=plotly_script(), notice=warned, chart=chart))


def stress_figure(table: pd.DataFrame, notice: str = "", styles: dict[str, FuserStyle] | None = None) -> go.Figure:
    """A panel per task (column) and target (row), a line per fuser."""
    from plotly.subplots import make_subplots

    from taskfusion.report.figures import dress, label

    tasks, targets = list(table["task"].unique()), list(table["target"].unique())
    titles = [label(f"{task} missing: {target}") for target in targets for task in tasks]
    spacing = {"vertical_spacing": 0.3 / len(targets), "horizontal_spacing": 0.04}
    figure = make_subplots(len(targets), len(tasks), shared_yaxes="all", subplot_titles=titles, **spacing)
    dress(figure, notice, 130 + 300 * len(targets))
    styles = styles or style_fusers(table["fuser"].unique())
    named: set[str] = set()
    for (task, target, fuser), rows in table.groupby(["task", "target", "fuser"], sort=False):
        first = str(fuser) not in named
        named.add(str(fuser))
        cell = {"row": targets.index(target) + 1, "col": tasks.index(task) + 1}
        _add_line(figure, str(fuser), rows, (styles[str(fuser)], first, cell))
    figure.update_xaxes(tickformat=".0%", dtick=0.25, range=[-0.03, 1.03])
    figure.update_xaxes(title="share missing", row=len(targets))
    figure.update_yaxes(title="AUC", col=1)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
    figure.update_layout(legend=legend, margin={"t": 50, "b": 110})
    return figure


def _add_line(figure: go.Figure, fuser: str, rows: pd.DataFrame, how: tuple[FuserStyle, bool, dict[str, int]]) -> None:
    from taskfusion.report.figures import label

    style, in_legend, cell = how
    bars = {"array": rows["auc_high"] - rows["auc"], "arrayminus": rows["auc"] - rows["auc_low"], "width": 2}
    figure.add_scatter(
        x=rows["share"],
        y=rows["auc"],
        name=label(fuser),
        legendgroup=fuser,
        showlegend=in_legend,
        mode="lines+markers",
        line={"color": style.color, "dash": style.dash, "width": style.width},
        marker={"symbol": style.symbol, "size": 7},
        error_y={"type": "data", "symmetric": False, "thickness": 1, "color": style.color, **bars},
        hovertemplate="%{x:.0%} missing: AUC %{y:.3f}",
        **cell,
    )
