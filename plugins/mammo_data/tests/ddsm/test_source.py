"""Whole exams: folders in the archive's format, read back; what is broken is skipped, and the rest goes on."""

from __future__ import annotations

import gzip
import pickle
import shutil
from collections import Counter
from pathlib import Path

import attrs
import numpy as np
import pytest
from ddsm.writer import CALCIFICATION, MASS, VIEWS, Exam, Finding, ics_text, overlay_text, rectangle, write_exam
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.ddsm import DdsmSource
from mammo_data.ddsm.density import grey_to_16_bits
from mammo_data.ddsm.walk import RECORD
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, Skipped
from taskfusion.errors import DataError

OURS = ("L-CC", "L-MLO", "R-CC", "R-MLO")


def films(bits: int = 12, rows: int = 24, columns: int = 20) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {view: random.integers(0, 2**bits, (rows, columns), np.uint16) for view in VIEWS}


MASS_AT = Finding([rectangle(2, 3, 9, 8)])
EXAM = Exam(films(), {"LEFT_CC": [MASS_AT], "LEFT_MLO": [Finding([rectangle(4, 5, 6, 7)])]})


@pytest.fixture
def case(tmp_path):
    return write_exam(tmp_path, EXAM)


def read(root: Path, **options: bool) -> tuple[ExamRecord | None, list[Skipped]]:
    source = DdsmSource(root, **options)
    (plan,) = source.plans()
    exam, skipped = source.read(plan)
    return exam, list(skipped)


def read_whole(root: Path) -> ExamRecord:
    exam, skipped = read(root)
    assert exam is not None and not skipped
    return exam


def image_of(case: Path, view: str = "LEFT_CC") -> Path:
    return next(case.glob(f"*.{view}.LJPEG"))


def overlay_of(case: Path, view: str = "LEFT_CC") -> Path:
    return next(case.glob(f"*.{view}.OVERLAY"))


def test_an_exam_is_read(case, tmp_path):
    exam = read_whole(tmp_path)
    assert (exam.id, exam.group, exam.density, exam.split) == ("cancer_01-B_3024_1", "B_3024_1", 1, "")
    assert [view.name for view in exam.views] == list(OURS)
    for view, image in zip(exam.views, EXAM.images.values(), strict=True):
        np.testing.assert_array_equal(view.pixels, grey_to_16_bits(image, "lumisys"))
        assert view.details["pixel_mm"] == 0.0435 and not view.details["swapped_size"]
    assert [(lesion.view, lesion.label, lesion.box) for lesion in exam.lesions] == [
        ("L-CC", "malignant_mass", (2, 3, 10, 9)),
        ("L-MLO", "malignant_mass", (4, 5, 7, 8)),
    ]
    assert exam.lesions[0].details["shape"] == ["IRREGULAR", "ARCHITECTURAL_DISTORTION"]
    assert exam.lesions[0].details["subtlety"] == 3
    assert exam.metadata["age"] == 42 and exam.metadata["study_date"] == "2 7 1995"
    assert exam.labels == {"lesion": 1, "malignancy": 1, "density": 1}


SCANS = [("A_1_1", "DBA", 16), ("A_1_1", "HOWTEK", 12), ("C_1_1", "LUMISYS", 12), ("D_1_1", "HOWTEK", 12)]


