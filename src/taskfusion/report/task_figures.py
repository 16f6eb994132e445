"""The charts of a task: ROC, FROC and training histories. Imports plotly, so it is imported only on use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from taskfusion.report.figures import dress, label
from taskfusion.report.styles import GRID, MUTED, style_fusers
from taskfusion.tasks.diagnostics import Curve

_AXIS = {"gridcolor": GRID, "zeroline": False, "linecolor": "#9aa5b1", "showline": True, "ticks": "outside"}
_SHARE = {**_AXIS, "range": [-0.02, 1.02], "dtick": 0.2, "tickformat": ".1f"}
_LEGEND_LINE = 21  # pixels a name takes below the curves
_POINTS = 1000  # of a curve; more would not be seen
_TO = 5.0  # false detections per image shown at first
_LEARNED, _HELD_OUT = ("#0072B2", "solid"), ("#D55E00", "dash")
_VALIDATION = "val_"


def task_roc(curves: Sequence[Curve], watermark: str = "") -> go.Figure:
    """ROC curves of one task, the AUC beside each name."""
    figure = _curves_figure(len(curves), watermark)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "#9aa5b1", "dash": "dot", "width": 1})
    figure.update_traces(showlegend=False, hoverinfo="skip")
    for curve, style in zip(curves, _styles(curves), strict=True):
        x, y = _thinned(curve)
        name = f"{label(curve.name)} {np.trapezoid(curve.y, curve.x):.3f}"
        figure.add_scatter(x=x, y=y, name=name, hovertemplate="TPR %{y:.3f}, FPR %{x:.3f}", **style)
    figure.update_xaxes(title="False positive rate (1 − specificity)", constrain="domain", **_SHARE)
    figure.update_yaxes(title="True positive rate (sensitivity)", scaleanchor="x", constrain="domain", **_SHARE)
    return figure


def task_froc(curves: Sequence[Curve], watermark: str = "") -> go.Figure:
    """FROC curves of one task: staircases over false positives per image, on a linear axis or a logarithmic one.

    The dotted line is at one false positive per image.
    """
    figure = _curves_figure(len(curves), watermark)
    for curve, style in zip(curves, _styles(curves), strict=True):
        x, y = _thinned(curve)
        style["line"]["shape"] = "hv"  # between two points nothing more is found
        figure.add_scatter(
            x=x, y=y, name=label(curve.name), hovertemplate="TPR %{y:.3f} at %{x:.3g} FP per image", **style
        )
    end = max(min(max(float(curve.x.max()) for curve in curves), _TO), 1.0)
    first = min((float(curve.x[curve.x > 0].min()) for curve in curves if (curve.x > 0).any()), default=0.1)
    figure.add_vline(x=1, line={"color": MUTED, "dash": "dot", "width": 1})
    figure.update_xaxes(title="False positives per image", range=[-0.01 * end, 1.02 * end], **_AXIS)
    figure.update_yaxes(title="True positive rate (sensitivity)", **_SHARE)
    figure.update_layout(updatemenus=[_scales(end, first)])
    return figure


def training_history(stage: str, figures: Mapping[str, Sequence[float]], watermark: str = "") -> go.Figure:
    """A panel per figure (loss, AUC, learning rate …) over the epochs; training solid, validation broken."""
    names = sorted({name.removeprefix(_VALIDATION): None for name in figures}, key=lambda name: name != "loss")
    figure = make_subplots(1, len(names), subplot_titles=[_in_words(name) for name in names], horizontal_spacing=0.07)
    figure.update_annotations(font_size=14)
    dress(figure, watermark, 300)
    shown: set[str] = set()
    for column, name in enumerate(names, 1):
        for key, what, (color, dash) in ((name, "train", _LEARNED), (_VALIDATION + name, "validation", _HELD_OUT)):
            if key in figures:
                line = {"color": color, "dash": dash, "width": 2}
                _add_history(figure, figures[key], (what, line, what not in shown), column)
                shown.add(what)
    epochs = max(len(values) for values in figures.values())
    figure.update_xaxes(title="epoch", dtick=max(1, epochs // 10), **_AXIS)  # there is no half epoch
    figure.update_yaxes(**_AXIS)
    legend = {"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0, "xanchor": "left"}
    figure.update_layout(legend=legend, margin={"t": 66})
    return figure


def _add_history(
    figure: go.Figure, values: Sequence[float], how: tuple[str, dict[str, Any], bool], column: int
) -> None:
    name, line, in_legend = how
    epochs = np.arange(1, len(values) + 1)
    options = {"legendgroup": name, "showlegend": in_legend, "mode": "lines+markers", "marker": {"size": 5}}
    hover = f"{name}, epoch %{{x}}: %{{y:.4g}}<extra></extra>"
    figure.add_scatter(
        x=epochs, y=list(values), name=name, line=line, hovertemplate=hover, **options, row=1, col=column
    )


def _curves_figure(count: int, watermark: str) -> go.Figure:
    legend = _LEGEND_LINE * count
    figure = dress(go.Figure(), watermark, 430 + legend)
    place = {"tracegroupgap": 0, "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"}
    figure.update_layout(legend=place, margin={"b": 72 + legend}, showlegend=True)
    return figure


def _styles(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    styles = style_fusers([str(number) for number in range(len(curves))])  # by place: no class is a baseline
    return [{"mode": "lines", "line": {"color": s.color, "dash": s.dash, "width": 2}} for s in styles.values()]


def _thinned(curve: Curve) -> tuple[list[float], list[float]]:
    """At most so many points, the last one among them, with the digits that can be seen."""
    rows = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _POINTS)).round().astype(int))
    return [[round(float(value), 5) for value in axis[rows]] for axis in (curve.x, curve.y)]  # type: ignore[return-value]  # two axes


def _scales(end: float, first: float) -> dict[str, Any]:
    """Two buttons: a linear or a logarithmic axis of false positives."""
    scales = (
        ("linear", {"xaxis.type": "linear", "xaxis.range": [-0.01 * end, 1.02 * end]}),
        ("log", {"xaxis.type": "log", "xaxis.range": [np.log10(first), np.log10(1.1 * end)]}),
    )
    buttons = [{"label": name, "method": "relayout", "args": [change]} for name, change in scales]
    place = {"x": 1, "xanchor": "right", "y": 0.04, "yanchor": "bottom"}
    return {"type": "buttons", "direction": "right", "showactive": True, "buttons": buttons, **place}


def _in_words(name: str) -> str:
    return {"auc": "AUC"}.get(name, label(name.replace("_", " ")))
