"""An archive made of synthetic exams, read back; and everything that goes wrong with its files."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from cbis_archive import Patient, mask_of, save, write_archive, write_tables

from mammo_data.cbis.dicom import UnusableFileError, fit_mask, read_film, read_mask
from mammo_data.cbis.source import CbisSource
from mammo_data.masks import box_of_mask
from mammo_data.records import Skipped
from mammo_data.synthetic import SyntheticConfig, generate_exam
from taskfusion.errors import DataError

SMALL = SyntheticConfig(height=96, width=80, pathology=(0, 1, 1))


@pytest.fixture(scope="module")
def patients():
    """Do not mutate."""
    names = [(f"P_{number:05d}", ("train", "test")[number % 3 == 0]) for number in range(1, 9)]
    return [Patient(name, split, generate_exam(5, k, SMALL)) for k, (name, split) in enumerate(names)]


@pytest.fixture(scope="module")
def made(tmp_path_factory, patients):
    """Do not mutate: the archive's folder and its rows."""
    root = tmp_path_factory.mktemp("archive")
    return root, write_archive(root, patients)


@pytest.fixture
def archive(tmp_path, made):
    """A copy to spoil, and its rows."""
    shutil.copytree(made[0], tmp_path / "archive")
    return tmp_path / "archive", made[1]


def read_all(root: Path, **options):
    source = CbisSource(root, **options)
    exams, skipped = {}, []
    for plan in source.plans():
        if isinstance(plan, Skipped):
            skipped.append(plan)
            continue
        exam, bad = source.read(pickle.loads(pickle.dumps(plan)))
        skipped += bad
        if exam:
            exams[exam.id] = exam
    return exams, skipped


def test_every_film_and_lesion_is_read_back(made, patients):
    exams, skipped = read_all(made[0])
    assert skipped == []
    assert list(exams) == [patient.name for patient in patients]
    assert Counter(exam.split for exam in exams.values()) == {"train": 5, "validation": 1, "test": 2}
    exams, _ = read_all(made[0], validation=0)
    for patient in patients:
        exam = exams[patient.name]
        assert (exam.density, exam.split, exam.group) == (patient.exam.density, patient.split, patient.name)
        assert {view.name for view in exam.views} == {lesion.view for lesion in patient.exam.lesions}
        for view in exam.views:
            np.testing.assert_array_equal(view.pixels, patient.exam.images[view.name])
            assert view.details["mirrored"] is False
        assert Counter((one.view, one.label) for one in exam.lesions) == Counter(
            (one.view, one.label) for one in patient.exam.lesions
        )


def test_a_lesions_box_is_that_of_its_mask(made):
    exams, _ = read_all(made[0])
    boxes = Counter((one.view, one.box) for exam in exams.values() for one in exam.lesions)
    sides = {"LEFT": "L", "RIGHT": "R"}
    wanted = Counter(
        (f"{sides[row['left or right breast']]}-{row['image view']}", tuple(map(float, row["box"].split(","))))
        for row in made[1]
    )
    assert boxes == wanted


def test_plans_name_the_files_and_are_the_same_again(made):
    source = CbisSource(made[0])
    plans = [(plan.id, plan.files) for plan in source.plans()]
    assert plans == [(plan.id, plan.files) for plan in CbisSource(made[0]).plans()]
    assert {file for _, files in plans for file in files} == set(made[0].rglob("*.dcm"))


def test_tables_and_cases_may_lie_apart(tmp_path, archive):
    root, _ = archive
    exams, _ = read_all(root)
    (tmp_path / "all" / "tables").mkdir(parents=True)
    for path in root.glob("*.csv"):
        shutil.move(path, tmp_path / "all" / "tables")
    root.rename(tmp_path / "all" / "CBIS-DDSM")
    assert list(read_all(tmp_path / "all")[0]) == list(exams)
    assert list(read_all(tmp_path / "all", tables=tmp_path / "all" / "tables")[0]) == list(exams)
    with pytest.raises(DataError, match="has no table of the CBIS-DDSM"):
        list(CbisSource(tmp_path).plans())