@given(st.data(), st.sampled_from(SCANS), st.integers(1, 7), st.booleans(), st.booleans())
def test_any_exam_comes_back_as_it_was_written(tmp_path_factory, data, scan, predictor, swapped, hang):
    number, digitizer, bits = scan
    shape = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    left, top = data.draw(st.integers(0, shape[1] - 1)), data.draw(st.integers(0, shape[0] - 1))
    right, bottom = data.draw(st.integers(left, shape[1] - 1)), data.draw(st.integers(top, shape[0] - 1))
    images = films(bits, *shape)
    finding = Finding([rectangle(left, top, right, bottom)], (CALCIFICATION,), "BENIGN")
    exam = Exam(images, {"RIGHT_MLO": [finding]}, number, digitizer, 4, bits, predictor, swapped)
    root = tmp_path_factory.mktemp("ddsm")
    write_exam(root, exam, "benigns", "benign_01")
    found, skipped = read(root, hang=hang)
    shutil.rmtree(root)
    mirror = hang and number[0] == "A"
    for view, image in zip(found.views, images.values(), strict=True):
        grey = grey_to_16_bits(image, view.details["scanner"])
        np.testing.assert_array_equal(view.pixels, grey[:, ::-1] if mirror else grey)
        assert view.details["swapped_size"] == (swapped and shape[0] != shape[1])
    box = (shape[1] - right - 1, top, shape[1] - left, bottom + 1) if mirror else (left, top, right + 1, bottom + 1)
    assert [(lesion.box, lesion.label) for lesion in found.lesions] == [(box, "benign_calcification")]
    assert not skipped and found.labels == {"lesion": 1, "malignancy": 0, "density": 3}


def test_a_normal_exam_has_no_lesion(tmp_path):
    write_exam(tmp_path, Exam(films(), density=0), "normals", "normal_01")
    exam = read_whole(tmp_path)
    assert exam.labels == {"lesion": 0, "malignancy": 0, "density": -1} and exam.details["category"] == "normal"
    assert "category" not in exam.metadata, "a task that takes all columns would learn the label from it"


def test_a_plan_is_plain_and_names_every_file(case, tmp_path):
    (plan,) = DdsmSource(tmp_path).plans()
    assert isinstance(plan, ExamPlan)
    assert {path.name for path in plan.files} == {path.name for path in case.iterdir() if "TAPE" not in path.name}
    exam, _ = DdsmSource(tmp_path).read(pickle.loads(pickle.dumps(plan)))
    assert exam.id == plan.id == read_whole(tmp_path).id


@pytest.mark.parametrize("depth", ["", "cancers", "cancers/cancer_01", "cancers/cancer_01/case3024"])
def test_any_folder_of_the_archive_may_be_the_root(case, tmp_path, depth):
    assert read_whole(tmp_path / depth).id == "cancer_01-B_3024_1"


def test_exams_come_in_a_fixed_order_and_folders_of_one_name_do_not_clash(tmp_path):
    names = [
        ("B_3024_1", "cancers", "cancer_01"),
        ("C_3024_1", "normals", "normal_02"),
        ("B_3024_1", "benigns", "benign_1"),
    ]
    for number, category, volume in names:
        write_exam(tmp_path, attrs.evolve(EXAM, case=number), category, volume)
    ids = [plan.id for plan in DdsmSource(tmp_path).plans()]
    assert ids == ["benign_1-B_3024_1", "cancer_01-B_3024_1", "normal_02-C_3024_1"]


def test_an_exam_found_twice_is_read_once(tmp_path):
    for mirror in ("a", "b"):
        write_exam(tmp_path / mirror, EXAM)
    first, second = DdsmSource(tmp_path).plans()
    assert isinstance(first, ExamPlan)
    assert second == Skipped(
        str(tmp_path / "b/cancers/cancer_01/case3024"),
        "exam cancer_01-B_3024_1 has been found in another folder already",
        "duplicate",
    )


def test_links_are_followed_once(case, tmp_path):
    (tmp_path / "again").symlink_to(tmp_path / "cancers")
    (case / "up").symlink_to(tmp_path)
    assert len(list(DdsmSource(tmp_path).plans())) == 1


def test_stray_files_are_left_alone(case, tmp_path):
    for name in ("B-3024-1.ics~", "B-3024-1.html~", "B_3024_1.LEFT_CC.LJPEG.2", "B_3024_1.LEFT_CC.OVERLAYu", "#mv.sh#"):
        (case / name).write_bytes(b"?")
    (case / "B_3024_1.LEFT_CC.LJPEG.1").write_bytes(b"?")
    (case / "jpeg").mkdir()
    read_whole(tmp_path)


