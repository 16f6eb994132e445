"""Reader ``table``: cases, labels, targets and splits from one row per case."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from taskfusion.cohorts.table import TableCohort, TableReader, draw_split
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, SpecError, UnknownNameError
from taskfusion.images import write_png
from taskfusion.progress import Progress

STUDY = Path(__file__).parents[2] / "../shared/data/nyu_reader_study/reader_study_open.csv"
TEXT = "id,patient,m,d,age,site\n007,p1,1,2,61,x\n008,p1,,0,,\n9,p2,0,1,50,y\n"


@pytest.fixture
def read(tmp_path):
    """Write a CSV and read it as a cohort."""

    def read(text, **options):
        path = tmp_path / "study.csv"
        path.write_text(text)
        return TableReader(structure(TableCohort, {"path": str(path), **options}, "cohort")).read(Progress())

    return read


def refused(read, text, message, kind=DataError, **options):
    with pytest.raises(kind, match=re.escape(message)):
        read(text, **options)


def test_cases_labels_and_metadata(read):
    cohort = read(TEXT, case="id", group="patient", labels={"malignancy": "m", "density": "d"}, split=None, notice="n")
    assert (cohort.name, cohort.notice, cohort.ids, cohort.split) == ("study", "n", ("007", "008", "9"), None)
    assert cohort.groups.tolist() == ["p1", "p1", "p2"]
    assert cohort.label("malignancy").tolist() == [1, -1, 0] and cohort.label("density").tolist() == [2, 0, 1]
    assert [dict(case.metadata) for case in cohort.cases] == [
        {"age": 61, "site": "x"},
        {"age": None, "site": None},
        {"age": 50, "site": "y"},
    ]


def test_targets(read):
    options = {"case": "id", "labels": {"malignancy": "m", "density": "d"}, "split": None}
    assert list(read(TEXT, **options).targets) == ["malignancy"]  # four densities are no yes or no
    assert list(read(TEXT, targets=["density"], **options).targets) == ["density"]
    targets = read(TEXT, targets={"malignancy": ["mal"], "density": None}, **options).targets
    assert targets["malignancy"].labels == ("mal",) and targets["density"].labels is None
    refused(read, TEXT, "unknown label for a target 'malign'", UnknownNameError, targets="malign", **options)


def test_drawn_split_keeps_groups_and_proportions(read):
    rows = "".join(f"{p}-{side},{p},{int(p % 4 == 0)}\n" for p in range(200) for side in "LR")
    cohort = read("case,patient,m\n" + rows, group="patient", labels={"m": "m"})
    again = read("case,patient,m\n" + rows, group="patient", labels={"m": "m"}, seed=1)
    assert {name: len(cohort.rows(name)) for name in ("train", "validation", "test")} == {
        "train": 240,
        "validation": 60,
        "test": 100,
    }
    assert all(len(set(cohort.split[cohort.groups == group])) == 1 for group in cohort.groups)
    assert cohort.part("test").label("m").mean() == pytest.approx(0.25, abs=0.03)
    assert (cohort.split != again.split).any()


def test_own_fractions(read):
    cohort = read(TEXT, case="id", split={"train": 1, "test": 0})
    assert cohort.split.tolist() == ["train"] * 3
    refused(read, TEXT, "must be positive and add up to 1", case="id", split={"train": 0.5})
    message = "unknown split 'valid' (did you mean 'validation'?)"
    refused(read, TEXT, message, UnknownNameError, case="id", split={"train": 0.5, "valid": 0.5})


def test_split_column(read):
    text = "case,g,s\n1,a,train\n2,b,test\n3,a,train\n"
    cohort = read(text, group="g", split="s")
    assert cohort.split.tolist() == ["train", "test", "train"] and cohort.cases[0].metadata == {}
    wrong = text.replace("test", "val")
    refused(read, wrong, "study.csv, row 3, column 's' is 'val'; expected one of train, validation, test", split="s")


def test_group_in_two_splits(read):
    text = "case,g,s\n1,a,train\n2,b,test\n3,a,test\n"
    message = "study.csv, rows 2 and 4: group 'a' is in both train and test; expected every group in one split"
    refused(read, text, message, group="g", split="s")


def test_images(read, tmp_path):
    write_png(tmp_path / "a.png", np.zeros((2, 3), np.uint8))
    cohort = read("case,left,right\n1,a.png,\n2,none.png,a.png\n", images={"L": "left", "R": "right"}, split=None)
    assert cohort.views == ("L", "R") and [list(case.views) for case in cohort.cases] == [["L"], ["L", "R"]]
    assert cohort.cases[0].views["L"].read().shape == (2, 3)
    with pytest.raises(DataError, match=r"image not found: .*none\.png"):
        cohort.cases[1].views["L"].read()


@pytest.mark.parametrize(
    "text, options, message",
    [
        ("case,m\n1,0.5\n", {}, "row 2, column 'm' is 0.5; expected a whole number from 0, or nothing where"),
        ("case,m\n1,-2\n", {}, "row 2, column 'm' is -2; expected a whole number"),
        ("case,m\n1,yes\n", {}, "row 2, column 'm' is 'yes'; expected a number"),
        ("case,m\n1,0\n2,0\n1,0\n", {}, "rows 2 and 4 are both about case '1'"),
        ("case,m,g\n1,0,a\n2,0,\n", {"group": "g"}, "row 3, column 'g' is empty; every row needs an id"),
        ("case,n\n1,0\n", {}, "no column 'm'; known: case, n"),
        ("case,m\n1,0\n", {"split": "fold"}, "no column 'fold'; known: case, m"),
    ],
)
def test_bad_rows(read, text, options, message):
    refused(read, text, f"study.csv{', ' if message[:3] == 'row' else ': '}{message}", labels={"m": "m"}, **options)


def test_wrong_options():
    with pytest.raises(SpecError, match=r"cohort.*: missing key 'path'"):
        structure(TableCohort, {}, "cohort")
    with pytest.raises(SpecError, match=r"cohort\.split: "):
        structure(TableCohort, {"path": "x", "split": 3}, "cohort")


def test_options_survive_json():
    config = structure(TableCohort, {"path": "x.csv", "targets": {"m": ["a"], "n": None}}, "cohort")
    assert structure(TableCohort, unstructure(config), "cohort") == config


def test_split_without_truth_is_seeded():
    groups, fractions = np.arange(10).astype(str), {"train": 0.5, "test": 0.5}
    assert (draw_split(groups, None, fractions, 3) == draw_split(groups, None, fractions, 3)).all()


# The source's own figures.
STUDY_AUC = {"GMIC_top5": 0.8636, "GMIC_top1": 0.8447, "GLAM": 0.8505, "DMVCNN": 0.7972, "frcnn": 0.7172}
STUDY_AUC |= {"end2end_inbreast": 0.6800, "end2end_ddsm": 0.4717}


@pytest.mark.skipif(not STUDY.is_file(), reason="the NYU reader study is not beside this checkout")
def test_reader_study():
    options = {"case": ["case_ID", "side"], "group": "case_ID", "labels": {"malignancy": "label"}}
    cohort = TableReader(structure(TableCohort, {"path": str(STUDY), **options}, "cohort")).read(Progress())
    assert (len(cohort), len(set(cohort.groups)), cohort.label("malignancy").sum()) == (720, 360, 31)
    assert len(cohort.cases[0].metadata) == 21 and list(cohort.targets) == ["malignancy"]
    truth = cohort.label("malignancy")
    assert len({group for group, one in zip(cohort.groups, truth, strict=True) if one}) == 30
    scores = {name: [case.metadata[f"AI_{name}_POM"] for case in cohort.cases] for name in STUDY_AUC}
    assert {name: round(float(roc_auc_score(truth, found)), 4) for name, found in scores.items()} == STUDY_AUC
    splits = [set(cohort.part(name).groups) for name in ("train", "validation", "test")]
    assert sum(map(len, splits)) == 360
