"""A task's part of the page: curves, histories, the model card; and the same numbers as plain files."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from taskfusion.report import TaskSection
from taskfusion.report.markdown import markdown_html, markdown_page
from taskfusion.report.tasks import task_charts, write_task_files
from taskfusion.report.training import histories, plain_figures
from taskfusion.tasks.diagnostics import Curve

SUMMARY = {
    "exams": {"train": 300, "validation": 60},
    "view": {
        "loss": [0.7, 0.5, 0.4],
        "val_loss": [0.8, 0.6, 0.6],
        "auc": [0.5, 0.6, 0.7],
        "val_auc": [0.5, 0.6, 0.65],
        "learning_rate": [1e-3, 1e-3, 2e-4],
        "spoiled_epoch": [3],
    },
    "head": {"second": {"loss": [0.3, 0.2]}},
    "columns": ["age", "history"],
    "label": "malignancy",
    "loss": 0.41,
    "frozen": True,
}
CURVES = (
    Curve("per view", "roc", [0, 0, 1], [0, 0.5, 1]),
    Curve("any", "froc", [0, 0.5, 2], [0.2, 0.6, 0.9]),
    Curve("mean_mass", "froc", [0, 1], [0.1, 0.4]),
)
SECTION = TaskSection("finder", "detection", ["mean_mass"], {}, {"AUC per view": 0.75}, CURVES, histories(SUMMARY))


def test_histories_are_lists_of_numbers_of_one_length_wherever_they_are():
    found = histories(SUMMARY)
    assert list(found) == ["view", "head/second"]
    assert set(found["view"]) == {"loss", "val_loss", "auc", "val_auc", "learning_rate"}
    assert found["head/second"] == {"loss": [0.3, 0.2]}
    assert histories({}) == histories({"columns": ["a"], "n": 3, "none": []}) == {}
    assert histories({"loss": [1, 2]}) == {"": {"loss": [1, 2]}}


def test_single_figures_stay_figures():
    found = plain_figures(SUMMARY)
    assert found == {
        "exams/train": 300,
        "exams/validation": 60,
        "view/spoiled_epoch": 3,
        "label": "malignancy",
        "loss": 0.41,
    }


def test_a_task_has_a_chart_per_kind_of_curve_and_stage():
    charts = task_charts(SECTION, "SYNTHETIC", "task-0")
    titles = [chart.title for chart in charts]
    assert titles == ["ROC curves", "FROC curves", "Training: view", "Training: head/second"]
    for chart, place in zip(charts, ("roc-task-0", "froc-task-0", "history-task-0-0", "history-task-0-1"), strict=True):
        assert f'id="{place}"' in chart.html and "SYNTHETIC" in chart.html
    assert task_charts(TaskSection("bare", "case"), "", "task-0") == []


def test_the_roc_says_its_auc_and_the_froc_is_a_staircase_that_starts_coloured():
    from taskfusion.report.task_figures import task_froc, task_roc

    assert [trace.name for trace in task_roc(CURVES[:1]).data[1:]] == ["per view 0.750"]
    steps = task_froc(CURVES[1:]).data
    assert {trace.line.shape for trace in steps} == {"hv"}
    assert len({trace.line.color for trace in steps}) == 2  # a class called mean… is no baseline
    assert list(steps[0].y) == [0.2, 0.6, 0.9]


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    from taskfusion.report.task_figures import task_froc

    x = np.linspace(0, 4, 50_000)
    [trace] = task_froc([Curve("any", "froc", x, x / 4)]).data
    assert len(trace.x) == 1000 and (trace.x[0], trace.x[-1], trace.y[-1]) == (0, 4, 1)


def test_training_and_validation_share_a_panel():
    from taskfusion.report.task_figures import training_history

    figure = training_history("view", histories(SUMMARY)["view"])
    assert [note.text for note in figure.layout.annotations] == ["loss", "AUC", "learning rate"]
    assert [(t.name, t.xaxis) for t in figure.data] == [
        ("train", "x"),
        ("validation", "x"),
        ("train", "x2"),
        ("validation", "x2"),
        ("train", "x3"),
    ]
    assert [t.showlegend for t in figure.data] == [True, True, False, False, False]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_plain_files_hold_the_same_numbers(tmp_path):
    write_task_files(tmp_path, SECTION.metrics, CURVES, SECTION.histories)
    assert rows(tmp_path / "metrics.csv") == [["metric", "value"], ["AUC per view", "0.75"]]
    curves = rows(tmp_path / "curves.csv")
    assert curves[0] == ["kind", "curve", "x", "y"] and len(curves) == 1 + 3 + 3 + 2
    assert curves[4] == ["froc", "any", "0", "0.2"]
    history = rows(tmp_path / "history.csv")
    assert history[0] == ["stage", "epoch", "loss", "val_loss", "auc", "val_auc", "learning_rate"]
    assert history[3] == ["view", "3", "0.4", "0.6", "0.7", "0.65", "0.0002"]
    assert history[4] == ["head/second", "1", "0.3", "", "", "", ""]


def test_files_of_an_earlier_run_do_not_stay(tmp_path):
    write_task_files(tmp_path, SECTION.metrics, CURVES, SECTION.histories)
    write_task_files(tmp_path, {}, (), {})
    assert list(tmp_path.iterdir()) == []


CARD = "---\ntags: [a]\n---\n\n# finder\n\n> [!CAUTION]\n> **SYNTHETIC: <b>made</b>**\n\n"
CARD += "| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_a_card_becomes_html_with_its_warning_in_red_and_no_tags_of_its_own():
    html = markdown_html(CARD)
    assert '<blockquote class="warning">' in html and "<td>2</td>" in html
    assert "tags" not in html and "CAUTION" not in html and "<b>" not in html
    assert "color: #b00020" in markdown_page(CARD)


def test_the_page_shows_card_and_charts(make, predictions):
    section = TaskSection("finder", "detection", curves=CURVES, histories=histories(SUMMARY), card=markdown_html(CARD))
    text, page = make(predictions, tasks=[TaskSection("bare", "case"), section])
    ids = [attributes.get("id") for _, attributes in page.tags]
    assert {"roc-task-1", "froc-task-1", "history-task-1-0", "history-task-1-1"} <= set(ids)
    assert "Model card" in page.text and "One false positive per image".lower() in page.text.lower()
    assert text.count("Model card") == 1


def test_a_curve_needs_as_many_x_as_y():
    from taskfusion.errors import DataError

    with pytest.raises(DataError, match="must be"):
        Curve("any", "froc", [0, 1], [0])
