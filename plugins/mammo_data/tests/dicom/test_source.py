import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForProcessing,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
)

from mammo_data.dicom.header import read_mammogram
from mammo_data.dicom.source import DicomSource
from mammo_data.dicom.unusable import UnusableError
from mammo_data.records import ExamPlan, Skipped
from mammo_data.synthetic import VIEWS
from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError

PROCESSING = DigitalMammographyXRayImageStorageForProcessing


def coded(code, value=None, scheme=None, inside=None):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value or code.value, scheme or "SCT", code.meaning
    if inside is not None:
        item.ViewModifierCodeSequence = inside
    return Sequence([item])


@pytest.fixture
def archive(tmp_path, dicom, write, draw):
    """Put a mammogram into a folder: ``archive("a/b", view="R-MLO", Tag=value)``."""

    def put(name, view="L-CC", pixels=None, **tags):
        side, position = view.split("-")
        given = {
            "ImageLaterality": side,
            "ViewPosition": position,
            "SOPInstanceUID": f"9.{len(name)}.{sum(name.encode())}",
        }
        image = draw(view) if pixels is None else pixels
        return write(dicom(image, **{**given, **tags}), tmp_path / "archive" / name)

    return put


def read_all(folder, **options):
    """Exams by id, and everything that was skipped."""
    source = DicomSource(folder / "archive", **options)
    exams, skipped = {}, []
    for plan in source.plans():
        if isinstance(plan, Skipped):
            skipped.append(plan)
            continue
        exam, left = source.read(pickle.loads(pickle.dumps(plan)))
        skipped += left
        exams |= {} if exam is None else {exam.id: exam}
    return exams, skipped


def view(archive, **tags):
    return read_mammogram(archive("one", **{"ImageLaterality": None, "ViewPosition": None, **tags})).view


def reason(archive, **tags):
    with pytest.raises(UnusableError) as found:
        view(archive, **{"ImageLaterality": "L", "ViewPosition": "CC", **tags})
    return found.value.kind, found.value.reason


def test_an_exam_is_a_study_with_its_views_labels_unknown(tmp_path, archive):
    for name in VIEWS:
        archive(f"deep/er/{name}.xyz", name)
    exams, skipped = read_all(tmp_path)
    (exam,) = exams.values()
    assert skipped == []
    assert [view.name for view in exam.views] == list(VIEWS)
    assert exam.labels == {"lesion": UNKNOWN, "malignancy": UNKNOWN, "density": UNKNOWN}
    assert exam.metadata == {"age": 61.0, "study_date": "2024-01-31", "manufacturer": "ACME"}
    assert exam.views[0].details == {
        "manufacturer": "ACME",
        "pixel_spacing_mm": [0.1, 0.1],
        "for_presentation": True,
        "mirrored": False,
        "upside_down": False,
    }


def test_an_exam_that_lacks_views_is_kept(tmp_path, archive):
    archive("one", "R-MLO")
    exams, skipped = read_all(tmp_path)
    (exam,) = exams.values()
    assert [view.name for view in exam.views] == ["R-MLO"]
    assert skipped == []


def test_two_exams_of_a_patient_share_the_group_and_other_patients_do_not(tmp_path, archive):
    archive("a", StudyInstanceUID="1.1", PatientID="007")
    archive("bb", StudyInstanceUID="1.2", PatientID="007")
    archive("ccc", StudyInstanceUID="1.3", PatientID="8")
    archive("dddd", StudyInstanceUID="1.4", PatientID="8", IssuerOfPatientID="elsewhere")
    archive("eeeee", StudyInstanceUID="1.5", PatientID=None)
    exams, _ = read_all(tmp_path, hide_ids=False)
    assert {exam.id: exam.group for exam in exams.values()} == {
        "1.1": "007",
        "1.2": "007",
        "1.3": "8",
        "1.4": "elsewhere/8",
        "1.5": "1.5",
    }


def test_nothing_that_names_the_patient_is_in_an_exam_unless_it_is_asked_for(tmp_path, archive):
    archive("a", StudyInstanceUID="1.2.77", PatientID="SECRET")
    for plan in DicomSource(tmp_path / "archive").plans():
        exam, _ = DicomSource(tmp_path / "archive").read(plan)
        text = repr((exam.id, exam.group, exam.metadata, exam.views[0].details, exam.lesions))
        assert not any(told in text for told in ("SECRET", "1.2.77", "Doe"))


