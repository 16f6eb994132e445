"""The four tables: the real ones where they lie beside the project, and made ones everywhere."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from ddsm.real import DATA, needs
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_data.cbis import tables
from mammo_data.cbis.dicom import find_files
from mammo_data.cbis.tables import (
    TABLES,
    density_of,
    patients_in_both,
    read_table,
    read_tables,
    split_of,
)
from taskfusion.errors import DataError

ROOT = Path(__file__).parents[4]
REAL = ROOT.parent / "shared" / "data" / "cbis_ddsm_case_csv"
real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the CBIS-DDSM case tables are not beside the project")
HEAD = (
    "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,"
    "mass margins,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\r\n"
)
GOOD = (
    "P_00001,3,LEFT,CC,1,mass,OVAL-ROUND,N/A,4,MALIGNANT,4,A/1/2/000000.dcm,A_1/1/2/000000.dcm,"
    '"A_1/1/2/000001.dcm\n"\r\n'
)
MASS_TRAIN = "mass_case_description_train_set.csv"


@pytest.fixture(scope="module")
def rows():
    """Do not mutate: every real row."""
    found, skipped = read_tables(REAL)
    assert skipped == ()
    return found


@real_data
@pytest.mark.parametrize(
    ("name", "count", "patients", "images", "density", "pathology"),
    [
        ("mass_case_description_train_set.csv", 1318, 691, 1231, [0, 287, 585, 337, 109], [637, 577, 104]),
        ("mass_case_description_test_set.csv", 378, 201, 361, [0, 50, 172, 112, 44], [147, 194, 37]),
        ("calc_case_description_train_set.csv", 1546, 602, 1227, [0, 175, 501, 539, 331], [544, 528, 474]),
        ("calc_case_description_test_set.csv", 326, 151, 284, [2, 24, 115, 115, 70], [129, 130, 67]),
    ],
)
def test_every_real_table_gives_the_counts_of_its_source(name, count, patients, images, density, pathology):
    rows, skipped = read_table(REAL / name)
    assert (len(rows), skipped) == (count, [])
    assert len({row.patient for row in rows}) == patients
    assert len({(row.patient, row.view) for row in rows}) == images
    by_density = Counter(row.density for row in rows)
    assert [by_density[value] for value in range(5)] == density
    by_pathology = Counter(row.pathology for row in rows)
    assert [by_pathology[word] for word in ("MALIGNANT", "BENIGN", "BENIGN_WITHOUT_CALLBACK")] == pathology


CIRCULATED = {
    "mass_case_description_train_set.csv": "772727 a4bcc1c32bfd040212737e6e8c304819334abe717cfefff56431dc50ae6db723",
    "mass_case_description_test_set.csv": "217038 60f0b4504ec024106bbdd1555030d220163ea9da0ea4688473a4c9c3e8ab0457",
    "calc_case_description_train_set.csv": "925310 3c7b07e8202f66709f446b9695e96c5d17484a65fda6a24d0170a0c1b81d56e3",
    "calc_case_description_test_set.csv": "190388 03a2f72efb6ed29f417e07f4598950e6a1e02e6b11250ff516ebe7924ace3689",
}


@real_data
@pytest.mark.parametrize("name", CIRCULATED)
def test_the_real_tables_are_those_in_circulation_and_have_their_traps(name):
    content = (REAL / name).read_bytes()
    assert f"{len(content)} {hashlib.sha256(content).hexdigest()}" == CIRCULATED[name]
    rows, _ = read_table(REAL / name)
    assert content.count(b"\r\n") == len(rows) + 1
    assert content.count(b"\n") == 2 * len(rows) + 1, "every row has a bare line feed inside a cell"
    heading = content.split(b"\r\n")[0].split(b",")
    assert (b"breast_density" in heading, b"breast density" in heading) == ("mass" in name, "calc" in name)


@real_data
@needs("cbis_localiser_excerpt")
def test_lesions_of_another_project_are_found_in_the_real_tables_with_the_same_label(rows):
    with (DATA / "cbis_localiser_excerpt" / "localiser_and_classifier_excerpt.csv").open(newline="") as file:
        lesions = list(csv.DictReader(file))
    assert (len(lesions), len({one["patient_id"] for one in lesions})) == (31, 17)
    ours = {row.mask.parts[0]: row for row in rows if (row.kind, row.split) == ("mass", "train")}
    for one in lesions:
        row = ours[one["lesion_id"]]
        assert (row.status == "malignant") == (one["label_malignant"] == "1")
        assert (str(row.density), str(row.assessment)) == (one["breast_density"], one["assessment"])
        assert (row.patient, row.number) == (one["patient_id"], int(one["abnormality_id"]))
    views = Counter(patient for patient, _ in {(one["patient_id"], one["side"] + one["view"]) for one in lesions})
    assert [patient for patient, count in views.items() if count == 4] == ["P_00332"]


@real_data
def test_the_real_tables_together_give_the_counts_of_their_source(rows):
    assert len(rows) == 3568
    assert Counter(row.kind for row in rows) == {"mass": 1696, "calcification": 1872}
    assert len({row.patient for row in rows}) == 1566
    assert len({(row.patient, row.view) for row in rows}) == 3032
    assert Counter(row.status for row in rows) == {"malignant": 1457, "benign": 1429 + 682}
    assert Counter(row.pathology for row in rows)["BENIGN_WITHOUT_CALLBACK"] == 682
    assert Counter(row.density for row in rows) == {0: 2, 1: 536, 2: 1373, 3: 1103, 4: 554}
    assert len({row.patient for row in rows if row.status == "malignant"}) == 752
    kinds = {kind: {row.patient for row in rows if row.kind == kind} for kind in ("mass", "calcification")}
    assert len(kinds["mass"] & kinds["calcification"]) == 79
    assert Counter(Counter(p for p, _ in {(row.patient, row.view) for row in rows}).values()) == {
        1: 343,
        2: 1085,
        3: 33,
        4: 105,
    }


@real_data
def test_densities_of_the_real_patients(rows):
    patients: dict = {}
    for row in rows:
        patients.setdefault(row.patient, []).append(row)
    densities = {patient: density_of(own) for patient, own in patients.items()}
    assert Counter(densities.values()) == {0: 201, 1: 599, 2: 475, 3: 289, -1: 2}
    assert {patient for patient, value in densities.items() if value == -1} == {"P_01743", "P_01264"}
    assert {row.density for row in patients["P_01743"]} == {0}
    assert {(row.view[0], row.kind, row.density) for row in patients["P_01264"]} == {
        ("L", "mass", 4),
        ("R", "calcification", 2),
    }


@real_data
def test_the_real_splits_share_31_patients_and_each_gets_one(rows):
    both = patients_in_both(rows)
    assert len(both) == 31
    for split, count in (("train", 1248), ("test", 349)):
        assert len({row.patient for row in rows if row.split == split}) == count
    patients: dict = {}
    for row in rows:
        patients.setdefault(row.patient, []).append(row)
    assert Counter(split_of(own) for own in patients.values()) == {"train": 1248 - 31, "test": 349}


@real_data
def test_real_file_numbering_and_values(rows):
    names = Counter((row.kind, row.crop.name, row.mask.name) for row in rows)
    assert names == {
        ("mass", "000000.dcm", "000001.dcm"): 1593,
        ("mass", "000000.dcm", "000000.dcm"): 103,
        ("calcification", "000001.dcm", "000000.dcm"): 1871,
        ("calcification", "000000.dcm", "000000.dcm"): 1,
    }
    assert {row.assessment for row in rows} == set(range(6))
    assert Counter(row.subtlety for row in rows)[0] == 2
    assert max(row.number for row in rows) == 7
    words = {word for row in rows for value in row.descriptors.values() for word in value}
    assert "LUCENT_CENTER" in words and not words & {"LUCENT_CENTERED", "N/A", ""}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_line_feed_in_a_cell_is_no_row_and_stays_in_no_path(tmp_path):
    rows, skipped = read_table(write(tmp_path, MASS_TRAIN, HEAD + GOOD + GOOD))
    assert (len(rows), skipped) == (2, [])
    assert rows[0].mask == Path("A_1/1/2/000001.dcm")
    assert rows[0].descriptors == {"shape": ("OVAL", "ROUND"), "margins": ()}
    assert (rows[0].view, rows[0].kind, rows[0].split, rows[0].status) == ("L-CC", "mass", "train", "malignant")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P_00001", "X1", "patient_id is 'X1'; expected such as P_00001"),
        (",3,LEFT", ",5,LEFT", "density is '5'; expected a whole number from 0 to 4"),
        ("LEFT", "MIDDLE", "left or right breast is 'MIDDLE'; expected LEFT or RIGHT"),
        (",CC,", ",XX,", "image view is 'XX'; expected CC or MLO"),
        ("MALIGNANT", "", "pathology is ''; expected MALIGNANT or BENIGN or BENIGN_WITHOUT_CALLBACK"),
        ("CC,1,", "CC,0,", "abnormality id is '0'; expected a whole number from 1 to 99"),
        ("A/1/2", "../1/2", "image file path is '../1/2/000000.dcm'; expected FOLDER/…/FILE.dcm below the archive"),
    ],
)
def test_a_bad_row_is_skipped_with_its_place_and_the_others_stay(tmp_path, old, new, message):
    path = write(tmp_path, MASS_TRAIN, HEAD + GOOD.replace(old, new, 1) + GOOD)
    rows, skipped = read_table(path)
    assert len(rows) == 1
    assert [(one.what, one.reason, one.kind) for one in skipped] == [(f"{path}, row 1", message, "bad row")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "lacks the columns patient_id"),
        (HEAD.encode(), "it has a heading and no row; is it whole?"),
        (HEAD.replace("pathology,", "").encode(), "lacks the columns pathology; is it a table"),
        (HEAD.replace("breast_density,", "").encode(), "lacks the columns breast_density"),
        (b"\xff\xfe\x00garbage", "can't decode"),
        ((HEAD + GOOD[:-4]).encode(), "unexpected end of data"),
    ],
)
def test_a_table_that_is_none_is_skipped(tmp_path, content, reason):
    path = tmp_path / MASS_TRAIN
    path.write_bytes(content)
    rows, [skipped] = read_table(path)
    assert rows == [] and reason in skipped.reason and skipped.kind == "unreadable table"


REAL_FOLDERS = GOOD.replace("A_1/", "Mass-Training_P_00001_LEFT_CC_1/").replace("A/", "Mass-Training_P_00001_LEFT_CC/")


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("mass_case_description_test_set.csv", REAL_FOLDERS, "the row is mass test P_00001 L-CC here"),
        ("calc_case_description_train_set.csv", REAL_FOLDERS, "the row is calcification train P_00001 L-CC here"),
        (MASS_TRAIN, REAL_FOLDERS.replace("P_00001,", "P_00002,"), "the row is mass train P_00002 L-CC here"),
        (MASS_TRAIN, REAL_FOLDERS.replace("LEFT,", "RIGHT,"), "the row is mass train P_00001 R-CC here"),
        (MASS_TRAIN, REAL_FOLDERS.replace(",CC,", ",MLO,"), "the row is mass train P_00001 L-MLO here"),
    ],
)
def test_rows_whose_files_are_named_otherwise_are_mislabelled(tmp_path, name, changed, told):
    """So are all rows of a table that lies under another's name."""
    rows, [skipped] = read_table(write(tmp_path, name, HEAD + changed))
    assert rows == [] and skipped.kind == "mislabelled"
    assert skipped.reason == f"its file lies in Mass-Training_P_00001_LEFT_CC, but the {told[4:]}; is the table " + (
        "under its own name?"
    )
    assert read_table(write(tmp_path, MASS_TRAIN, HEAD + REAL_FOLDERS))[1] == []


