"""Charts of precision against recall, and of predicted against observed risk. Imports plotly: see ``figures``."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from taskfusion.images import Array
from taskfusion.report.figures import AXIS, TargetCharts, blank, label, plain
from taskfusion.report.styles import FuserStyle

RISK_BINS = 10
_DIAGONAL = {"color": "#9aa5b1", "dash": "dot", "width": 1}
_SHARE = {**AXIS, "range": [-0.02, 1.02], "dtick": 0.2, "tickformat": ".1f"}


def precision_recall(charts: TargetCharts) -> go.Figure:
    """A curve per fuser; dotted: the share of positive cases, which guessing reaches."""
    figure = blank(charts.watermark, 470)
    truth = charts.scores(str(charts.rows["fuser"].iloc[0]))[0]
    figure.add_hline(y=float(truth.mean()), line=_DIAGONAL)
    for name, style in _fusers(charts):
        recall, precision, limits = precision_curve(*charts.scores(name))
        figure.add_scatter(
            x=recall,
            y=precision,
            customdata=limits,
            mode="lines",
            name=label(name),
            line={"color": style.color, "dash": style.dash, "width": style.width, "shape": "vh"},
            hovertemplate=f"<b>{plain(name)}</b><br>score ≥ %{{customdata:.3f}}<br>"
            "precision %{y:.3f}, recall %{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(title="Recall (sensitivity)", **_SHARE)
    figure.update_yaxes(title="Precision (PPV)", **_SHARE)
    figure.update_layout(showlegend=False)
    return figure


def calibration(charts: TargetCharts) -> go.Figure:
    """Predicted against observed risk, cases in equal groups by score; below the diagonal a score says too much."""
    figure = blank(charts.watermark, 470)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_DIAGONAL, hoverinfo="skip")
    for name, style in _fusers(charts):
        predicted, observed, counts = risk_groups(*charts.scores(name))
        figure.add_scatter(
            x=predicted,
            y=observed,
            customdata=counts,
            mode="lines+markers",
            name=label(name),
            line={"color": style.color, "dash": style.dash, "width": style.width},
            marker={"symbol": style.symbol, "size": 8},
            hovertemplate=f"<b>{plain(name)}</b><br>mean score %{{x:.3f}}<br>"
            "positive %{y:.1%} of %{customdata} cases<extra></extra>",
        )
    figure.update_xaxes(title="Mean fused score", **_SHARE)
    figure.update_yaxes(title="Share of positive cases", **_SHARE)
    figure.update_layout(showlegend=False)
    return figure


def precision_curve(truth: Array, score: Array) -> tuple[Array, Array, Array]:
    """Recall, precision and threshold at every distinct score from the highest down, ``(steps,)`` each."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    true = np.cumsum(truth[order])[ends]
    return true / max(int(truth.sum()), 1), true / (ends + 1), score[order][ends]


def risk_groups(truth: Array, score: Array, groups: int = RISK_BINS) -> tuple[Array, Array, Array]:
    """Mean score, share of positives and number of cases in groups of about equal size, lowest scores first.

    Cases of equal score stay together, so that a fuser with few distinct scores has fewer groups.
    """
    _, place, sizes = np.unique(score, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - sizes / 2) / max(len(score), 1)
    _, group = np.unique(np.floor(middle * groups), return_inverse=True)
    counts = np.bincount(group[place])
    predicted = np.bincount(group[place], score) / counts
    return predicted, np.bincount(group[place], truth) / counts, counts


def _fusers(charts: TargetCharts) -> list[tuple[str, FuserStyle]]:
    return [(str(name), charts.styles[str(name)]) for name in charts.rows["fuser"]]
