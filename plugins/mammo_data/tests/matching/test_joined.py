"""What is told of the joined databases: steps, official splits and Table II, from records without films."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from mammo_data.cbis.tables import LesionRow, density_of, read_tables, split_of
from mammo_data.harmonise import MatchedFilm, WholeExam, harmonise
from mammo_data.matching.joined import Joined
from mammo_data.matching.looking import Looked, LookedAt
from mammo_data.matching.report import MOST, report_files, report_text
from mammo_data.matching.search import MatchConfig
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, ViewRecord
from mammo_data.split import ExamSummary, split_exams
from mammo_data.synthetic import VIEWS
from mammo_data.table2 import table_two

REAL = Path(__file__).parents[4].parent / "shared" / "data" / "cbis_ddsm_case_csv"


def lesion(view: str, kind: str, split: str, pathology: str = "malignant", size: int = 9) -> LesionRecord:
    return LesionRecord(view, kind, pathology, (0, 0, 9, size), {"official_split": split})


@attrs.frozen
class Patient:
    """Of the CBIS-DDSM, with the exam of the DDSM that is his."""

    name: str
    exam: str
    lesions: tuple[LesionRecord, ...]
    density: int = 1

    @property
    def splits(self) -> list[str]:
        return sorted({one.details["official_split"] for one in self.lesions})


def join(patients: list[Patient], exams: dict[str, str]) -> Joined:
    """Of exam ids with their groups; an id begins with its category."""
    films = []
    for patient in patients:
        split = "test" if "test" in patient.splits else "train"
        for view in sorted({one.view for one in patient.lesions}):
            own = tuple(one for one in patient.lesions if one.view == view)
            films.append(MatchedFilm(patient.name, view, split, patient.exam, view if patient.exam else "", own))
    whole = [WholeExam(id, group, id.split("-")[0]) for id, group in exams.items()]
    harmonised = harmonise(whole, films)
    densities = {patient.exam: patient.density for patient in patients}
    summaries = [
        ExamSummary.of(one.exam.id, one.group, densities.get(one.exam.id, k % 4), one.lesions, one.split)
        for k, one in enumerate(harmonised.exams)
    ]
    splits = split_exams(summaries)
    return Joined(
        whole=looked([ExamRecord(one.id, one.group, (), details={"category": one.category}) for one in whole]),
        curated=looked([of_patient(patient) for patient in patients]),
        films=tuple(films),
        harmonised=harmonised,
        skipped=(),
        summaries=tuple(attrs.evolve(one, split=splits[one.id]) for one in summaries),
    )


def of_patient(patient: Patient) -> ExamRecord:
    split = "test" if "test" in patient.splits else "train"
    views = tuple(ViewRecord(view, None, Path(view)) for view in VIEWS)
    known = {"official_splits": patient.splits}
    return ExamRecord(patient.name, patient.name, views, patient.lesions, split=split, metadata=known)


def looked(records: list[ExamRecord]) -> Looked:
    return Looked(len(records), tuple(LookedAt(ExamPlan(one.id, ()), one, {}, ()) for one in records), ())


def text_of(joined: Joined) -> str:
    return report_text(joined, 0, MatchConfig())


TORN = Patient("P_1", "cancer-1", (lesion("L-CC", "mass", "train"), lesion("L-CC", "calcification", "test", "benign")))


def test_a_patient_in_both_official_splits_is_in_test_with_all_lesions_and_the_report_says_what_that_changes():
    joined = join([TORN], {"cancer-1": "a", "normal-2": "b"})
    assert joined.splits["cancer-1"] == "test" and joined.torn == {"P_1": ("cancer-1",)}
    [kept] = [one for one in joined.exams if one.patients]
    assert len(kept.lesions) == 2
    text = text_of(joined)
    assert "Such patients here: 1, of whom 1 have an exam that is kept:\n\n- P_1: cancer-1\n" in text
    for cell in (
        "lesion mass, test: 0 instead of 1",
        "pathology benign, total: 1 instead of 0",
        "pathology malignant, test: 0 instead of 1",
    ):
        assert f"- {cell}\n" in text
    assert "lesion calcification, test" not in text


def test_without_such_patients_nothing_would_differ():
    text = text_of(join([Patient("P_1", "cancer-1", (lesion("L-CC", "mass", "train"),))], {"cancer-1": "a"}))
    assert "Such patients here: 0, of whom 0 have an exam that is kept." in text
    assert "instead of" not in text


def test_a_torn_patient_whose_exam_is_not_kept_counts_and_is_not_named():
    joined = join([attrs.evolve(TORN, exam="")], {"normal-1": "a"})
    assert joined.torn == {"P_1": ()}
    assert "Such patients here: 1, of whom 0 have an exam that is kept." in text_of(joined)


def test_exams_follow_the_split_of_another_exam_of_their_patient_and_are_named():
    tested = Patient("P_1", "cancer-1", (lesion("L-CC", "mass", "test"),))
    trained = Patient("P_2", "benign-2", (lesion("L-CC", "mass", "train", "benign"),))
    joined = join([tested, trained], {"cancer-1": "a", "benign-2": "a", "normal-3": "a", "normal-4": "b"})
    assert {one.exam.id: one.split for one in joined.moved} == {"benign-2": "test", "normal-3": "test"}
    assert "\n- benign-2: test\n- normal-3: test\n" in text_of(joined)
    numbers = json.loads(report_files(joined, 0, MatchConfig())["matching.json"])
    assert numbers["exams_in_the_split_of_their_group"] == {"benign-2": "test", "normal-3": "test"}
    assert "| CBIS-DDSM: test | 0 | 0 | 3 | 3 |" in text_of(joined)


def test_the_rare_reasons_are_listed_by_exam_and_the_common_one_is_counted_by_category():
    films = Patient("P_1", "normal-1", (lesion("L-CC", "mass", "train"),))
    exams = {"normal-1": "a", "benign-2": "b", "benign-3": "c", "cancer-4": "d", "normal-5": "e"}
    text = text_of(join([films], exams))
    assert "### Contradictory (1)\n\n- normal-1: is normal, but CBIS-DDSM has lesions of it under P_1" in text
    assert "status is unclear: 2 benign, 1 cancer." in text and "benign-2:" not in text


def test_long_lists_end_with_how_many_are_left():
    patients = [Patient(f"P_{k}", f"normal-{k}", (lesion("L-CC", "mass", "train"),)) for k in range(MOST + 7)]
    text = text_of(join(patients, {**{f"normal-{k}": f"g{k}" for k in range(MOST + 7)}, "normal-x": "x"}))
    assert f"### Contradictory ({MOST + 7})" in text and "- and 7 more" in text
    assert text.count("under P_") == MOST


def test_nothing_found_and_nothing_left_out_are_said():
    text = text_of(join([], {"normal-1": "a"}))
    assert "No film found its exam: are these two folders of the same exams?" in text
    assert "## Left out by rule\n\nNothing." in text


@pytest.mark.skipif(not REAL.is_dir(), reason="the CBIS-DDSM case tables are not beside the project")
def test_the_real_tables_have_31_torn_patients_and_without_their_training_lesions_the_papers_figures():
    """1566 real patients, each with an exam made up, and as many normal exams as the paper has."""
    rows, _ = read_tables(REAL)
    patients: dict[str, list[LesionRow]] = {}
    for row in rows:
        patients.setdefault(row.patient, []).append(row)
    made = [
        Patient(
            name,
            f"cancer-{name}",
            tuple(lesion(row.view, row.kind, row.split, row.status, k + 1) for k, row in enumerate(own)),
            density_of(own),
        )
        for name, own in sorted(patients.items())
    ]
    exams = {patient.exam: patient.exam for patient in made} | {f"normal-{k}": f"n{k}" for k in range(693)}
    joined = join(made, exams)
    assert len(joined.torn) == 31 and all(len(exams) == 1 for exams in joined.torn.values())
    assert {joined.splits[id] for (id,) in joined.torn.values()} == {"test"}
    whole, ours = (table_two(found) for found in (joined.without_training_lesions(), joined.summaries))
    for row in (("lesion", "mass"), ("lesion", "calcification"), ("pathology", "benign"), ("pathology", "malignant")):
        assert abs(whole.loc[row, "test"] - whole.loc[row, "paper test"]) <= 2
    assert ours.loc[("lesion", "mass"), "test"] > whole.loc[("lesion", "mass"), "test"]
    assert {split_of(own) for own in patients.values()} == {"train", "test"}
    steps = {step.name: step for step in joined.steps}
    for name in ("lesions of CBIS-DDSM, one per film that shows it", "films of CBIS-DDSM"):
        assert steps[name].count == steps[name].paper
    assert steps["lesions kept"].count == 3568