def test_missing_tables_are_said_and_none_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder; expected the one that holds the CBIS-DDSM's tables"):
        read_tables(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no table of the CBIS-DDSM; expected mass_case_description_train_set.csv"):
        read_tables(tmp_path)
    write(tmp_path, MASS_TRAIN, HEAD + GOOD)
    rows, skipped = read_tables(tmp_path)
    assert len(rows) == 1 and [one.kind for one in skipped] == ["missing file"] * (len(TABLES) - 1)
    with pytest.raises(DataError, match=r"other.csv is no table of the CBIS-DDSM"):
        read_table(write(tmp_path, "other.csv", HEAD))


ODD = ["N/A", "9" * 5000, "٣", "²", "\0", "../..", "/etc/x", '"']
MOSTLY = st.sampled_from([*GOOD.replace("\r\n", "").split(","), *ODD])
CELLS = st.text(max_size=8) | MOSTLY
TEXTS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.lists(CELLS, max_size=16).map(",".join), max_size=5).map(lambda lines: _table(*lines)),
    st.lists(st.lists(MOSTLY, min_size=14, max_size=14).map(",".join), max_size=3).map(lambda lines: _table(*lines)),
    st.tuples(st.integers(0, len(HEAD + GOOD)), st.text(max_size=5), st.integers(0, 60)).map(
        lambda cut: ((HEAD + GOOD)[: cut[0]] + cut[1] + (HEAD + GOOD)[cut[0] + cut[2] :]).encode()
    ),
)