def test_gzipped_files_are_unpacked(case, tmp_path):
    for path in [*case.glob("*.ics"), *case.glob("*.OVERLAY"), *case.glob("*LJPEG")]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert len(read_whole(tmp_path).views) == 4


def test_unpacked_samples_are_read_high_byte_first(case, tmp_path):
    path = image_of(case)
    path.unlink()
    path.with_name(path.name + ".1").write_bytes(EXAM.images["LEFT_CC"].astype(">u2").tobytes())
    pixels = read_whole(tmp_path).views[0].pixels
    np.testing.assert_array_equal(pixels, grey_to_16_bits(EXAM.images["LEFT_CC"], "lumisys"))


def _truncate(case: Path) -> None:
    image_of(case).write_bytes(image_of(case).read_bytes()[:90])


def _record(old: str, new: str):
    def change(case: Path) -> None:
        (record,) = case.glob("*.ics")
        assert old in record.read_text()
        record.write_text(record.read_text().replace(old, new, 1))

    return change


def _unpacked(case: Path) -> None:
    image_of(case).rename(case / "B_3024_1.LEFT_CC.LJPEG.1")


BROKEN_VIEWS = {
    "the JPEG is cut off": _truncate,
    "the file is empty": lambda case: image_of(case).write_bytes(b""),
    "not a JPEG: begins with 544f5441": lambda case: shutil.copy(overlay_of(case), image_of(case)),
    "the file is missing: the exam lacks this view": lambda case: image_of(case).unlink(),
    "cannot be read: Not a gzipped file": lambda case: image_of(case).rename(case / "B_3024_1.LEFT_CC.LJPEG.gz"),
    "the JPEG is 24 x 20, the record says 25 x 20": _record("LINES 24", "LINES 25"),
    "too large for the 8 bits of the record": _record("PIXEL 12", "PIXEL 8"),
    "the record says 99 bits a pixel; at most 16 are possible": _record("PIXEL 12", "PIXEL 99"),
    "a size, bits or resolution of zero: there is no image": _record("43.5", "0"),
    "the record has no usable line of LEFT_CC": _record("LEFT_CC LINES 24", "LEFT_CC"),
    "24 x 20 samples are 960": _unpacked,
}


VIEW_KINDS = {
    "the JPEG is cut off": "truncated",
    "the file is empty": "empty",
    "not a JPEG: begins with 544f5441": "mislabelled",
    "the file is missing: the exam lacks this view": "missing file",
    "the JPEG is 24 x 20, the record says 25 x 20": "wrong size",
    "too large for the 8 bits of the record": "mislabelled",
    "the record has no usable line of LEFT_CC": "missing record",
    "24 x 20 samples are 960": "wrong size",
}


@pytest.mark.parametrize("reason", BROKEN_VIEWS)
def test_a_broken_view_is_skipped_with_its_lesion_and_the_others_go_on(case, tmp_path, reason):
    BROKEN_VIEWS[reason](case)
    exam, skipped = read(tmp_path)
    assert [view.name for view in exam.views] == list(OURS[1:])
    (found,) = [skip for skip in skipped if reason in skip.reason]
    assert "LEFT_CC" in found.what and found.kind == VIEW_KINDS.get(reason, "unusable image")
    assert [skip.kind for skip in skipped if "OVERLAY" in skip.what] == ["lesion without view"]
    assert exam.labels["malignancy"] == 1  # the other view shows a malignant lesion


BROKEN_EXAMS = {
    "not an .ics record: begins with": lambda case: next(case.glob("*.ics")).write_text("hello"),
    "the file is empty": lambda case: next(case.glob("*.ics")).write_text(""),
    "no scanner is known for site 'B' and digitizer 'HOWTEK'": _record("LUMISYS LASER", "HOWTEK"),
    "the record of B_3024_1 names another case: B-3025-1": _record("B-3024-1", "B-3025-1"),
    "none of its views could be read": lambda case: [path.write_bytes(b"?") for path in case.glob("*.LJPEG")],
}


