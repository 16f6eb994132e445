"""II-A.2 as rules: who stays, who goes, for what reason, how many."""

from __future__ import annotations

import attrs
import pytest

from mammo_data.harmonise import Links, MatchedFilm, WholeExam, harmonise
from mammo_data.records import LesionRecord
from taskfusion.errors import DataError

LESION = LesionRecord("L-CC", "mass", "malignant", (1, 2, 30, 40))
FILM = MatchedFilm("P_00001", "L-CC", "train", "cancer-1", "L-CC", (LESION,))


def exam(id: str, group: str = "", **options) -> WholeExam:
    return WholeExam(id, group or id, id.split("-")[0], **options)


def fates(exams, films):
    made = harmonise(exams, films)
    return [one.exam.id for one in made.exams], {one.what: one.kind for one in made.excluded}


def test_an_exam_gets_its_films_lesions_and_official_split():
    made = harmonise([exam("cancer-1"), exam("normal-2")], [FILM])
    joined, normal = made.exams
    assert (joined.exam.id, joined.lesions, joined.split) == ("cancer-1", (LESION,), "train")
    assert joined.patients == ("P_00001",)
    assert (normal.lesions, normal.split, normal.patients) == ((), "", ())
    assert made.excluded == ()


@pytest.mark.parametrize("category", ["benign", "benign_without_callback", "cancer"])
def test_abnormal_exams_without_a_film_go_and_normal_ones_stay(category):
    made = harmonise([exam(f"{category}-1"), exam("normal-1")], [])
    assert [one.exam.id for one in made.exams] == ["normal-1"]
    [gone] = made.excluded
    assert (gone.what, gone.kind) == (f"{category}-1", "not in CBIS-DDSM")
    assert gone.reason == f"is {category}, but CBIS-DDSM has no film of it: its lesions' status is unclear"


def test_films_without_an_exam_are_listed_with_their_reason():
    film = MatchedFilm("P_00002", "R-MLO", "test", reason="no film is like it")
    made = harmonise([exam("normal-1")], [film])
    [gone] = made.excluded
    assert (gone.what, gone.reason, gone.kind) == ("P_00002 R-MLO", "no film is like it", "film without exam")


def test_incomplete_exams_go():
    made = harmonise([exam("cancer-1", views=("L-CC", "R-CC"))], [FILM])
    assert [(one.kind, one.reason) for one in made.excluded] == [
        ("incomplete", "lacks L-MLO, R-MLO; expected all four views")
    ]


def test_contradictions_go():
    kept, gone = fates([exam("normal-1")], [attrs.evolve(FILM, exam="normal-1")])
    assert (kept, gone) == ([], {"normal-1": "contradictory"})
    made = harmonise([exam("cancer-1")], [attrs.evolve(FILM, exam_view="R-CC")])
    assert made.excluded[0].reason == "its R-CC is the L-CC of P_00001 in CBIS-DDSM"
    made = harmonise([exam("normal-1")], [attrs.evolve(FILM, exam="normal-1")])
    assert made.excluded[0].reason == "is normal, but CBIS-DDSM has lesions of it under P_00001"


def test_of_the_same_films_in_one_category_the_first_exam_stays():
    exams = [exam("cancer-1"), exam("cancer-2"), exam("cancer-3")]
    made = harmonise(exams, [attrs.evolve(FILM, also=("cancer-3",)), attrs.evolve(FILM, exam="cancer-2")])
    assert [one.exam.id for one in made.exams] == ["cancer-1", "cancer-2"]
    assert [(one.what, one.kind, one.reason) for one in made.excluded] == [
        ("cancer-3", "duplicate", "holds the same film as cancer-1; cancer-1 is kept")
    ]


def test_the_same_films_in_two_categories_all_go():
    made = harmonise([exam("cancer-1"), exam("benign-2")], [attrs.evolve(FILM, also=("benign-2",))])
    assert made.exams == ()
    assert {one.reason for one in made.excluded} == {
        "holds the same film as benign-2, as benign and cancer",
        "holds the same film as cancer-1, as benign and cancer",
    }


