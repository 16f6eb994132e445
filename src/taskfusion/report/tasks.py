"""The charts of one task for the page, and the same numbers as plain files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from taskfusion.files import replacing
from taskfusion.report.data import Chart, TaskSection
from taskfusion.tasks.diagnostics import Curve

_FROC = "Hit: IoU of at least 0.2, or the detection's centre in the true box. Dotted: one false positive per image."
_ROC = "AUC beside each name. Per case the highest score of the case's views counts."
_HISTORY = "Chosen on the validation split, never learned from it."


def task_charts(section: TaskSection, watermark: str, place: str) -> list[Chart]:
    """ROC and FROC where the task has curves, and a history per stage of its training.

    Args:
        section: what to draw.
        watermark: printed across, or "".
        place: a text that no other task's charts on the page share; ids are made of it.
    """
    from taskfusion.report import task_figures as figures
    from taskfusion.report.figures import to_html

    charts = []
    kinds = (("roc", "ROC curves", _ROC, figures.task_roc), ("froc", "FROC curves", _FROC, figures.task_froc))
    for kind, title, caption, draw in kinds:
        curves = [curve for curve in section.curves if curve.kind == kind]
        if curves:
            charts.append(Chart(title, caption, to_html(draw(curves, watermark), f"{kind}-{place}")))
    for number, (stage, history) in enumerate(section.histories.items()):
        title = f"Training: {stage.replace('_', ' ')}" if stage else "Training"
        drawn = to_html(figures.training_history(stage, history, watermark), f"history-{place}-{number}")
        charts.append(Chart(title, _HISTORY, drawn, wide=True))
    return charts


def write_task_files(
    folder: Path,
    metrics: Mapping[str, float],
    curves: Sequence[Curve],
    histories: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    """Write ``metrics.csv``, ``curves.csv`` and ``history.csv`` into a folder; what is empty is not written.

    ``curves.csv`` has a row a point (``kind, curve, x, y``), ``history.csv`` a row an epoch (``stage, epoch`` and a
    column a figure, empty where a stage does not have it).
    """
    _write(folder / "metrics.csv", ("metric", "value"), [(name, f"{value:.6g}") for name, value in metrics.items()])
    points = [(c.kind, c.name, f"{x:.6g}", f"{y:.6g}") for c in curves for x, y in zip(c.x, c.y, strict=True)]
    _write(folder / "curves.csv", ("kind", "curve", "x", "y"), points)
    names = list(dict.fromkeys(name for figures in histories.values() for name in figures))
    rows = [row for stage, figures in histories.items() for row in _epochs(stage, figures, names)]
    _write(folder / "history.csv", ("stage", "epoch", *names), rows)


def _epochs(stage: str, figures: Mapping[str, Sequence[float]], names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    for epoch in range(len(next(iter(figures.values())))):
        yield stage, epoch + 1, *(f"{figures[name][epoch]:.6g}" if name in figures else "" for name in names)


def _write(path: Path, header: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        path.unlink(missing_ok=True)  # of an earlier run
        return
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