def _table(*lines: str) -> bytes:
    return (HEAD + GOOD + "\r\n".join(lines)).encode()


@settings(settings.get_profile("heavy"))  # every example writes a file
@given(TEXTS, st.sampled_from(list(TABLES)))
def test_any_table_gives_rows_or_reasons_and_its_files_can_be_looked_for(tmp_path_factory, content, name):
    folder = tmp_path_factory.getbasetemp()
    (folder / name).write_bytes(content)
    rows, skipped = read_table(folder / name)
    assert rows or skipped
    assert all(len(one.reason) < 700 for one in skipped)
    for row in rows:
        for path in (row.image, row.crop, row.mask):
            found = find_files(folder / "archive", path)
            assert found == [] and (folder / "archive" / path).resolve().is_relative_to(folder.resolve())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEAD + " " * tables.LARGEST, "holds more than 16,777,216 bytes"),
        (HEAD.replace("patient_id", "x," * 200 + "patient_id") + "1\n" * 1000, "has 214 columns"),
        (HEAD + "1\n" * 200_000, "holds more than 100,000 rows"),
    ],
)
def test_a_huge_table_takes_little_memory_or_time(tmp_path, content, reason):
    path = write(tmp_path, MASS_TRAIN, content)
    tracemalloc.start()
    rows, [skipped] = read_table(path)
    assert tracemalloc.get_traced_memory()[1] < 300 << 20
    tracemalloc.stop()
    assert rows == [] and reason in skipped.reason
