"""Pictures: every view with its boxes at their place, true and detected told apart, and what is missing said."""

from __future__ import annotations

import re

import attrs
import numpy as np
import pytest

from taskfusion.cases import Annotations, Case, Cohort, Target
from taskfusion.errors import DataError
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.report.views import PictureOptions, Seen, class_colors, hung, view_pictures
from taskfusion.tasks.diagnostics import HeatMap

VIEWS = ("L-CC", "R-CC")


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 60000, (80, 50)).astype(np.uint16)


@pytest.fixture
def cohort(tmp_path):
    """Case a has both views and a box on the left; of case b the left view cannot be read and the right is missing."""
    cases = [
        Case.of("a <1>", {"L-CC": image(), "R-CC": image(1)}),
        Case.of("b", {"L-CC": tmp_path / "none.png"}),
    ]
    drawn = Annotations(("bad_mass",), [0], [0], [[10, 20, 30, 40]], [0])
    return Cohort("some", cases, VIEWS, {"ill": np.array([1, -1])}, {"ill": Target("ill")}, None, drawn)


@pytest.fixture
def seen(cohort):
    """A detector, a task per view and one per case; a heat map of the left view."""
    scores = np.array([0.9, 0.6, 0.5, 0.01])
    boxes = np.tile(np.array([[11.0, 21, 31, 41]]), (4, 1))
    found = Detections([0, 4, 4, 4, 4], boxes, [0, 1, 0, 1], scores)
    spec = TaskSpec(Level.DETECTION, ("bad_mass", "scar"), VIEWS)
    there = np.array([[True, True], [False, False]])
    ids = cohort.ids
    outputs = {
        "finder": TaskOutput(spec, ids, there, detections=found),
        "side": TaskOutput(TaskSpec(Level.VIEW, ("ill",), VIEWS), ids, there, np.where(there, 0.7, np.nan)[..., None]),
        "whole": TaskOutput(TaskSpec(Level.CASE, ("dense",)), ids, [True, False], [[0.25], [np.nan]]),
    }
    heat = {"a <1>": {"side": {"L-CC": HeatMap(np.eye(4))}}}
    return Seen(outputs, {("P", "ill"): np.array([0.81, 0.4])}, heat, "SYNTHETIC: not real")


def test_boxes_stand_where_they_are_with_class_and_score(cohort, seen):
    page = view_pictures(cohort, seen)
    assert '<svg viewBox="0 0 50 80"' in page
    assert re.findall(r'<g class="(\w+)"><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', page) == [
        ("true", "10.0", "20.0", "20.0", "20.0"),
        *[("found", "11.0", "21.0", "20.0", "20.0")] * 3,
    ]
    assert re.findall(r">([^<>]+)</text>", page) == [
        "true: bad mass",
        "bad mass 0.90",
        "scar 0.60",
        "bad mass 0.50",
    ]


def test_the_best_boxes_are_drawn_and_no_others(cohort, seen):
    few = view_pictures(cohort, seen, PictureOptions(boxes=1))
    strict = view_pictures(cohort, seen, PictureOptions(least=0.55))
    all_of_them = view_pictures(cohort, seen, PictureOptions(boxes=9, least=0))
    assert [page.count('<g class="found"') for page in (few, strict, all_of_them)] == [1, 2, 4]


def test_it_says_what_is_known_and_what_was_said(cohort, seen):
    page = view_pictures(cohort, seen)
    for text in ("ill: yes", "ill: unknown", "ill 0.81 (P)", "whole: dense 0.25", "whole: no answer", "side: ill 0.70"):
        assert text in page
    assert "SYNTHETIC: not real" in page and "some: 2 cases" in page


def test_what_cannot_be_shown_is_said(cohort, seen):
    page = view_pictures(cohort, seen)
    assert re.search(r'<div class="none">image not found: \S+none\.png</div>', page)
    assert '<div class="none">no such view</div>' in page


def test_a_heat_map_lies_over_its_view_alone(cohort, seen):
    page = view_pictures(cohort, seen)
    assert page.count('<image class="heat"') == 1 and page.count("<image ") == 3
    before = page[: page.index('<image class="heat"')]
    assert before.rindex("L-CC") > before.rfind("R-CC") and 'width="50" height="80"' in before[-200:]


def test_the_page_needs_nothing_else_and_names_are_no_markup(cohort, seen):
    page = view_pictures(cohort, seen)
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "a &lt;1&gt;" in page and "a <1>" not in page
    assert all(link.startswith("data:image/") for link in re.findall(r'href="([^"]+)"', page))


def test_right_stands_left_and_other_views_keep_their_order():
    assert hung(("L-CC", "L-MLO", "R-CC", "R-MLO")) == ["R-CC", "L-CC", "R-MLO", "L-MLO"]
    assert hung(("axial", "L-CC", "coronal")) == ["axial", "L-CC", "coronal"]


def test_classes_have_a_colour_each_and_none_is_black(cohort, seen):
    colors = class_colors(cohort, seen.outputs)
    assert list(colors) == ["bad_mass", "scar"] and len(set(colors.values())) == 2
    many = TaskOutput(TaskSpec(Level.DETECTION, [f"c{k}" for k in range(7)], VIEWS), (), np.zeros((0, 2), bool))
    assert "#000000" not in class_colors(attrs.evolve(cohort, annotations=None), {"x": many}).values()


def test_mistakes_are_told(cohort, seen):
    with pytest.raises(DataError, match="no cases to draw"):
        view_pictures(cohort.select([]), seen)
    with pytest.raises(DataError, match="task 'finder' answered about other cases than those to draw"):
        view_pictures(cohort.select([1, 0]), seen)