def test_a_salt_changes_every_name_and_the_same_salt_none(tmp_path, archive):
    archive("a")

    def names(**options):
        (exam,) = read_all(tmp_path, **options)[0].values()
        return exam.id, exam.group

    assert names(salt="x") == names(salt="x")
    assert not set(names(salt="x")) & set(names())


def test_images_come_hung_however_they_are_stored(tmp_path, archive, draw):
    down = {"CC": {"L": "R", "R": "L"}, "MLO": {"L": "F", "R": "F"}}
    opposite = {"R": "L", "L": "R", "F": "H"}
    for number, name in enumerate(VIEWS):
        side, position = name.split("-")
        leads = down[position][side]
        for mirrored, upside_down in ((False, False), (True, False), (False, True), (True, True)):
            pixels = draw(name)[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
            across = "P" if (side == "R") != mirrored else "A"
            tag = [across, opposite[leads] if upside_down else leads]
            study = f"1.{number}.{int(mirrored)}.{int(upside_down)}"
            archive(
                study * (number + 1), name, pixels, PatientOrientation=tag, StudyInstanceUID=study, SOPInstanceUID=study
            )
    exams, skipped = read_all(tmp_path, hide_ids=False)
    assert skipped == []
    assert len(exams) == 16
    for exam in exams.values():
        (found,) = exam.views
        np.testing.assert_array_equal(found.pixels, draw(found.name))
        assert found.details["mirrored"] == (exam.id[4] == "1")
        assert found.details["upside_down"] == (exam.id[6] == "1")


@pytest.mark.parametrize("tag", [["P", "R"], ["", ""], ["A"], ["H", "X"], None])
def test_the_pixels_show_the_chest_wall_better_than_a_tag_that_was_left_as_it_was(tmp_path, archive, draw, tag):
    archive("one", "L-CC", draw("L-CC")[:, ::-1], PatientOrientation=tag)
    (exam,) = read_all(tmp_path)[0].values()
    np.testing.assert_array_equal(exam.views[0].pixels, draw("L-CC"))


@pytest.mark.parametrize(("tag", "mirrored"), [(["P", "R"], True), (["A", "R"], False)])
def test_where_the_pixels_show_nothing_the_tag_decides(tmp_path, archive, tag, mirrored):
    archive("one", "L-CC", np.full((48, 40), 1000, np.uint16), PatientOrientation=tag)
    (exam,) = read_all(tmp_path)[0].values()
    assert exam.views[0].details["mirrored"] is mirrored


SIZES = {"small": (48, 40), "large": (60, 50)}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"SOPClassUID": PROCESSING, "ContentDate": "20240201"}),
        ({}, {"PresentationIntentType": "FOR PROCESSING"}),
        (
            {"AcquisitionDate": "20240131", "AcquisitionTime": "101500"},
            {"AcquisitionDate": "20240131", "AcquisitionTime": "101400"},
        ),
        ({"InstanceNumber": 7}, {"InstanceNumber": 3}),
        ({"pixels": np.tile(np.uint16([0, 9]), (90, 30))}, {"InstanceNumber": 3, "ContentDate": "20250101"}),
    ],
)
@pytest.mark.parametrize("order", [("a", "bb"), ("bb", "a")])
def test_of_several_images_of_a_view_the_better_is_used_and_the_other_listed(tmp_path, archive, better, worse, order):
    used, left = archive(order[0], **better), archive(order[1], **worse)
    exams, skipped = read_all(tmp_path)
    (exam,) = exams.values()
    assert exam.views[0].path == used
    assert [(one.what, one.kind) for one in skipped] == [(str(left), "another image")]
    assert skipped[0].reason == f"is another image of view L-CC of its study; {used} is used"


def test_where_the_better_image_cannot_be_decoded_the_next_is_used(tmp_path, archive):
    broken = archive("a", AcquisitionDate="20250101", PixelData=b"\0" * 10)
    used = archive("bb")
    exams, skipped = read_all(tmp_path)
    (exam,) = exams.values()
    assert exam.views[0].path == used
    assert [(one.what, one.kind) for one in skipped] == [(str(broken), "truncated")]


def test_an_exam_without_any_image_that_decodes_is_skipped_with_all_reasons(tmp_path, archive):
    archive("a", PixelData=b"\0" * 10)
    exams, skipped = read_all(tmp_path, hide_ids=False)
    assert exams == {}
    assert [(one.kind, one.what) for one in skipped][1] == ("no view", "1.2.3")
    assert "none of its images can be used" in skipped[1].reason