@pytest.mark.parametrize("reason", BROKEN_EXAMS)
def test_an_exam_that_cannot_be_used_is_skipped_with_the_reason(case, tmp_path, reason):
    BROKEN_EXAMS[reason](case)
    exam, skipped = read(tmp_path)
    assert exam is None and reason in skipped[-1].reason


def test_a_line_of_the_record_that_is_not_used_is_counted(case, tmp_path):
    _record("SEQUENCE", "LEFT_CC LINES 24 PIXELS_PER_LINE 20 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY")(case)
    exam, skipped = read(tmp_path)
    assert [skip.kind for skip in skipped] == ["record"] and len(exam.views) == 4


def test_files_of_another_case_are_mislabelled(case, tmp_path):
    image_of(case).rename(case / "B_3025_1.LEFT_CC.LJPEG")
    _, skipped = read(tmp_path)
    assert "a file of another case in the folder of B_3024_1" in [skip.reason for skip in skipped]


def test_folders_without_or_with_several_records_are_skipped(tmp_path):
    write_exam(tmp_path, EXAM)
    without = write_exam(tmp_path, EXAM, volume="cancer_02")
    next(without.glob("*.ics")).unlink()
    several = write_exam(tmp_path, EXAM, volume="cancer_03")
    (several / "B-1-1.ics").write_text("?")
    (tmp_path / "case0001").mkdir()
    found = [item for item in DdsmSource(tmp_path).plans() if isinstance(item, Skipped)]
    assert Counter(skip.kind for skip in found) == {"missing file": 2, "ambiguous": 1}
    assert {skip.reason for skip in found} == {
        "the exam has no .ics record such as A-1509-1.ics",
        "the folder holds the records of several exams: B-1-1.ics, B-3024-1.ics; expected one",
    }


def with_overlay(tmp_path: Path, text: str | bytes, more: dict | None = None) -> tuple[ExamRecord, list[Skipped]]:
    """An exam whose only overlays are this one in LEFT_CC and ``more``."""
    folder = write_exam(tmp_path, attrs.evolve(EXAM, findings={"LEFT_CC": (), **(more or {})}))
    overlay_of(folder).write_bytes(text.encode() if isinstance(text, str) else text)
    exam, skipped = read(tmp_path)
    return exam, skipped


GOOD = overlay_text([MASS_AT])
BROKEN_OVERLAYS = {
    "the file is empty": (b"", "empty"),
    "not an overlay: begins with": (b"\xff\xd8\xff\xc3", "mislabelled"),
    "not an overlay: 1002 abnormalities": (GOOD + "\tCORE\n" * 1000, "mislabelled"),
    "TOTAL_ABNORMALITIES is 2, but 1 are there": (GOOD.replace("IES 1", "IES 2"), "mismatch"),
    "no BOUNDARY could be read": (GOOD[:-2], "unusable outline"),
    "the outline runs to column 209, row 3": (GOOD.replace("2 3 2", "202 3 2"), "unusable outline"),
    "lesion type 'OTHER' is neither MASS nor CALCIFICATION": (GOOD.replace("MASS", "OTHER"), "unknown type"),
    "pathology 'UNPROVEN' is none of MALIGNANT": (GOOD.replace("MALIGNANT", "UNPROVEN"), "unknown pathology"),
}


@pytest.mark.parametrize("reason", BROKEN_OVERLAYS)
def test_what_is_lost_leaves_the_labels_unknown(tmp_path, reason):
    text, kind = BROKEN_OVERLAYS[reason]
    exam, skipped = with_overlay(tmp_path, text.replace("MALIGNANT", "BENIGN") if kind == "mismatch" else text)
    (found,) = [skip for skip in skipped if reason in skip.reason]
    assert found.kind == kind and "LEFT_CC.OVERLAY" in found.what
    assert not exam.annotated and exam.labels == {"lesion": -1, "malignancy": -1, "density": 1}