def test_files_renamed_by_newer_downloads_are_found_in_their_case_folders(archive):
    root, _ = archive
    before, _ = read_all(root)
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        for number, path in enumerate(sorted(folder.rglob("*.dcm")), 1):
            (folder / "08-07-2016-NA-96009").mkdir(exist_ok=True)
            path.rename(folder / "08-07-2016-NA-96009" / f"1-{number}.dcm")
        shutil.rmtree(folder / "1.2.3", ignore_errors=True)
        shutil.rmtree(folder / "1.2.5", ignore_errors=True)
    after, skipped = read_all(root)
    assert skipped == []
    assert [exam.lesions for exam in after.values()] == [exam.lesions for exam in before.values()]


def test_benign_without_callback_is_benign(archive, patients):
    root, rows = archive
    write_tables(root, [{**row, "pathology": "BENIGN_WITHOUT_CALLBACK"} for row in rows])
    exams, _ = read_all(root)
    assert {one.pathology for exam in exams.values() for one in exam.lesions} == {"benign"}
    assert {one.details["pathology_written"] for one in exams["P_00001"].lesions} == {"BENIGN_WITHOUT_CALLBACK"}


def test_a_patient_in_both_splits_is_tested_on(archive):
    root, rows = archive
    own = [row for row in rows if row["patient_id"] == "P_00001"]
    test = [
        {name: text.replace("train_set", "test_set").replace("Training", "Test") for name, text in row.items()}
        for row in own
    ]
    for folder in root.glob("*-Training_P_00001_*"):
        shutil.copytree(folder, root / folder.name.replace("Training", "Test"))
    write_tables(root, [*rows, *test])
    exams, _ = read_all(root)
    assert exams["P_00001"].split == "test"
    assert exams["P_00001"].metadata["official_splits"] == ["test", "train"]


def test_a_patient_of_whom_a_row_is_lost_has_unknown_labels(archive):
    root, rows = archive
    patient = rows[0]["patient_id"]
    write_tables(root, [*rows, {**rows[0], "abnormality id": "x"}])
    exams, [skipped] = read_all(root)
    assert skipped.reason == "abnormality id is 'x'; expected a whole number from 1 to 99"
    assert exams[patient].labels == {"lesion": -1, "malignancy": -1, "density": exams[patient].density}
    assert all(exam.annotated for name, exam in exams.items() if name != patient)


def test_contradictory_densities_are_unknown(archive):
    root, rows = archive
    count = sum(row["patient_id"] == "P_00002" for row in rows)
    own = iter(["1", "2", *["1"] * count])
    write_tables(root, [{**row, "density": next(own)} if row["patient_id"] == "P_00002" else row for row in rows])
    exams, _ = read_all(root)
    assert count > 1 and exams["P_00002"].density == -1
    assert exams["P_00002"].metadata["density_written"] == [1, 2]


