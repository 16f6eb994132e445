"""The charts. Imports plotly, so it is itself imported only when a report is written.

Charts know nothing of HTML pages: each function returns a figure, and :func:`to_html` makes a ``<div>`` of it.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from taskfusion.evaluation.console import format_auc
from taskfusion.evaluation.metrics import roc_curve
from taskfusion.report.styles import GRID, INK, MUTED, NEGATIVE, POSITIVE, FuserStyle

if TYPE_CHECKING:
    import pandas as pd

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "linecolor": "#9aa5b1",
    "showline": True,
    "ticks": "outside",
    "title_font_size": 13,
}
_BINS = 20
_LABEL = 32  # characters
_COLUMNS = 3  # small charts beside each other
_LEGEND_LINE = 21  # pixels a name takes below the ROC curves


@attrs.frozen(eq=False)
class TargetCharts:
    """What the charts of one target are drawn from.

    Attributes:
        rows: results of the target in the main split.
        answered: its predictions there, truth known.
        styles: of every fuser.
        watermark: printed across, or "".
        threshold: marked on the curves.
    """

    rows: pd.DataFrame
    answered: pd.DataFrame
    styles: dict[str, FuserStyle]
    watermark: str
    threshold: float

    def scores(self, fuser: str) -> tuple[np.ndarray, np.ndarray]:
        """Truth and score of one fuser, ``(cases,)`` each."""
        part = self.answered[self.answered["fuser"] == fuser]
        return part["truth"].to_numpy(int), part["score"].to_numpy(float)


def plotly_script() -> str:
    """The library itself, about 4.5 MB of JavaScript, from the installed package."""
    return str(get_plotlyjs())


def to_html(figure: go.Figure, name: str) -> str:
    """A ``<div>`` and its script, with an id of our own: equal data give equal pages."""
    config = {
        "responsive": True,
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": name},
        "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
        # plotly 7 offers by default to upload a chart to its makers' servers: no patient's data leave this file.
        "showSendToCloud": False,
    }
    return str(figure.to_html(config, include_plotlyjs=False, full_html=False, div_id=name))


def roc(charts: TargetCharts) -> go.Figure:
    """A curve per fuser with its point at the threshold; a click in the legend hides or shows one."""
    legend = _LEGEND_LINE * len(charts.rows)
    figure = blank(charts.watermark, 470 + legend)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "#9aa5b1", "dash": "dot", "width": 1})
    figure.update_traces(showlegend=False, hoverinfo="skip")
    for row in charts.rows.to_dict("records"):
        _add_roc(figure, charts, row)
    share = {**AXIS, "range": [-0.02, 1.02], "dtick": 0.2, "tickformat": ".1f"}
    figure.update_xaxes(title="False positive rate (1 − specificity)", constrain="domain", **share)
    figure.update_yaxes(title="True positive rate (sensitivity)", scaleanchor="x", constrain="domain", **share)
    place = {"tracegroupgap": 0, "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"}
    figure.update_layout(legend=place, margin={"b": 72 + legend})
    return figure


def forest(charts: TargetCharts) -> go.Figure:
    """AUC with its interval, a row per fuser in the table's order."""
    rows = charts.rows[charts.rows["auc"].notna()].to_dict("records")
    figure = blank(charts.watermark, 110 + 46 * len(rows) + min(18 * len(rows), 180))
    for place, row in enumerate(rows):
        _add_interval(figure, charts.styles[str(row["fuser"])], row, place)
    lowest = min([0.5, *(np.nanmin([row["auc"], row["auc_low"]]) for row in rows)])
    figure.add_vline(x=0.5, line={"color": "#9aa5b1", "dash": "dot", "width": 1})
    figure.update_xaxes(title="AUC", range=[max(lowest - 0.03, -0.02), 1.02], dtick=0.1, **AXIS)
    labels = [label(str(row["fuser"])) for row in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.4, -0.6])
    figure.update_yaxes(automargin=True, zeroline=False, showgrid=False)
    figure.update_layout(showlegend=False, margin={"r": 150})
    return figure


