"""What each task is worth: AUC lost when it is left out of fitted fusers. Imports plotly on use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskfusion.report.styles import FuserStyle

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_ROW = 46  # pixels per task
_SPREAD = 0.64  # of a row, over which fusers are set apart


def importance_figure(table: pd.DataFrame, styles: dict[str, FuserStyle], notice: str = "") -> go.Figure:
    """A panel per target, a row per task, a marker with interval per fuser: to the right the task helps.

    Args:
        table: as :func:`taskfusion.pipeline.stress.importance` returns it.
        styles: of every fuser.
        notice: printed across.
    """
    from plotly.subplots import make_subplots

    from taskfusion.report.figures import AXIS, dress, label

    targets, tasks = ([str(name) for name in table[column].unique()] for column in ("target", "task"))
    titles = [label(name) for name in targets]
    figure = make_subplots(1, len(targets), shared_yaxes="all", subplot_titles=titles, horizontal_spacing=0.05)
    dress(figure, notice, 150 + len(tasks) * max(_ROW, 11 * table["fuser"].nunique()))
    for column, target in enumerate(targets, start=1):
        _add_target(figure, table[table["target"] == target], tasks, (styles, column))
    figure.update_xaxes(title="AUC lost without the task", **AXIS)
    ticks = {"tickvals": list(range(len(tasks))), "ticktext": [label(name) for name in tasks]}
    figure.update_yaxes(range=[len(tasks) - 0.4, -0.6], zeroline=False, showgrid=False, automargin=True, **ticks)
    figure.update_layout(legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"})
    figure.update_layout(margin={"b": 96})
    return figure


def _add_target(
    figure: go.Figure, table: pd.DataFrame, tasks: list[str], how: tuple[dict[str, FuserStyle], int]
) -> None:
    from taskfusion.report.figures import label, plain

    styles, column = how
    fusers = [str(name) for name in table["fuser"].unique()]
    shifts = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(fusers)) if len(fusers) > 1 else np.zeros(1)
    for fuser, shift in zip(fusers, shifts, strict=True):
        rows, style = table[table["fuser"] == fuser], styles[fuser]
        reach = rows["difference"] - rows["difference_low"], rows["difference_high"] - rows["difference"]
        bars = {"type": "data", "symmetric": False, "array": reach[0], "arrayminus": reach[1]}
        figure.add_scatter(
            x=-rows["difference"],
            y=[tasks.index(str(task)) + shift for task in rows["task"]],
            mode="markers",
            name=label(fuser),
            legendgroup=fuser,
            showlegend=column == 1,
            marker={"color": style.color, "symbol": style.symbol, "size": 9},
            error_x={**bars, "color": style.color, "thickness": 1.5, "width": 3},
            hovertemplate=f"<b>{plain(fuser)}</b><br>AUC %{{x:+.3f}}<extra></extra>",
            row=1,
            col=column,
        )
    figure.add_vline(x=0, line={"color": "#9aa5b1", "dash": "dot", "width": 1}, row=1, col=column)
