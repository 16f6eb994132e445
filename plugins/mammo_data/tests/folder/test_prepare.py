import csv
import json
import os

import cv2
import numpy as np
import pandas as pd
import pytest
from attrs import evolve

from mammo_data.folder import prepare as prepare_module
from mammo_data.folder.exam import read_exam
from mammo_data.folder.layout import claimed
from mammo_data.records import ExamPlan, ExamRecord, Skipped, ViewRecord
from mammo_data.synthetic import VIEWS, generate_exam
from mammo_data.synthetic.source import SyntheticExams
from taskfusion.errors import DataError
from taskfusion.images import write_png


def test_pixels_and_tables_hold_what_the_source_said(make, made, folder):
    source = SyntheticExams(6, 4, made.TINY)
    outcome = make(source)
    exam = generate_exam(4, 2, made.TINY)
    stored = cv2.imread(str(folder / "images/synthetic-4-00002/R-MLO.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, exam.images["R-MLO"])
    lesions = pd.read_parquet(folder / "lesions.parquet").query("case == 'synthetic-4-00002'")
    assert sorted(lesions["label"]) == sorted(lesion.label for lesion in exam.lesions)
    cases = pd.read_parquet(folder / "cases.parquet").set_index("case")
    assert cases.loc["synthetic-4-00002", "density"] == exam.density
    assert outcome.summary.steps["in the cohort"] == 6
    assert len(pd.read_parquet(folder / "views.parquet")) == 24


def test_what_cannot_be_used_is_skipped_with_file_reason_and_count_and_the_rest_goes_on(make, made, folder):
    skipped = Skipped("b/R-CC.png", "it ends after 100 of 240 bytes", "truncated")
    source = made.Fake(
        {"a": {}, "b": {}, "c": None, "d": ValueError("what a pity"), "e": DataError("no such patient"), "f": {}},
        listed=(Skipped("row 7", "it names no file", "bad row"),),
        skipped={"b": (skipped,), "c": (Skipped("c", "no view is left"),)},
    )
    outcome = make(source)
    rows = list(csv.DictReader((folder / "skipped.csv").read_text().splitlines()))
    assert [(row["exam"], row["what"], row["kind"]) for row in rows] == [
        ("", "row 7", "bad row"),
        ("b", "b/R-CC.png", "truncated"),
        ("c", "c", "unusable"),
        ("d", "d", "reader failed"),
        ("e", "e", "unusable"),
    ]
    assert rows[3]["reason"] == "the reader failed: ValueError: what a pity"
    assert outcome.summary.skipped == {"bad row": 1, "reader failed": 1, "truncated": 1, "unusable": 2}
    assert list(pd.read_parquet(folder / "cases.parquet")["case"]) == ["a", "b", "f"]
    assert outcome.summary.steps["left out as a whole"] == 3
    assert outcome.summary.steps["of these, with something left out"] == 1
    report = (folder / "report.md").read_text()
    assert (
        "| found in the source | 6 |" in report
        and "| truncated | 1 | b/R-CC.png: it ends after" in report
        and "made up" in report
    )


def test_the_report_counts_splits_labels_and_lesions(make, made, folder):
    make(
        made.Fake(
            {
                "a": {"split": "train", "lesions": (made.mass(),), "density": 2},
                "b": {"split": "test"},
                "c": {"annotated": False},
            }
        )
    )
    report = (folder / "report.md").read_text()
    for line in (
        "| train | 1 | 1 | 1 |",
        "| test | 1 | 0 | 0 |",
        "| malignant_mass | 1 |",
        "| c | 1 |",
        "| unknown | 1 |",
    ):
        assert line in report, line


def test_strict_stops_at_the_first_thing_skipped_and_goes_on_later(make, made, folder):
    source = made.Fake({"a": {}, "b": None, "c": {}}, skipped={"b": (Skipped("b.png", "it is empty"),)})
    with pytest.raises(DataError, match=r"b\.png: it is empty \(--strict stops here\)"):
        make(source, strict=True)
    assert not json.loads((folder / "cohort.json").read_text())["complete"]
    make(source)
    with pytest.raises(DataError, match=r"b\.png: it is empty"):
        make(source, strict=True)
    listed = made.Fake({"a": {}}, listed=(Skipped("x", "it is odd"),))
    with pytest.raises(DataError, match=r"x: it is odd \(--strict"):
        make(listed, strict=True, output=folder.parent / "other")
    assert not (folder.parent / "other").exists()


def test_finished_exams_are_not_read_again(make, made, folder):
    source = made.Fake({"a": {}, "b": None}, skipped={"b": (Skipped("b", "no"),)})
    make(source)
    before = made.tree(folder)
    assert make(source).kept == 2
    assert source.reads == ["a", "b"]
    assert made.tree(folder) == before
    make(source, again=True)
    assert source.reads == ["a", "b", "b"]


def test_an_exam_is_read_again_when_its_files_its_plan_or_the_options_change(make, made, tmp_path):
    raw = tmp_path / "raw.dat"
    raw.write_bytes(b"one")
    source = made.Fake({"a": {}, "b": {}}, files={"a": (raw,)})
    make(source)
    raw.write_bytes(b"other")
    make(source)
    assert source.reads == ["a", "b", "a"]
    raw.unlink()
    make(source)
    make(source, options={"rotate": True})
    assert source.reads == ["a", "b", "a", "a", "a", "b"]
    moved = evolve(source, exams={"new": {}, "a": {}, "b": {}}, reads=[])  # a and b have other payloads now
    make(moved, options={"rotate": True})
    assert moved.reads == ["new", "a", "b"]


@pytest.mark.parametrize("harm", ["image gone", "image cut", "record gone", "record cut"])
def test_a_damaged_exam_is_made_again(make, made, folder, harm):
    source = made.Fake({"a": {}, "b": {}})
    make(source)
    before = made.tree(folder)
    what, how = harm.split()
    path = folder / "images/a" / ("L-CC.png" if what == "image" else "exam.json")
    path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:40])
    make(source)
    assert source.reads == ["a", "b", "a"]
    assert made.tree(folder) == before