def test_the_same_image_twice_counts_once(tmp_path, archive):
    first, second = archive("a", SOPInstanceUID="1.9"), archive("bb", SOPInstanceUID="1.9")
    exams, skipped = read_all(tmp_path)
    assert len(exams) == 1
    assert skipped == [Skipped(str(second), f"is the same image as {first}", "duplicate")]


def test_a_study_of_two_patients_is_skipped(tmp_path, archive):
    archive("a", PatientID="1")
    archive("bb", "R-CC", PatientID="2")
    exams, skipped = read_all(tmp_path)
    assert exams == {}
    assert [one.kind for one in skipped] == ["contradiction"]
    assert "has images of 2 patients; expected one" in skipped[0].reason


def test_other_files_are_listed_with_their_reason_and_hidden_ones_and_the_index_are_not(tmp_path, archive, write):
    archive("fine")
    root = tmp_path / "archive"
    (root / "notes.dcm").write_text("not a DICOM file, whatever its name\n" * 20)
    (root / "empty.dcm").touch()
    (root / ".hidden").write_text("x")
    (root / "gone").symlink_to(root / "nowhere")
    index = Dataset()
    index.SOPClassUID, index.SOPInstanceUID = MediaStorageDirectoryStorage, "1.2.9"
    write(index, root / "DICOMDIR")
    exams, skipped = read_all(tmp_path)
    assert len(exams) == 1
    assert [(one.what, one.kind, one.reason) for one in skipped] == [
        (str(root / "empty.dcm"), "empty", "the file is empty"),
        (str(root / "gone"), "unreadable", "is no file, or a link that leads nowhere"),
        (str(root / "notes.dcm"), "not DICOM", "is no DICOM file"),
    ]


def test_the_plans_are_the_same_whatever_the_order_of_the_files(tmp_path, archive):
    for number in range(6):
        archive("x" * (number + 1), StudyInstanceUID=f"1.{number}")
    first = [plan.id for plan in DicomSource(tmp_path / "archive").plans()]
    assert first == sorted(first)
    assert all(isinstance(plan, ExamPlan) for plan in DicomSource(tmp_path / "archive").plans())


def test_no_folder_and_no_file_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"folder not found: .*nowhere"):
        list(DicomSource(tmp_path / "nowhere").plans())
    with pytest.raises(DataError, match=r"no file below .*; expected DICOM files, of any name"):
        list(DicomSource(tmp_path).plans())


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageLaterality": "R", "ViewPosition": "MLO"},
        {"Laterality": "R", "ViewPosition": "MLO "},
        {"ImageLaterality": "R", "ViewCodeSequence": coded(codes.cid4014.MedioLateralObliqueProjection)},
        {"ImageLaterality": "R", "ViewCodeSequence": coded(codes.cid4014.CranioCaudal, "R-10226", "SRT")},
        {"ImageLaterality": "R", "ViewCodeSequence": coded(codes.cid4014.CranioCaudal, "R-10226", "SNM3")},
        {"SeriesDescription": "R MLO"},
        {"SeriesDescription": "screening", "ProtocolName": "Right_MLO"},
        {"AcquisitionDeviceProcessingDescription": "RMLO Combo"},
        {"ImageLaterality": "R", "ViewPosition": "MLO", "SeriesDescription": "L CC"},
        {"ViewPosition": "RMLO", "ImageLaterality": "R"},
    ],
)
def test_side_and_projection_are_found_in_the_tags(archive, tags):
    assert view(archive, **tags) == "R-MLO"


