"""Pages of cases: what a pipeline said, with the images it saw."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import toys

import taskfusion
from taskfusion.cases import Annotations, Case, View
from taskfusion.experiment.casepages import Judged, case_pages
from taskfusion.settings import ReportConfig
from taskfusion.tasks.diagnostics import HeatMap

CONFIG = ReportConfig()


class Looking(toys.ViewToy):
    """A toy with a heat map of its first view."""

    def heat_maps(self, case):
        case.views["L"].read()
        return {"L": HeatMap(np.eye(4))}


@pytest.fixture(scope="module")
def judged():
    """The toys' answers about cases with images of 20 x 30 pixels, one unreadable; do not mutate."""
    cohort = toys.toy_cohort(60)
    tasks = {"case": toys.CaseToy(), "view": Looking(), "box": toys.DetectionToy()}
    pipeline = taskfusion.compose(tasks, fuser="max", detections=1).fit(cohort)
    part = cohort.part("test")
    cases = [attrs.evolve(case, views=_views(row)) for row, case in enumerate(part.cases)]
    boxes = Annotations(("bad",), [0], [1], [[0, 0, 15, 10]], [0])
    part = attrs.evolve(part, cases=cases, annotations=boxes)
    models = {name: task.model for name, task in pipeline.ready.items()}
    return Judged(pipeline.predict(part), part, models)


def _views(row: int) -> dict[str, View]:
    if row == 1:
        return {"L": View("L", "nowhere.png")}
    pixels = np.full((20, 30), row * 100, np.uint16)
    return {name: View(name, pixels) for name in ("extra", "R", "L")}


def test_a_page_says_what_the_result_says(judged):
    wanted = judged.cohort.ids[3]
    (page,) = case_pages([judged], [wanted], CONFIG)
    one = judged.result[wanted]
    assert (page.case, page.tasks, page.missing) == (wanted, one.tasks, one.missing)
    for target, fusers in one.contributions.items():
        for fuser, parts in fusers.items():
            assert page.contributions[target][fuser] == pytest.approx(parts)
            assert sum(parts.values()) == pytest.approx(one.fused[target][fuser], abs=1e-6)


def test_views_come_in_the_cohorts_order_with_boxes_as_shares(judged):
    (page,) = case_pages([judged], judged.cohort.ids[:1], CONFIG)
    assert [picture.view for picture in page.pictures] == ["L", "R", "extra"]
    true = [mark for mark in page.pictures[1].marks if mark.score is None]
    assert [(mark.label, mark.box) for mark in true] == [("bad", (0, 0, 0.5, 0.5))]
    assert not page.pictures[2].marks
    assert (page.pictures[0].rows, page.pictures[0].columns) == (20, 30)


def test_found_boxes_say_who_found_them_and_whether_the_fuser_looked(judged):
    pages = case_pages([judged], judged.cohort.ids, CONFIG)
    found = [mark for page in pages for picture in page.pictures for mark in picture.marks if mark.score is not None]
    assert {mark.task for mark in found} == {"box"} and {mark.used for mark in found} == {True, False}


def test_heat_maps_are_of_the_views_the_task_names(judged):
    (page,) = case_pages([judged], judged.cohort.ids[:1], CONFIG)
    assert {picture.view: list(picture.heat) for picture in page.pictures} == {"L": ["view"], "R": [], "extra": []}
    (page,) = case_pages([judged], judged.cohort.ids[:1], attrs.evolve(CONFIG, heat_maps=False))
    assert not any(picture.heat for picture in page.pictures)


def test_an_image_that_cannot_be_read_is_said(judged):
    (page,) = case_pages([judged], judged.cohort.ids[1:2], CONFIG)
    assert [(p.source, p.problem) for p in page.pictures] == [("", "image not found: nowhere.png")]
    assert page.pictures[0].heat == {}


def test_images_can_be_left_out_and_cases_without_any_have_none(judged):
    (page,) = case_pages([judged], judged.cohort.ids[:1], attrs.evolve(CONFIG, images=False))
    assert page.pictures == []
    bare = attrs.evolve(judged, cohort=attrs.evolve(judged.cohort, cases=[Case(name) for name in judged.cohort.ids]))
    assert all(page.pictures == [] for page in case_pages([bare], judged.cohort.ids, CONFIG))


def test_only_wanted_cases_are_read(judged):
    assert case_pages([judged], ["nobody"], CONFIG) == []
    pages = case_pages([judged, judged], judged.cohort.ids[2:4], CONFIG)
    assert [page.case for page in pages] == [*judged.cohort.ids[2:4]] * 2


class Asked(Looking):
    """Counts how often it is asked for a heat map."""

    asked = 0

    def heat_maps(self, case):
        type(self).asked += 1
        return super().heat_maps(case)


def test_heat_maps_are_asked_for_once_of_a_model(judged, tmp_path):
    from taskfusion.experiment.heat import HeatFolder

    looking, wanted = Asked(), judged.cohort.ids[:2]  # the second is the one that cannot be read
    looking._offset = 0.0

    def pages(fingerprint):
        Asked.asked = 0
        kept = HeatFolder(tmp_path / "heat", {"view": fingerprint})
        return case_pages([attrs.evolve(judged, models={"view": looking}, heat=kept)], wanted, CONFIG)

    first = pages("one")
    assert Asked.asked == 2 and any(picture.heat for picture in first[0].pictures)
    again = pages("one")
    assert Asked.asked == 1  # the unreadable one is tried again
    assert [picture.heat for picture in again[0].pictures] == [picture.heat for picture in first[0].pictures]
    pages("two")
    assert Asked.asked == 2
    [file] = (tmp_path / "heat").glob("*.json")
    file.write_text(file.read_text()[:-7])
    assert [p.heat for p in pages("two")[0].pictures] == [p.heat for p in first[0].pictures] and Asked.asked == 2