@pytest.mark.parametrize("reason", BROKEN_OVERLAYS)
def test_labels_are_known_where_nothing_lost_could_change_them(tmp_path, reason):
    exam, _ = with_overlay(tmp_path, BROKEN_OVERLAYS[reason][0], {"RIGHT_CC": [MASS_AT]})
    assert exam.labels["malignancy"] == 1


@pytest.mark.parametrize("lost, known", [("BENIGN", True), ("MALIGNANT", False), ("UNPROVEN", False)])
def test_beside_a_benign_lesion_only_a_lost_benign_one_does_no_harm(tmp_path, lost, known):
    other = Finding([rectangle(1, 1, 3, 3)], ("LESION_TYPE OTHER",), lost)
    benign = attrs.evolve(MASS_AT, pathology="BENIGN_WITHOUT_CALLBACK")
    exam, skipped = with_overlay(tmp_path, overlay_text([other, benign]))
    assert exam.labels["malignancy"] == (0 if known else -1) and len(exam.lesions) == len(skipped) == 1


def test_a_lesion_of_both_types_is_two_with_one_box_and_counted(tmp_path):
    exam, skipped = with_overlay(tmp_path, overlay_text([attrs.evolve(MASS_AT, types=(CALCIFICATION, MASS))]))
    assert [lesion.label for lesion in exam.lesions] == ["malignant_calcification", "malignant_mass"]
    assert len({lesion.box for lesion in exam.lesions}) == 1 and exam.annotated
    (found,) = skipped
    assert found.kind == "both types" and "it counts as 2 lesions with one box" in found.reason


def test_a_broken_core_does_not_lose_its_lesion(tmp_path):
    cored = attrs.evolve(MASS_AT, outlines=[*MASS_AT.outlines, (3, 4, [9])])
    exam, skipped = with_overlay(tmp_path, overlay_text([cored]))
    assert [skip.kind for skip in skipped] == ["outline"] and isinstance(exam.lesions[0], LesionRecord)
    assert exam.annotated


def test_a_promised_overlay_that_is_missing_leaves_the_labels_unknown(case, tmp_path):
    for view in ("LEFT_CC", "LEFT_MLO"):
        overlay_of(case, view).unlink()
    exam, skipped = read(tmp_path)
    assert [skip.reason for skip in skipped] == ["the record says OVERLAY, but there is no such file"] * 2
    assert not exam.annotated


def test_a_cancer_without_any_overlay_is_no_normal(tmp_path):
    write_exam(tmp_path, Exam(films()))
    exam, skipped = read(tmp_path)
    assert [skip.reason for skip in skipped] == ["an exam of category cancer without any .OVERLAY"]
    assert not exam.annotated


def test_a_root_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no DDSM exam; expected folders such as cancers/cancer_08/case1509"):
        list(DdsmSource(tmp_path).plans())
    with pytest.raises(DataError, match="is no folder; expected the one that holds DDSM's cancers, benigns"):
        list(DdsmSource(tmp_path / "nowhere").plans())


def test_a_folder_that_cannot_be_read_is_skipped(case, tmp_path, monkeypatch):
    import os

    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "closed":
            raise PermissionError("denied")
        return scan(folder)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    found = [item for item in DdsmSource(tmp_path).plans() if isinstance(item, Skipped)]
    assert [(skip.kind, skip.reason) for skip in found] == [("unreadable folder", "the folder cannot be read: denied")]


def test_a_record_s_text_and_name_agree_in_the_writer():
    assert RECORD.fullmatch("B-3024-1.ics") and "filename B-3024-1\n" in ics_text(EXAM)
