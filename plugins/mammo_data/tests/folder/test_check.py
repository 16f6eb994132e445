import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from attrs import evolve

from mammo_data.folder.check import check_folder
from mammo_data.folder.duplicates import look_print, near_pairs
from mammo_data.folder.pixels import pixel_hash
from mammo_data.synthetic import generate_exam
from taskfusion.errors import DataError
from taskfusion.images import write_png
from taskfusion.progress import Progress


def check(folder, **options):
    return check_folder(folder, Progress(), jobs=1, **options)


@pytest.fixture
def copy(whole, tmp_path):
    """A folder that a test may damage."""
    return shutil.copytree(whole, tmp_path / "copy")


def rewrite(folder, table, change):
    path = folder / f"{table}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def first(**values):
    """Change columns in the first row."""

    def change(frame):
        for name, value in values.items():
            frame.loc[frame.index[0], name] = value
        return frame

    return change


def image(folder, number=4, view="L-CC"):
    return folder / f"images/synthetic-3-{number:05d}/{view}.png"


def pixels(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_a_whole_folder_has_nothing_wrong(whole, made):
    before = made.tree(whole)
    assert check(whole) == {}
    assert made.tree(whole) == before


def test_exams_left_out_as_a_whole_are_nothing_wrong(make, made, folder):
    make(made.Fake({"a": {}, "b": None}))
    assert check(folder) == {}


def harm_missing(folder):
    image(folder).unlink()


def harm_extra(folder):
    (image(folder).parent / "L-XX.png").write_bytes(b"")


def harm_unreadable(folder):
    image(folder).write_bytes(image(folder).read_bytes()[:200])


def harm_size(folder):
    write_png(image(folder), pixels(image(folder))[:40])


def harm_pixels(folder):
    write_png(image(folder), pixels(image(folder)) // 2)


def harm_constant(folder):
    flat = np.full((48, 48), 7, np.uint16)
    write_png(folder / "images/synthetic-3-00000/L-CC.png", flat)
    rewrite(folder, "views", first(sha256=pixel_hash(flat)))


def harm_duplicate(folder):
    rewrite(
        folder, "views", lambda frame: frame.assign(sha256=frame["sha256"].where(frame.index != 0, frame["sha256"][5]))
    )
    shutil.copy(image(folder, 1, "L-MLO"), image(folder, 0, "L-CC"))


HARMS = {
    "missing files": (harm_missing, "synthetic-3-00004 L-CC: "),
    "files that no table names": (harm_extra, "L-XX.png"),
    "unreadable images": (harm_unreadable, "synthetic-3-00004 L-CC: image not readable"),
    "images of another size": (harm_size, "is 48 x 40; the table says 48 x 48"),
    "images that have changed": (harm_pixels, "other pixels than when it was prepared"),
    "images of one grey value": (harm_constant, "holds 7 everywhere"),
    "duplicate images": (harm_duplicate, "synthetic-3-00000 L-CC = synthetic-3-00001 L-MLO"),
}


@pytest.mark.parametrize("kind", HARMS)
def test_harm_to_an_image_is_found_and_nothing_else(copy, kind):
    harm, text = HARMS[kind]
    harm(copy)
    found = check(copy)
    assert list(found) == [kind]
    assert len(found[kind]) == 1 and text in found[kind][0]


ROWS = [
    ("cases", first(density=4), "unknown labels", "density is 4; expected -1..3"),
    ("cases", first(split="tset"), "unknown splits", "'tset'; expected one of train, validation, test"),
    ("lesions", first(label="mole"), "unknown labels", "lesion of class 'mole'"),
    ("lesions", first(xmax=49.0), "boxes outside the image", "leaves 48 x 48"),
    ("lesions", first(ymin=-0.5), "boxes outside the image", "leaves 48 x 48"),
    ("lesions", first(xmin=40.0, xmax=3.0), "boxes without area", "(40, "),
    ("lesions", first(ymax=float("nan")), "boxes without area", "nan)"),
    ("lesions", first(view="L-XX"), "lesions of no view", "L-XX"),
    ("lesions", lambda frame: frame.iloc[:0], "labels that contradict the lesions", "lesion is 1, its lesions say 0"),
    ("views", lambda f: pd.concat([f, f.iloc[:1]]), "views twice", "synthetic-3-00000 L-CC"),
    ("views", first(view="L-XX"), "unknown views", "synthetic-3-00000 L-XX"),
    ("views", lambda f: f[f["case"] != "synthetic-3-00000"], "cases without a view", "synthetic-3-00000"),
    ("cases", lambda f: f.iloc[1:], "views of no case", "synthetic-3-00000 L-CC"),
]


@pytest.mark.parametrize(("table", "change", "kind", "text"), ROWS)
def test_rows_that_cannot_be_are_found(copy, table, change, kind, text):
    rewrite(copy, table, change)
    found = check(copy, images=False)
    assert any(text in line for line in found[kind]), found


def test_cases_and_patients_in_two_splits_are_found(copy):
    def tear(frame):
        frame["split"] = ["train", "test"] * 6
        frame.loc[frame.index[:2], "group"] = "patient 1"
        return pd.concat([frame, frame.iloc[2:3].assign(split="test")])

    rewrite(copy, "cases", tear)
    found = check(copy, images=False)
    assert found["patients in two splits"] == ["patient 1: test and train", "synthetic-3-00002: test and train"]
    assert found["cases twice"] == ["synthetic-3-00002: 2 rows, split test and train"]


def test_all_that_is_wrong_is_said_at_once(copy):
    for number in range(5):
        image(copy, number).unlink()
    rewrite(copy, "lesions", lambda frame: frame.assign(xmax=500.0))
    found = check(copy)
    assert len(found["missing files"]) == 5
    assert len(found["boxes outside the image"]) == len(pd.read_parquet(copy / "lesions.parquet"))


def test_the_same_film_at_another_depth_and_size_looks_alike(make, made, folder):
    views = made.record("a").views
    drawn = [generate_exam(0, index).images["L-CC"] for index in range(2)]
    shrunk = cv2.resize(drawn[0], (112, 144), interpolation=cv2.INTER_AREA) // 16

    def only(pixels):
        return {"views": (evolve(views[0], pixels=pixels),)}

    make(made.Fake({"a": only(drawn[0]), "b": only(shrunk), "c": only(drawn[1])}))
    assert check(folder) == {"images that look alike": ["a L-CC ~ b L-CC"]}
    assert check(folder, images=False) == {}


def test_different_exams_do_not_look_alike(whole):
    prints = np.stack([look_print(pixels(path)) for path in sorted(whole.glob("images/*/*.png"))])
    assert len(prints) == 48
    assert list(near_pairs(prints)) == []
    assert list(near_pairs(np.zeros((3, 32), np.uint8))) == []  # nothing to see resembles nothing


def test_an_unfinished_folder_is_not_checked(copy):
    path = copy / "cohort.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}))
    with pytest.raises(DataError, match="has not ended"):
        check(copy)


def test_images_left_in_place_are_checked_there(make, made, folder, tmp_path):
    raw = tmp_path / "raw/a.png"
    write_png(raw, made.pixels(1))
    views = (evolve(made.record("a").views[0], pixels=made.pixels(1), path=raw),)
    make(made.Fake({"a": {"views": views}}), in_place=True)
    assert check(folder) == {}
    write_png(raw, made.pixels(2))
    assert list(check(folder)) == ["images that have changed"]
    raw.unlink()
    assert check(folder) == {"missing files": [f"a L-CC: {raw}"]}
