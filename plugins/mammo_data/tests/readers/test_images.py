import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from mammo_data import plugin
from mammo_data.imagefile import MammogramFile
from mammo_data.synthetic import LESION_CLASSES, VIEWS
from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError, SpecError, TaskFusionError
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress
from taskfusion.testing.readers import check_reader

HEADER = "case,patient,file,view,side,cancer,birads,part,age,xmin,ymin,xmax,ymax,label"
ROWS = """
e1,p1,a.png,CC,L,0,b,train,61,,,,,
e1,p1,b.png,MLO,left,1,,train,61,2,3,8,9,malignant_mass
e1,p1,b.png,MLO,left,1,,train,61,4,5,6,7,benign_mass
e1,p1,c.png,cc,R,0,B,train,61,,,,,
e2,p1,d.png,MLO,right,0,4,train,63,,,,,
e3,p2,e.png,CC,L,,,test,50,,,,,
"""
OPTIONS = {
    "group": "patient",
    "laterality": "side",
    "labels": {"malignancy": "cancer"},
    "density": "birads",
    "split": "part",
    "boxes": {},
}


@pytest.fixture
def folder(tmp_path):
    """A table, and an image for every file that it names."""
    for number, name in enumerate("abcde"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 15), 1000 + number, np.uint16))
    return tmp_path


def read(folder, text=ROWS, header=HEADER, progress=None, **options):
    path = folder / "table.csv"
    path.write_text(header + text)
    given = {name: value for name, value in {**OPTIONS, **options}.items() if value != "absent"}
    given |= {"folder": given.pop("images_in")} if "images_in" in given else {}
    reader = build_registry([plugin], entry_points=False).create("reader", "mammograms", {"path": str(path), **given})
    return reader.read(progress or Progress())


def test_rows_about_images_become_exams(folder):
    cohort = read(folder)
    assert cohort.ids == ("e1", "e2", "e3")
    assert cohort.views == VIEWS
    assert [list(case.views) for case in cohort.cases] == [["L-CC", "L-MLO", "R-CC"], ["R-MLO"], ["L-CC"]]
    assert cohort.groups.tolist() == ["p1", "p1", "p2"]
    assert cohort.split.tolist() == ["train", "train", "test"]
    assert cohort.label("malignancy").tolist() == [1, 0, UNKNOWN]
    assert cohort.label("density").tolist() == [1, 3, UNKNOWN]
    assert [case.metadata for case in cohort.cases] == [{"age": 61}, {"age": 63}, {"age": 50}]
    assert cohort.cases[1].views["R-MLO"].read()[0, 0] == 1003


def test_boxes_stand_in_the_same_table(folder):
    boxes = read(folder).annotations
    assert boxes.classes == LESION_CLASSES
    assert boxes.case.tolist() == [0, 0]
    assert boxes.view.tolist() == [VIEWS.index("L-MLO")] * 2
    assert boxes.boxes.tolist() == [[2, 3, 8, 9], [4, 5, 6, 7]]
    assert [LESION_CLASSES[label] for label in boxes.labels] == ["malignant_mass", "benign_mass"]


def second_table(folder, text, **options):
    (folder / "boxes.csv").write_text("image,x,y,w,h,what\n" + text)
    edges = ["x", "y", "w", "h"]
    given = {"path": str(folder / "boxes.csv"), "file": "image", "edges": edges, "format": "xywh", "label": "what"}
    return read(folder, boxes={**given, **options})


def test_boxes_stand_in_a_table_of_their_own(folder):
    rename = {"cancer": "malignant_mass", "clip": None}
    boxes = second_table(folder, "d.png,1,2,3,4,cancer\nd.png,1,2,3,4,clip\n", rename=rename).annotations
    assert boxes.case.tolist() == [1]
    assert boxes.boxes.tolist() == [[1, 2, 4, 6]]


def test_complete_boxes_give_the_labels_that_no_column_gives(folder):
    cohort = read(folder, boxes={"complete": True}, labels={})
    assert cohort.label("lesion").tolist() == [1, 0, 0]
    assert cohort.label("malignancy").tolist() == [1, 0, 0]
    assert list(cohort.targets) == ["lesion", "malignancy"]
    assert cohort.target("malignancy").counts(LESION_CLASSES).tolist() == [False, False, True, True]
    assert read(folder, boxes={"complete": True}).label("malignancy").tolist() == [1, 0, UNKNOWN]


def test_without_a_column_of_the_side_the_view_names_it(folder):
    text = "\ne1,left cc,a.png\ne1,R_MLO,b.png\ne1,LMLO,c.png\ne2,front,d.png\ne2,R-CC,e.png"
    plain = dict.fromkeys(("group", "laterality", "density", "boxes"), "absent")
    cohort = read(folder, text, "case,view,file", **plain, labels={}, split=None, views={"front": None})
    assert [list(case.views) for case in cohort.cases] == [["L-CC", "R-MLO", "L-MLO"], ["R-CC"]]
    assert cohort.split is None
    assert cohort.targets == {}


def test_views_go_by_the_names_that_the_spec_maps(folder):
    views = {"1": "CC", "2": "MLO", "9": None}
    text = ROWS.replace(",CC,", ",1,").replace(",MLO,", ",2,").replace(",cc,", ",9,")
    cohort = read(folder, text, views=views)
    assert [list(case.views) for case in cohort.cases] == [["L-CC", "L-MLO"], ["R-MLO"], ["L-CC"]]


def test_a_split_is_drawn_by_patient(folder):
    split = read(folder, split={"train": 0.5, "test": 0.5}, seed=1).split
    assert split[0] == split[1]