def distributions(charts: TargetCharts) -> go.Figure:
    """Per fuser how its scores spread over negative and positive cases, each class as a share of itself."""
    fusers = [str(name) for name in charts.rows["fuser"]]
    columns = min(_COLUMNS, len(fusers))
    lines = -(-len(fusers) // columns)
    titles = [label(name) for name in fusers]
    gap = {"vertical_spacing": 0.4 / lines, "horizontal_spacing": 0.04}
    figure = make_subplots(lines, columns, shared_yaxes="all", subplot_titles=titles, **gap)
    figure.update_annotations(font_size=14)
    dress(figure, charts.watermark, 100 + 200 * lines)
    scores = charts.answered["score"].to_numpy(float)
    edges = np.linspace(min(0.0, *scores), max(1.0, *scores), _BINS + 1)
    for place, fuser in enumerate(fusers):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        _add_histogram(figure, charts.scores(fuser), edges, cell)
        line = {"color": MUTED, "dash": "dot", "width": 1}
        figure.add_vline(x=charts.threshold, line=line, **cell)
    figure.update_xaxes(**AXIS, range=[edges[0], edges[-1]])
    figure.update_yaxes(**AXIS, tickformat=".0%", rangemode="tozero")
    legend = {"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0, "xanchor": "left"}
    figure.update_layout(barmode="overlay", bargap=0.04, legend=legend, margin={"t": 66})
    return figure


def blank(watermark: str, height: int) -> go.Figure:
    return dress(go.Figure(), watermark, height)


def dress(figure: go.Figure, watermark: str, height: int) -> go.Figure:
    """The look all charts share, and the notice across them."""
    figure.update_layout(
        template="none",
        height=height,
        font={"family": _FONT, "size": 13, "color": INK},
        margin={"l": 64, "r": 24, "t": 40, "b": 60},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": INK}},
    )
    if watermark:
        font = {"size": 34, "color": "rgba(176, 0, 32, 0.16)"}
        place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False, "textangle": -18}
        figure.add_annotation(text=label(watermark), font=font, **place)
    return figure


def _add_roc(figure: go.Figure, charts: TargetCharts, row: dict[Any, Any]) -> None:
    name = str(row["fuser"])
    style, full = charts.styles[name], plain(name)
    curve = roc_curve(*charts.scores(name))
    if not len(curve.fpr):
        return
    hover = "<br>TPR %{y:.3f}, FPR %{x:.3f}<extra></extra>"
    figure.add_scatter(
        x=curve.fpr,
        y=curve.tpr,
        customdata=["above all" if np.isinf(value) else f"{value:.3f}" for value in curve.thresholds],
        mode="lines",
        name=f"{label(name)} {row['auc']:.3f}",
        legendgroup=full,
        line={"color": style.color, "dash": style.dash, "width": style.width},
        hovertemplate=f"<b>{full}</b><br>score ≥ %{{customdata}}{hover}",
    )
    figure.add_scatter(
        x=[1 - row["tnr"]],
        y=[row["tpr"]],
        mode="markers",
        legendgroup=full,
        showlegend=False,
        marker={"color": style.color, "symbol": style.symbol, "size": 11, "line": {"color": "#ffffff", "width": 1}},
        hovertemplate=f"<b>{full}</b><br>at the threshold {charts.threshold:g}{hover}",
    )


def _add_interval(figure: go.Figure, style: FuserStyle, row: dict[Any, Any], place: int) -> None:
    full, text = plain(str(row["fuser"])), format_auc(row)
    reach = np.nan_to_num([row["auc_high"] - row["auc"], row["auc"] - row["auc_low"]])
    figure.add_scatter(
        x=[row["auc"]],
        y=[place],
        mode="markers",
        marker={"color": style.color, "symbol": style.symbol, "size": 12, "line": {"width": 2, "color": style.color}},
        error_x={"array": reach[:1], "arrayminus": reach[1:], "color": style.color, "thickness": 2, "width": 5},
        hovertemplate=f"<b>{full}</b><br>AUC {text}<extra></extra>",
    )
    place_text = {"xref": "paper", "x": 1.01, "xanchor": "left", "y": place, "showarrow": False}
    figure.add_annotation(text=text, font={"size": 12, "color": INK}, **place_text)


def _add_histogram(figure: go.Figure, pair: tuple[np.ndarray, np.ndarray], edges: np.ndarray, cell: Any) -> None:
    truth, score = pair
    first = cell == {"row": 1, "col": 1}
    for value, name, color in ((0, "negative", NEGATIVE), (1, "positive", POSITIVE)):
        counts = np.histogram(score[truth == value], edges)[0]
        total = max(int(counts.sum()), 1)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / total,
            customdata=np.column_stack([edges[:-1], edges[1:], counts]),
            name=f"{name} cases",
            legendgroup=name,
            showlegend=first,
            marker={"color": color, "opacity": 0.62, "line": {"color": color, "width": 1}},
            hovertemplate=f"%{{customdata[0]:.2f}}–%{{customdata[1]:.2f}}: %{{customdata[2]}} {name}, %{{y:.1%}}"
            "<extra></extra>",
            **cell,
        )


def label(name: str) -> str:
    """A name short enough for an axis or a legend."""
    return plain(name if len(name) <= _LABEL else name[: _LABEL - 1] + "…")


def plain(name: str) -> str:
    """A name as plotly shall print it: no markup, and no ``%{x}`` to fill in."""
    return html.escape(name).replace("{", "&#123;")
