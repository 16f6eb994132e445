"""Cases, cohorts and their refusals."""

from __future__ import annotations

import numpy as np
import pytest

from taskfusion.cases import Annotations, Case, Cohort, Target, View
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.images import ArraySource, FileSource, write_png


def small() -> Cohort:
    boxes = Annotations(("mild", "bad"), [0, 2, 2], [1, 0, 1], [[0, 0, 2, 2], [1, 1, 3, 4], [2, 2, 9, 9]], [0, 1, 0])
    cases = [Case.of("a", {}, age=50), Case.of("b", {}, age=60), Case.of("c")]
    split = np.array(["train", "test", "train"])
    return Cohort("small", cases, ("L", "R"), {"ill": [1, 0, 1]}, {"ill": Target("ill")}, split, boxes)


def test_a_case_is_its_own_group_unless_told():
    assert Case("7").group == "7" and Case("7", group="p").group == "p"


def test_select_keeps_labels_split_and_boxes_together():
    part = small().select([2, 0])
    assert part.ids == ("c", "a") and part.labels["ill"].tolist() == [1, 1]
    assert part.annotations.case.tolist() == [1, 0, 0]
    assert part.view_labels().tolist() == [[True, True], [False, True]]
    assert part.view_labels(["bad"]).tolist() == [[True, False], [False, False]]


def test_parts_by_split():
    assert small().part("train").ids == ("a", "c") and len(small().part("validation")) == 0
    assert small().with_split(None).part("train").ids == ("a", "b", "c")


def test_table_shows_labels_and_metadata():
    table = small().table()
    assert table.columns.tolist() == ["case", "group", "split", "ill", "age"] and table.age[1] == 60


def test_fingerprint_changes_with_pixels_labels_and_boxes():
    def one(pixel: int) -> str:
        return Case("a", {"L": View("L", np.full((2, 2), pixel))}).fingerprint()

    assert one(1) == one(1) != one(2)
    cohort = small()
    assert cohort.fingerprint() != cohort.select([0, 1]).fingerprint()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cohort("x", [Case("a"), Case("b"), Case("a")]), r"duplicate case id 'a' in rows 0 and 2"),
        (lambda: Cohort("x", [Case("a")], labels={"ill": [0, 1]}), r"label 'ill' has shape \(2,\); expected \(1,\)"),
        (lambda: Cohort("x", [Case("a")], targets={"ill": Target("ill")}), r"target 'ill' has no label column"),
        (lambda: Cohort("x", [Case("a")], split=np.array([])), r"the split names 0 cases; the cohort has 1"),
        (lambda: Annotations(("m",), [0], [0], [[5, 0, 5, 2]], [0]), r"box in row 0 .* xmin < xmax"),
        (lambda: Annotations(("m",), [0], [0], [[0, 0, np.nan, 2]], [0]), r"expected finite"),
        (lambda: Annotations(("m",), [0], [0], [[0, 0, 1, 2]], [1]), r"labels must lie in 0\.\.0"),
        (lambda: Annotations(("m",), [0, 1], [0], [[0, 0, 1, 2]], [0]), r"columns differ in length: \[1, 2\]"),
        (lambda: Cohort("x", [Case("a")]).view_labels(), r"cohort 'x' has no boxes"),
        (lambda: View("L", 3), r"not an image: int"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_unknown_label_and_target_name_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown label 'il' \(did you mean 'ill'\?\); known: ill"):
        small().label("il")
    with pytest.raises(UnknownNameError, match=r"unknown target 'x'; known: ill"):
        small().target("x")


def test_png_is_lossless_in_16_bit(tmp_path):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(FileSource(tmp_path / "a.png").read(), pixels)
    np.save(tmp_path / "a.npy", pixels)
    assert np.array_equal(FileSource(tmp_path / "a.npy").read(), pixels)
    assert FileSource(tmp_path / "a.png").fingerprint() != FileSource(tmp_path / "a.npy").fingerprint()
    assert ArraySource(pixels).read() is pixels


def test_unreadable_images_name_the_file(tmp_path):
    for name in ("broken.png", "broken.npy"):
        (tmp_path / name).write_bytes(b"no image")
        with pytest.raises(DataError, match=rf"image not readable: .*{name}"):
            FileSource(tmp_path / name).read()
    np.save(tmp_path / "flat.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"image of shape \(3,\) in .*flat.npy"):
        FileSource(tmp_path / "flat.npy").read()
    for ask in (FileSource(tmp_path / "gone.png").read, FileSource(tmp_path / "gone.png").fingerprint):
        with pytest.raises(DataError, match=r"image not found: .*gone.png"):
            ask()