def test_files_that_are_not_there_are_refused_or_their_views_dropped(folder):
    (folder / "b.png").unlink()
    (folder / "e.png").unlink()
    with pytest.raises(DataError, match=r"2 images are not in .*: b\.png, e\.png; .*missing_files: drop"):
        read(folder)
    said = []
    progress = type("Heard", (Progress,), {"say": lambda self, message: said.append(message)})()
    cohort = read(folder, missing_files="drop", progress=progress)
    assert cohort.ids == ("e1", "e2")
    assert list(cohort.cases[0].views) == ["L-CC", "R-CC"]
    assert len(cohort.annotations) == 0
    assert "2 images of" in said[0]


def test_a_table_of_which_no_image_is_there_is_refused(folder):
    with pytest.raises(DataError, match="no exam has an image that can be used"):
        read(folder, images_in=str(folder / "elsewhere"), missing_files="drop")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "e1,p1,c.png,cc,R",
            "e1,p1,c.png,cc,L",
            r"rows 2 and 5: case 'e1' has two images of view L-CC: 'a.png' and 'c.png'",
        ),
        (
            "e3,p2,e.png",
            "e3,p2,d.png",
            "'d.png' is view R-MLO of case 'e2' and view L-CC of case 'e3'; expected a file",
        ),
        ("c.png,cc,R", "c.png,cc,B", "row 5, column 'side' is 'B'; expected L, R, left or right"),
        ("c.png,cc,R", "c.png,ML,R", "row 5, column 'view' is 'ML'; expected L-CC, .*map others with the option views"),
        ("c.png", "", "row 5, column 'file' is empty; expected a file"),
        ("R,0,B", "R,0.5,B", "row 5, column 'cancer' is 0.5; expected a whole number from 0, or nothing where"),
        ("R,0,B", "R,0,e", "row 5, column 'birads' is 'e'; expected a, b, c, d, or 1, 2, 3, 4, or nothing"),
        ("R,0,B", "R,0,C", "row 5, column 'birads' is 'C', and another row of the same case says otherwise"),
        (
            "e1,p1,c.png",
            "e1,p9,c.png",
            "row 5, column 'patient' is 'p9', and another row of the same case says otherwise",
        ),
        ("4,train,63", "4,test,63", "group 'p1' is in both train and test; expected one split"),
        ("4,train,63", "4,dev,63", "row 6, column 'part' is 'dev'; expected one of train, validation, test"),
        ("2,3,8,9", "2,3,8,", "row 3, column 'ymax' is nan is empty|row 3, column 'ymax' is empty; expected all four"),
        ("2,3,8,9", "2,3,1,9", "row 3, column 'xmax' is 1.0, which leaves no box; expected xyxy in pixels, from 0"),
        ("2,3,8,9", "-2,3,8,9", "row 3, column 'xmin' is -2.0, which leaves no box"),
        (
            "2,3,8,9,malignant_mass",
            "2,3,8,9,mass",
            r"row 3, column 'label' is 'mass' \(did you mean '.*_mass'\?\); known",
        ),
    ],
)
def test_what_a_row_gets_wrong_is_named(folder, old, new, message):
    assert old in ROWS
    with pytest.raises(DataError, match=message):
        read(folder, ROWS.replace(old, new, 1))


def test_what_the_second_table_or_the_spec_gets_wrong_is_named(folder):
    with pytest.raises(
        DataError, match=r"boxes.csv, row 2, column 'image' is 'z.png', which no row of the images' table"
    ):
        second_table(folder, "z.png,1,2,3,4,benign_mass\n")
    with pytest.raises(DataError, match=r"table.csv: no column 'x0' \(did you mean 'xmin'\?\)|no column 'x0'"):
        read(folder, boxes={"edges": ["x0", "ymin", "xmax", "ymax"]})
    with pytest.raises(LookupError, match="unknown label for a target 'cancer'"):
        read(folder, targets=["cancer"])
    with pytest.raises(SpecError, match="missing_files"):
        read(folder, missing_files="ignore")


def test_the_reader_keeps_the_contract(folder):
    read(folder)
    from mammo_data.readers.images import MammogramReader

    check_reader(MammogramReader, path=str(folder / "table.csv"), **OPTIONS).raise_for_failures()
    assert "needs a table and its images" in str(check_reader(MammogramReader))


def test_dicom_is_told_by_its_content_and_colours_by_theirs(tmp_path, folder):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    image = Dataset()
    image.Rows, image.Columns, image.SamplesPerPixel, image.PhotometricInterpretation = 3, 4, 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = "OW"
    image.SOPClassUID, image.SOPInstanceUID = "1.2", "1.3"
    from pydicom.dataset import FileMetaDataset

    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    image.save_as(tmp_path / "a.png", enforce_file_format=True)
    source = MammogramFile(tmp_path / "a.png")
    np.testing.assert_array_equal(source.read(), pixels)
    before = source.fingerprint()
    grey = np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3, 1), 3, axis=2)
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    np.testing.assert_array_equal(source.read(), grey[..., 0])
    assert source.fingerprint() != before
    grey[0, 0, 0] = 200
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    with pytest.raises(DataError, match=r"image of colours: .*a\.png; expected grey values, or three equal channels"):
        source.read()
    with pytest.raises(DataError, match="image not found"):
        MammogramFile(tmp_path / "none.png").read()


@given(
    st.lists(
        st.lists(st.sampled_from(["", "e1", "L", "CC", "0", "-1", "nan", "1e999", "é", '"', "train"]), max_size=16)
    )
)
def test_any_table_gives_a_cohort_or_our_error(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        read(folder, "\n" + "\n".join(",".join(row) for row in rows))
    except TaskFusionError as error:
        assert str(error)