def test_processes_make_the_same_bytes_as_one(make, made, tmp_path):
    source = SyntheticExams(8, 1, made.TINY)
    make(source, output=tmp_path / "one")
    make(source, output=tmp_path / "two", jobs=2)
    assert made.tree(tmp_path / "one") == made.tree(tmp_path / "two")


def test_only_the_first_exams_are_prepared_and_the_report_says_so(make, made, folder):
    source = made.Fake({"a": {}, "b": {}, "c": {}})
    make(source, limit=2)
    assert source.reads == ["a", "b"]
    assert "(only the first 2 exams)" in (folder / "report.md").read_text()


def test_exams_of_an_earlier_call_stay_until_they_are_pruned(make, made, folder):
    make(made.Fake({"a": {}, "b": {}}))
    outcome = make(made.Fake({"a": {}}))
    assert outcome.stale == 1 and (folder / "images/b").is_dir()
    outcome = make(made.Fake({"a": {}}), prune=True)
    assert outcome.stale == 0 and not (folder / "images/b").exists()


def test_a_smaller_exam_leaves_no_image_of_a_larger_one(make, made, folder):
    make(made.Fake({"a": {}}))
    fewer = made.record("a").views[:2]
    make(made.Fake({"a": {"views": fewer}}), options={"views": "cc"})
    assert sorted(path.name for path in (folder / "images/a").iterdir()) == ["L-CC.png", "L-MLO.png", "exam.json"]


def test_a_folder_that_holds_something_else_is_refused_and_untouched(make, made, folder):
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"cohort holds something else \(thesis\.tex\); expected a new folder"):
        make(made.Fake({"a": {}}))
    assert made.tree(folder) == {"thesis.tex": b"years of work"}
    (folder / "thesis.tex").unlink()
    (folder / ".cohort.json.77.part").write_text("{")  # what a kill at the very beginning leaves
    make(made.Fake({"a": {}}))
    assert not list(folder.rglob("*.part"))
    with pytest.raises(DataError, match="is a file; expected a new folder"):
        make(made.Fake({"a": {}}), output=folder / "report.md")


def test_two_preparations_of_one_folder_are_refused(make, made, folder):
    with claimed(folder), pytest.raises(DataError, match="is being prepared by another process"):
        make(made.Fake({"a": {}}))


def test_nothing_outside_the_folder_is_written(make, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(made.Fake({"a": {}, "../b": {}, "/c": {}, ".d": {}}))
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"]
    assert len(list((tmp_path / "cohort/images").iterdir())) == 1


def test_ids_that_are_twice_or_name_no_folder_are_skipped(make, made, folder):
    source = made.Fake({"a": {}, "x/y": {}, "l" * 201: {}})
    twice = evolve(source, listed=(ExamPlan("a", (), "another"),))
    outcome = make(twice)
    assert outcome.summary.skipped == {"bad id": 2, "duplicate id": 1}
    text = (folder / "skipped.csv").read_text()
    assert "another exam has this id" in text and "exam id 'x/y' cannot name a folder" in text


def test_a_source_without_exams_is_an_error_that_says_why(make, made, folder):
    with pytest.raises(DataError, match=r"no exam found in fake; 1 things were skipped, the first: x: it is odd"):
        make(made.Fake({}, listed=(Skipped("x", "it is odd"),)))
    with pytest.raises(DataError, match=r"no exam found in fake$"):
        make(made.Fake({}))
    assert not folder.exists()


def test_exams_of_which_none_can_be_used_are_an_error_and_no_cohort(make, made, folder):
    source = made.Fake({"a": None, "b": None}, skipped={"a": (Skipped("a.png", "it is empty"),)})
    with pytest.raises(
        DataError, match=r"no exam can be used; the first thing skipped: a\.png: it is empty; all: .*csv"
    ):
        make(source)
    assert len((folder / "skipped.csv").read_text().splitlines()) == 3
    assert not json.loads((folder / "cohort.json").read_text())["complete"]


def test_a_bad_source_leaves_a_good_cohort_as_it_was(make, made, folder):
    make(made.Fake({"a": {}}))
    before = made.tree(folder)
    with pytest.raises(DataError, match="no exam found"):
        make(made.Fake({}))
    assert made.tree(folder) == before


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"id": "other"}, "the plan of exam 'a' gave exam 'other'; expected the same id"),
        ({"views": (ViewRecord("L-CC", np.zeros((4, 4)), "x"),)}, "view 'L-CC' has pixels of float64 and shape (4, 4)"),
        ({"views": (ViewRecord("L-CC", np.zeros((0, 4), np.uint16), "x"),)}, "shape (0, 4); expected uint16"),
    ],
)
def test_records_that_keep_no_contract_are_skipped(make, made, folder, monkeypatch, told, reason):
    made_record = ExamRecord(**{"id": "a", "group": "g", "views": (), **told})
    source = made.Fake({"a": {}, "b": {}})
    monkeypatch.setattr(
        type(source), "read", lambda self, plan: (made_record if plan.id == "a" else made.record("b"), ())
    )
    make(source)
    assert reason in read_exam(folder, "a").skipped[0].reason