def test_a_film_stored_mirrored_is_hung_with_its_boxes(archive):
    root, rows = archive
    before, _ = read_all(root)
    patient = rows[0]["patient_id"]
    for path in root.glob(f"*_{patient}_*/*/*/*.dcm"):
        import pydicom

        data = pydicom.dcmread(path)
        save(path, np.ascontiguousarray(data.pixel_array[:, ::-1]), data.PatientID)
    after, skipped = read_all(root)
    assert skipped == []
    assert all(view.details["mirrored"] for view in after[patient].views)
    assert [one.box for one in after[patient].lesions] == [one.box for one in before[patient].lesions]
    for a, b in zip(after[patient].views, before[patient].views, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def spoil_truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_header(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def spoil_empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def spoil_text(path: Path, other: Path) -> None:
    path.write_bytes(b"this is no DICOM file " * 50)


def spoil_remove(path: Path, other: Path) -> None:
    path.unlink()


def spoil_label(path: Path, other: Path) -> None:
    shutil.copy(other, path)


def spoil_colour(path: Path, other: Path) -> None:
    save(path, np.zeros((8, 24), np.uint8), "", Columns=8, SamplesPerPixel=3, PlanarConfiguration=0,
         PhotometricInterpretation="RGB")  # fmt: skip


def spoil_mask(path: Path, other: Path) -> None:
    save(path, mask_of((96, 80), (3, 4, 20, 30)), "")


BAD_FILMS = [
    (spoil_truncate, "truncated", "has no readable pixels"),
    (spoil_header, "truncated", "has no readable pixels|cannot be read"),
    (spoil_empty, "empty", "is empty"),
    (spoil_text, "not DICOM", "is no DICOM file"),
    (spoil_remove, "missing file", "is not there"),
    (spoil_label, "mislabelled", "says it is .*, where .* belongs"),
    (spoil_colour, "no film", "holds uint8 8x8x3; expected one grey image"),
    (spoil_mask, "swapped", "holds two grey values: a mask, where a film belongs"),
]


@pytest.mark.parametrize(("spoil", "kind", "reason"), BAD_FILMS, ids=lambda value: getattr(value, "__name__", None))
def test_a_bad_film_is_skipped_with_its_reason_and_the_rest_goes_on(archive, patients, spoil, kind, reason):
    root, rows = archive
    patient = rows[0]["patient_id"]
    own = [row for row in rows if row["patient_id"] == patient]
    film = own[0]["image file path"]
    spoil(root / film, root / rows[-1]["image file path"])
    exams, skipped = read_all(root)
    lost = [row for row in own if row["image file path"] == film]
    assert [one.kind for one in skipped][:1] == [kind]
    assert skipped[0].what == str(root / film)
    with pytest.raises(UnusableFileError, match=reason):
        read_film(root / film, film.split("/")[0])
    assert sum(one.kind == "lesion without film" for one in skipped) == len(lost)
    assert set(exams) >= {one.name for one in patients} - {patient}
    if patient in exams:
        assert exams[patient].annotated is False and exams[patient].labels["lesion"] == -1
    else:
        assert Skipped(patient, "none of its films can be used", "no film") in skipped


def test_a_mask_swapped_with_the_cropped_image_is_found_and_said(archive):
    root, rows = archive
    before, _ = read_all(root)
    mask, crop = (root / rows[0][name] for name in ("ROI mask file path", "cropped image file path"))
    mask.rename(mask.with_suffix(".tmp"))
    crop.rename(mask)
    mask.with_suffix(".tmp").rename(crop)
    after, [skipped] = read_all(root)
    assert [exam.lesions for exam in after.values()] == [exam.lesions for exam in before.values()]
    assert (skipped.what, skipped.kind) == (str(mask), "swapped")
    assert skipped.reason == f"holds no mask; it was found in {crop}, named as the cropped image"


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (np.zeros((96, 80), np.uint8), "empty mask"),
        (np.full((96, 80), 255, np.uint8), "empty mask"),
        (mask_of((80, 96), (3, 4, 20, 30)), "another size"),
    ],
)
def test_a_bad_mask_costs_its_lesion_only_and_leaves_labels_unknown(archive, pixels, kind):
    root, rows = archive
    before, _ = read_all(root)
    save(root / rows[0]["ROI mask file path"], pixels, "")
    after, [skipped] = read_all(root)
    patient = rows[0]["patient_id"]
    assert skipped.kind == kind and rows[0]["ROI mask file path"].split("/")[0] in skipped.what
    assert len(after[patient].lesions) == len(before[patient].lesions) - 1
    assert not after[patient].annotated
    assert set(after) == set(before)


def test_a_mask_of_another_resolution_is_resized_to_the_nearest_pixel():
    mask = mask_of((192, 160), (20, 40, 60, 90)) > 0
    fitted = fit_mask(mask, (96, 80), Path("m.dcm"))
    assert fitted.shape == (96, 80)
    np.testing.assert_allclose(box_of_mask(fitted), [10, 20, 30, 45], atol=1)
    with pytest.raises(UnusableFileError, match=r"m.dcm is 192x160, its film 80x96"):
        fit_mask(mask, (80, 96), Path("m.dcm"))
    speck = np.zeros((960, 800), bool)
    speck[1, 1] = True
    with pytest.raises(UnusableFileError, match="loses its lesion when it is resized"):
        fit_mask(speck, (96, 80), Path("m.dcm"))


def test_dark_is_dense_where_the_file_says_so(tmp_path):
    film = np.arange(48, dtype=np.uint16).reshape(6, 8)
    save(tmp_path / "film.dcm", film, "", PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_film(tmp_path / "film.dcm")[0], 65535 - film)


def test_the_reason_of_the_named_file_is_given_when_neither_is_a_mask(tmp_path):
    film = np.arange(48, dtype=np.uint16).reshape(6, 8)
    save(tmp_path / "a.dcm", film, "")
    with pytest.raises(UnusableFileError, match=r"a.dcm has many grey values: a cropped image, where a mask belongs"):
        read_mask([tmp_path / "a.dcm", tmp_path / "b.dcm"], (6, 8))
