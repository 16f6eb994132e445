import json
import shutil

import numpy as np
import pandas as pd
import pytest

from mammo_data import plugin
from mammo_data.readers.folder import CohortFolder, CohortFolderReader
from mammo_data.readers.synthetic import SyntheticCohort, SyntheticReader
from taskfusion.cases import SPLITS
from taskfusion.errors import DataError, SpecError
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress
from taskfusion.testing.readers import check_reader


def read(folder, **options):
    return CohortFolderReader(CohortFolder(folder, **options)).read(Progress())


def rewrite(folder, table, change):
    path = folder / f"{table}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


@pytest.fixture
def copy(whole, tmp_path):
    """A folder that a test may change."""
    return shutil.copytree(whole, tmp_path / "copy")


def test_the_kit_finds_nothing_wrong(whole):
    check_reader(CohortFolderReader, path=str(whole)).raise_for_failures()


def test_a_synthetic_cohort_comes_back_as_it_was(whole):
    drawn = SyntheticReader(SyntheticCohort(cases=16, seed=3, height=48, width=48)).read(Progress()).select(range(12))
    found = read(whole)
    assert found.ids == drawn.ids and found.views == drawn.views and found.notice == drawn.notice
    assert {name: target.labels for name, target in found.targets.items()} == {
        name: target.labels for name, target in drawn.targets.items()
    }
    for name in drawn.labels:
        np.testing.assert_array_equal(found.label(name), drawn.label(name))
    for name in ("case", "view", "labels", "boxes"):
        np.testing.assert_array_equal(getattr(found.annotations, name), getattr(drawn.annotations, name))
    assert [case.metadata for case in found.cases] == [case.metadata for case in drawn.cases]
    np.testing.assert_array_equal(found.cases[5].views["R-CC"].read(), drawn.cases[5].views["R-CC"].read())


def test_a_spec_names_it_and_options_are_checked(whole):
    registry = build_registry([plugin], entry_points=False)
    assert len(registry.create("reader", "cohort", {"path": str(whole)}).read(Progress())) == 12
    with pytest.raises(SpecError, match=r"split: found 'recordde' \(did you mean 'recorded'\?\)"):
        registry.create("reader", "cohort", {"path": "x", "split": "recordde"})


def test_fingerprints_follow_the_pixels_not_the_place(whole, copy):
    assert read(copy).fingerprint() == read(whole).fingerprint()
    path = next(copy.glob("images/*/L-CC.png"))
    path.write_bytes(path.read_bytes() + b"\0")
    assert read(copy).fingerprint() != read(whole).fingerprint()


def test_missing_views_stay_missing_and_unknown_labels_unknown(make, made, folder):
    make(made.Fake({"a": {"views": made.record("a").views[1:], "annotated": False}, "b": {"metadata": {"age": 61}}}))
    cohort = read(folder)
    assert set(cohort.cases[0].views) == {"L-MLO", "R-CC", "R-MLO"}
    assert cohort.label("lesion").tolist() == [-1, 0] and cohort.label("density").tolist() == [-1, -1]
    assert cohort.cases[0].metadata == {"age": None} and cohort.cases[1].metadata == {"age": 61}
    assert len(cohort.annotations) == 0


def test_the_split_is_the_database_s_where_it_names_one_for_every_case(make, made, folder):
    make(made.Fake({"a": {"split": "train"}, "b": {"split": "test"}}))
    assert read(folder).split.tolist() == ["train", "test"]
    assert read(folder, split="none").split is None
    assert set(read(folder, split="drawn").split) <= set(SPLITS)


def test_a_split_is_drawn_by_patient_where_the_database_names_none(whole):
    assert read(whole, seed=1).split.tolist() == read(whole, seed=1).split.tolist()
    fractions = {"train": 0.5, "validation": 0.25, "test": 0.25}
    assert set(read(whole, fractions=fractions).split) == set(SPLITS)
    with pytest.raises(DataError, match="12 of 12 cases have no known split, the first 'synthetic-3-00000' with ''"):
        read(whole, split="recorded")


def test_splits_that_leak_or_miss_cases_are_refused(make, made, folder):
    torn = {"a": {"split": "train", "group": "p"}, "b": {"split": "test", "group": "p"}}
    make(made.Fake(torn))
    with pytest.raises(DataError, match="patient 'p' is in test and train; expected every patient in one split"):
        read(folder)
    assert len(set(read(folder, split="drawn").split)) == 1
    make(made.Fake({"a": {"split": "train"}, "b": {}}), options={"other": 1})
    with pytest.raises(DataError, match="1 of 2 cases have no known split, the first 'b'"):
        read(folder)


def test_what_is_no_cohort_folder_is_refused(tmp_path, copy):
    with pytest.raises(DataError, match=r"not a cohort folder: .*nowhere: there is no such folder; make one with"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"it has no cohort\.json"):
        read(tmp_path)
    (copy / "cohort.json").write_text("{")
    with pytest.raises(DataError, match=r"cohort\.json is not readable: JSONDecodeError"):
        read(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has format 2; this mammo-data reads up to 1: update it"),
        ({"kind": "playlist"}, "says kind 'playlist'; expected 'taskfusion-mammo-cohort'"),
        ({"complete": False}, "the preparation of .* has not ended"),
    ],
)
def test_a_folder_of_another_kind_or_time_is_refused(copy, change, message):
    path = copy / "cohort.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        read(copy)


def test_damaged_tables_are_named(copy):
    rewrite(copy, "views", lambda frame: frame.drop(columns="sha256"))
    with pytest.raises(DataError, match=r"views\.parquet lacks the columns sha256"):
        read(copy)
    (copy / "views.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"table not readable: .*views\.parquet"):
        read(copy)
    (copy / "views.parquet").unlink()
    with pytest.raises(DataError, match=r"table not found: .*views\.parquet; the same"):
        read(copy)


def test_tables_that_contradict_each_other_are_refused(copy):
    rewrite(copy, "lesions", lambda frame: frame.assign(label="benign_mole"))
    with pytest.raises(DataError, match=r"lesions\.parquet: label 'benign_mole' is unknown"):
        read(copy)
    rewrite(copy, "views", lambda frame: frame.assign(case="nobody"))
    with pytest.raises(DataError, match=r"views\.parquet: case 'nobody' is not in cases\.parquet"):
        read(copy)


def test_a_missing_image_is_named_when_it_is_read(copy):
    path = copy / "images/synthetic-3-00004/L-CC.png"
    path.unlink()
    view = read(copy).cases[4].views["L-CC"]
    with pytest.raises(DataError, match=r"exam 'synthetic-3-00004': image not found: .*L-CC\.png"):
        view.read()
    with pytest.raises(DataError, match=r"exam 'synthetic-3-00004': image not found: .*L-CC\.png"):
        view.source.fingerprint()


def test_a_folder_without_cases_is_said(copy):
    rewrite(copy, "cases", lambda frame: frame.iloc[:0])
    with pytest.raises(DataError, match=r"has no case that can be used; see .*skipped\.csv"):
        read(copy)