@pytest.mark.parametrize(
    ("tags", "kind", "told"),
    [
        ({"Laterality": "R"}, "contradiction", "its tags name more than one laterality: L and R"),
        (
            {"ViewCodeSequence": coded(codes.cid4014.MedioLateralProjection)},
            "contradiction",
            "its tags name more than one view: CC and ML",
        ),
        (
            {"ViewPosition": None, "SeriesDescription": "L CC", "ProtocolName": "L MLO"},
            "contradiction",
            "its tags name more than one view: CC and MLO",
        ),
        ({"ImageLaterality": None}, "no laterality", "no tag names the laterality; expected ImageLaterality or"),
        ({"ViewPosition": None}, "no view", "no tag names the view; expected ViewPosition of CC or MLO"),
        ({"ImageLaterality": "B"}, "both breasts", r"shows both breasts \(laterality B\); expected L or R"),
        ({"ViewPosition": "XCCL"}, "other view", "shows the view XCCL; the views used are CC and MLO"),
        ({"Modality": "CT", "SOPClassUID": SecondaryCaptureImageStorage}, "other modality", "modality CT; expected MG"),
        ({"Modality": None, "SOPClassUID": None}, "other modality", "modality unknown; expected MG"),
        ({"NumberOfFrames": 40}, "multi-frame", "holds 40 frames; expected one image"),
        (
            {"SOPClassUID": BreastTomosynthesisImageStorage, "NumberOfFrames": 40},
            "tomosynthesis",
            "is a tomosynthesis of 40 slices; expected a full-field mammogram",
        ),
        ({"BreastImplantPresent": "YES"}, "implant", r"shows an implant \(BreastImplantPresent is YES\)"),
        ({"PartialView": "YES"}, "partial view", r"shows a part of the breast \(PartialView is YES\)"),
        ({"QualityControlImage": "YES"}, "special view", "is a quality control image"),
        ({"EstimatedRadiographicMagnificationFactor": "1.8"}, "magnification", "is magnified 1.8 times; expected at"),
        ({"SeriesDescription": "L CC Spot"}, "spot view", "is described as spot; expected a full view"),
        ({"PaddleDescription": "10CM MAG"}, "magnification", "is described as mag; expected a full view"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, "synthesized", "from a tomosynthesis"),
        ({"SeriesDescription": "L CC C-View"}, "synthesized", "is computed from a tomosynthesis; expected a mammogram"),
        ({"StudyInstanceUID": None}, "missing tag", "lacks the tag StudyInstanceUID"),
        ({"SOPInstanceUID": None}, "missing tag", "lacks the tag SOPInstanceUID"),
        ({"Rows": None}, "missing tag", "gives its size as 0 rows, 40 columns"),
    ],
)
def test_what_is_no_full_field_view_is_refused_with_a_reason(archive, tags, kind, told):
    found = reason(archive, **tags)
    assert found[0] == kind
    assert re.search(told, found[1])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (codes.cid4015.SpotCompression, "spot view"),
        (codes.cid4015.Magnification, "magnification"),
        (codes.cid4015.ImplantDisplaced, "implant"),
        (codes.cid4015.RolledMedial, "special view"),
    ],
)
def test_view_modifiers_are_found_at_the_top_and_inside_the_view(archive, code, kind):
    assert reason(archive, ViewModifierCodeSequence=coded(code))[0] == kind
    inside = coded(codes.cid4014.CranioCaudal, inside=coded(code))
    assert reason(archive, ViewCodeSequence=inside)[0] == kind


def test_modifiers_that_leave_the_whole_breast_in_sight_are_no_reason(archive):
    whole = coded(codes.cid4015.NippleInProfile)
    assert view(archive, ImageLaterality="L", ViewPosition="CC", ViewModifierCodeSequence=whole) == "L-CC"


def test_digitised_films_and_synthesized_images_are_taken_where_that_is_right(archive):
    film = {"Modality": "OT", "SOPClassUID": SecondaryCaptureImageStorage, "BodyPartExamined": "BREAST"}
    assert view(archive, ImageLaterality="L", ViewPosition="CC", **film) == "L-CC"
    path = archive("made", ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"])
    assert read_mammogram(path, synthesized=True).view == "L-CC"


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "061Y"}, 61.0),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": None, "PatientBirthDate": "19630201", "StudyDate": "20240131"}, 60.0),
        ({"PatientAge": None, "PatientBirthDate": "19630201", "StudyDate": None}, None),
        ({"PatientAge": None, "PatientBirthDate": "20300201"}, None),
        ({"PatientAge": None, "PatientBirthDate": "1963.02.30"}, None),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DA:UserWarning")
def test_the_age_is_found_or_left_unknown(archive, tags, age):
    assert read_mammogram(archive("one", **tags)).metadata["age"] == age


@given(data=st.data())
def test_damaged_headers_give_a_record_or_our_error(tmp_path_factory, dicom, write, data):
    path = write(dicom(ViewCodeSequence=coded(codes.cid4014.CranioCaudal)), tmp_path_factory.mktemp("fuzz") / "image")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(128, min(len(content), 1100) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        found = read_mammogram(path)
    except UnusableError as error:
        assert error.kind
        assert error.reason
    else:
        assert found is None or found.view in VIEWS