def test_the_film_of_a_copy_counts_for_the_exam_that_stays():
    """A film may be found in the copy rather than in the first."""
    exams = [exam("cancer-1"), exam("cancer-2")]
    made = harmonise(exams, [attrs.evolve(FILM, exam="cancer-2", also=("cancer-1",))])
    assert [one.exam.id for one in made.exams] == ["cancer-2"]
    assert made.exams[0].lesions == (LESION,)


def test_an_exam_whose_lesions_are_partly_in_a_copy_that_goes_is_not_half_kept():
    other = attrs.evolve(FILM, view="L-MLO", exam="cancer-2", exam_view="L-MLO", also=("cancer-1",))
    made = harmonise([exam("cancer-1"), exam("cancer-2")], [FILM, other])
    assert made.exams == ()
    assert [(one.what, one.kind) for one in made.excluded] == [
        ("cancer-1", "lesions missing"),
        ("cancer-2", "duplicate"),
    ]
    assert made.excluded[0].reason.endswith("L-MLO: it was found in cancer-2, a copy that is not kept")


def test_exams_of_a_patient_with_a_lost_film_or_lesion_go():
    lost = MatchedFilm("P_00001", "L-MLO", "train", reason="no film is like it")
    made = harmonise([exam("cancer-1")], [FILM, lost])
    assert made.exams == ()
    assert made.excluded[1].kind == "lesions missing"
    assert made.excluded[1].reason == "not all lesions of P_00001 are placed: L-MLO: no film is like it"
    kept, _ = fates([exam("cancer-1")], [attrs.evolve(FILM, reason="a lesion could not be read")])
    assert kept == []


def test_exams_that_share_a_patient_share_group_and_split():
    exams = [exam("cancer-1", "A"), exam("normal-2", "A"), exam("benign-3", "B"), exam("normal-4", "C")]
    films = [
        FILM,
        attrs.evolve(FILM, view="R-CC", exam="benign-3", exam_view="R-CC", lesions=()),
        MatchedFilm("P_00009", "L-CC", "test", "benign-3", "L-CC"),
    ]
    made = {one.exam.id: one for one in harmonise(exams, films).exams}
    assert made["cancer-1"].group == made["normal-2"].group == made["benign-3"].group != made["normal-4"].group
    assert {made[id].split for id in ("cancer-1", "normal-2", "benign-3")} == {"test"}
    assert made["normal-4"].split == ""


def test_a_film_that_is_in_the_archive_twice_gives_its_lesions_once():
    twice = attrs.evolve(FILM, patient="P_00002")
    made = harmonise([exam("cancer-1")], [FILM, twice])
    assert made.exams[0].lesions == (LESION,)
    assert made.exams[0].patients == ("P_00001", "P_00002")


def test_every_exam_is_kept_or_excluded_once_and_the_steps_count_them():
    exams = [exam("cancer-1"), exam("benign-2"), exam("normal-3", views=("L-CC",)), exam("normal-4")]
    made = harmonise(exams, [FILM, MatchedFilm("P_5", "L-CC", "train", reason="none")])
    assert {step.name: (step.count, step.paper) for step in made.steps} == {
        "exams of the DDSM that can be read": (4, 2590),
        "films of CBIS-DDSM": (2, 3032),
        "films that found their exam": (1, None),
        "exams with films of CBIS-DDSM": (1, None),
        "abnormal exams that CBIS-DDSM lacks": (1, 329),
        "incomplete or contradictory exams": (1, 7),
        "duplicate exams": (0, None),
        "exams whose lesions are not all placed": (0, None),
        "exams kept": (2, 2254),
    }
    assert [one.exam.id for one in made.exams] == ["cancer-1", "normal-4"]


def test_impossible_input_is_refused():
    with pytest.raises(DataError, match="two exams have the same id"):
        harmonise([exam("normal-1"), exam("normal-1")], [])
    with pytest.raises(DataError, match="film L-CC of P_00001 lies in exam 'cancer-1', which is not there"):
        harmonise([exam("normal-1")], [FILM])


def test_links_do_not_depend_on_the_order():
    pairs = [("b", "c"), ("d", "e"), ("c", "d"), ("x", "y")]
    for order in (pairs, pairs[::-1]):
        links = Links()
        for pair in order:
            links.join(*pair)
        assert {links.first(name) for name in "bcde"} == {"b"}
        assert links.sets("ybcdex") == [["y", "x"], ["b", "c", "d", "e"]]
        assert links.first("z") == "z"
