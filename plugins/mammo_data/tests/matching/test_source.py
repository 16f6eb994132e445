"""Both databases from files to joined exams: a CBIS-DDSM archive on the disk, whole exams from memory."""

from __future__ import annotations

import pickle
from pathlib import Path

import attrs
import numpy as np
import pytest
from cbis_archive import Patient, write_archive
from film_pairs import Treatment

from mammo_data.matching.looking import look_at
from mammo_data.matching.report import report_text
from mammo_data.matching.search import MatchConfig
from mammo_data.matching.source import MatchedSource
from mammo_data.records import ExamPlan, ExamRecord, ViewRecord
from mammo_data.survey import Desk
from mammo_data.synthetic import VIEWS, SyntheticConfig, SyntheticExam, generate_exam

CONFIG = SyntheticConfig(height=144, width=112, pathology=(0, 1, 1))
NORMAL = SyntheticConfig(height=144, width=112, pathology=(1, 0, 0))
CATEGORIES = ("normal", "benign", "cancer")
SEED = 11


def category_id(exam: SyntheticExam) -> str:
    return f"{CATEGORIES[exam.pathology]}-{exam.facts.index:02d}"


@attrs.frozen
class Whole:
    """A DDSM in memory: exam id to category and exam."""

    exams: dict[str, tuple[str, SyntheticExam]]
    name = "whole"
    notice = "drawn"

    def plans(self):
        yield from (ExamPlan(id, (), id) for id in self.exams)

    def read(self, plan):
        category, exam = self.exams[plan.payload]
        views = [ViewRecord(view, exam.images[view], Path(f"{plan.id}/{view}")) for view in VIEWS]
        return ExamRecord(plan.id, plan.id, tuple(views), (), exam.density, details={"category": category}), ()


def treated(exam: SyntheticExam, rng: np.random.Generator) -> SyntheticExam:
    """As another scanner sees it, with its boxes."""
    ways = {view: attrs.evolve(Treatment.draw(rng), cut=(0.0, 0.02, 0.03, 0.01)) for view in VIEWS}
    images = {view: way.film(exam.images[view], rng) for view, way in ways.items()}
    lesions = tuple(
        attrs.evolve(one, box=tuple(ways[one.view].box(one.box, exam.images[one.view].shape))) for one in exam.lesions
    )
    return SyntheticExam(attrs.evolve(exam.facts, lesions=lesions), images)


@pytest.fixture(scope="module")
def exams():
    """Do not mutate: eight with lesions, four normal."""
    return [generate_exam(SEED, k, CONFIG) for k in range(8)] + [generate_exam(SEED, k, NORMAL) for k in range(8, 12)]


@pytest.fixture(scope="module")
def source(tmp_path_factory, exams):
    """Do not mutate: exam 0 is not in CBIS, exam 1 not in the DDSM, exam 2 twice there, exam 3 in two categories."""
    rng = np.random.default_rng(SEED)
    whole = {category_id(exam): (CATEGORIES[exam.pathology], exam) for exam in exams if exam is not exams[1]}
    whole["again-02"] = (CATEGORIES[exams[2].pathology], exams[2])
    whole["other-03"] = ("benign_without_callback", exams[3])
    root = tmp_path_factory.mktemp("cbis")
    split = ("train", "train", "test")
    write_archive(
        root, [Patient(f"P_{k:05d}", split[k % 3], treated(exams[k], rng)) for k in range(8) if exams[k].lesions and k]
    )
    return MatchedSource(Whole(whole), root)


@pytest.fixture(scope="module")
def joined(source):
    """Do not mutate."""
    return source.join(Desk(jobs=1))


def test_the_right_exams_stay_and_each_other_has_its_reason(joined, exams):
    kept = {exam.exam.id for exam in joined.exams}
    assert kept == {category_id(exams[k]) for k in (2, 4, 5, 6, 7, 8, 9, 10, 11)}
    kinds = {one.what: one.kind for one in joined.harmonised.excluded}
    films = {f"P_00001 {lesion.view}": "film without exam" for lesion in exams[1].lesions}
    assert kinds == {
        **films,
        category_id(exams[0]): "not in CBIS-DDSM",
        "again-02": "duplicate",
        category_id(exams[3]): "contradictory",
        "other-03": "contradictory",
    }
    assert joined.skipped == ()


def test_lesions_lie_where_they_were(source, exams):
    for plan in source.survey(Desk(jobs=1)).plans:
        record, skipped = source.read(pickle.loads(pickle.dumps(plan)))
        exam = next(one for one in exams if category_id(one) == record.id)
        assert skipped == () and record.annotated
        assert record.density == exam.density
        found, true = (sorted(one, key=lambda x: (x.view, x.label, x.box)) for one in (record.lesions, exam.lesions))
        assert [(one.view, one.label) for one in found] == [(one.view, one.label) for one in true]
        for a, b in zip(found, true, strict=True):
            np.testing.assert_allclose(a.box, b.box, atol=4)
        for view in record.views:
            np.testing.assert_array_equal(view.pixels, exam.images[view.name])


def test_the_official_test_set_stays_whole(joined):
    for exam in joined.exams:
        if exam.split == "test":
            assert joined.splits[exam.exam.id] == "test"
        if exam.split == "train":
            assert joined.splits[exam.exam.id] in ("train", "validation")
    assert set(joined.splits) == {exam.exam.id for exam in joined.exams}


def test_the_report_has_every_step_and_table_two_beside_the_paper(joined):
    text = report_text(joined, 0, MatchConfig())
    assert "| exams of the DDSM that can be read | 13 | 2,590 |" in text
    assert "| exams kept | 9 | 2,254 |" in text
    assert "| exams | all |" in text and "9 (2254) |" in text


def test_views_without_a_breast_and_exams_without_a_category_are_skipped(exams):
    blank = SyntheticExam(exams[8].facts, {**exams[8].images, "L-CC": np.zeros((144, 112), np.uint16)})
    whole = Whole({"a": ("normal", blank), "b": ("", exams[9])})
    looked = look_at(whole, ExamPlan("a", (), "a"))
    assert set(looked.prints) == set(VIEWS[1:])
    assert [(one.what, one.kind) for one in looked.skipped] == [("a/L-CC", "no breast")]
    joined = MatchedSource(whole, Whole({"c": ("", exams[10])})).join(Desk(jobs=1))
    assert [(exam, one.kind) for exam, one in joined.skipped] == [("a", "no breast"), ("b", "no category")]
    assert [one.reason for _, one in joined.skipped if one.kind == "no category"] == [
        "its category is ''; expected normal, benign, benign_without_callback, cancer, by its folder"
    ]
    assert {one.what: one.kind for one in joined.harmonised.excluded}["a"] == "incomplete"


def test_sources_that_leave_their_pixels_on_the_disk_cannot_be_matched():
    class Bare(Whole):
        def read(self, plan):
            record, _ = super().read(plan)
            return attrs.evolve(record, views=tuple(attrs.evolve(one, pixels=None) for one in record.views)), ()

    seen = look_at(Bare({"a": ("normal", generate_exam(0, 0, NORMAL))}), ExamPlan("a", (), "a"))
    assert seen.record is None
    assert [one.reason for one in seen.skipped] == ["a/L-CC: matching needs the pixels of view L-CC of a"]