def test_a_reader_that_says_nothing_is_said(make, made, folder):
    make(made.Fake({"a": None, "b": {}}))
    assert "neither an exam nor a reason" in (folder / "skipped.csv").read_text()


def test_images_stay_where_they_are_when_the_file_alone_gives_the_pixels(make, made, folder, tmp_path):
    same, other = tmp_path / "raw/same.png", tmp_path / "raw/other.png"
    pixels = made.pixels(1)
    write_png(same, pixels)
    write_png(other, pixels[:, ::-1].copy())
    views = (ViewRecord("L-CC", pixels, same), ViewRecord("R-CC", pixels, other), ViewRecord("L-MLO", None, other))
    outcome = make(made.Fake({"a": {"views": views}}), in_place=True)
    table = pd.read_parquet(folder / "views.parquet").set_index("view")
    assert table["stored"].to_dict() == {"L-CC": False, "R-CC": True, "L-MLO": False}
    assert table.loc["L-CC", "path"] == str(same) and table.loc["R-CC", "path"] == "images/a/R-CC.png"
    assert outcome.summary.views["left where they are"] == 2


def test_what_was_left_in_place_must_be_readable(make, made, folder, tmp_path):
    colours = tmp_path / "colours.png"
    cv2.imwrite(str(colours), np.zeros((4, 4, 3), np.uint8))
    np.save(tmp_path / "large.npy", np.full((3, 3), 70000))
    exams = {
        name: {"views": (ViewRecord("L-CC", None, tmp_path / name),)}
        for name in ("colours.png", "large.npy", "gone.png")
    }
    make(made.Fake({**exams, "good": {}}))
    text = (folder / "skipped.csv").read_text()
    assert "holds uint8 of shape (4, 4, 3); expected grey values (height, width)" in text
    assert "holds grey values 70000..70000; expected 0..65535" in text
    assert "image not found" in text


def test_a_disk_that_cannot_be_written_stops_with_its_error(make, made, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mammo_data.folder.exam.write_png", full)
    with pytest.raises(OSError, match="No space left"):
        make(made.Fake({"a": {}}))


def test_a_worker_whose_leader_is_gone_writes_nothing(monkeypatch, made, folder):
    def stop(code):
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", stop)
    work = prepare_module.Work({}, False, leader=1 if os.getppid() != 1 else 2)
    with pytest.raises(SystemExit):
        prepare_module.process_exam(made.Fake({"a": {}}), ExamPlan("a", ()), folder, work)
    assert not folder.exists()


def test_an_exam_that_goes_before_the_end_is_said(make, made, folder, monkeypatch):
    make(made.Fake({"a": {}}))
    monkeypatch.setattr(prepare_module, "is_finished", lambda *_: True)
    with pytest.raises(DataError, match="exam 'b' has gone from"):
        make(made.Fake({"a": {}, "b": {}}))


def test_views_have_the_order_of_the_record_and_four_make_a_whole_exam(make, made):
    outcome = make(made.Fake({"a": {}, "b": {"views": made.record("b").views[:3]}}))
    assert outcome.summary.steps["of these, with all four views"] == 1
    assert [outcome.summary.views[name] for name in VIEWS] == [2, 2, 2, 1]


def test_a_worker_that_is_killed_is_one_clear_error(make, made):
    class Deadly(made.Fake):  # of a function, so that it travels to other processes as it is
        def read(self, plan):
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(
        DataError, match="a process that reads exams was killed, for want of memory perhaps: fewer --jobs"
    ):
        make(Deadly({"a": {}, "b": {}}), jobs=2)


def test_a_folder_made_from_another_source_keeps_its_cohort(make, made, folder, tmp_path):
    make(made.Fake({"a": {}}))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = made.Fake({"b": {}})
    other.name = "other"
    with pytest.raises(DataError, match=r"holds a cohort made from 'fake', not 'other'; choose another folder"):
        make(other)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
