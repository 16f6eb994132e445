"""Task ``table`` with COCO detections: what a table of the same boxes says, and errors that name file and entry."""

import copy
import json
import re

import numpy as np
import pandas as pd
import pytest
from asking import answered, same
from hypothesis import given, settings
from hypothesis import strategies as st

from taskfusion.cases import Case
from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, SpecError
from taskfusion.tasks.table import TableConfig, TableTask

LISTED = {
    "images": [
        {"id": 1, "file_name": "a_L.png", "exam": "A1", "side": "L"},
        {"id": 2, "file_name": "png/a_R.png", "exam": "A1", "side": "R"},
        {"id": "x", "file_name": "b_L.png", "exam": 7, "side": "L"},
    ],
    "categories": [{"id": 3, "name": "mal"}, {"id": 1, "name": "ben"}],
}
RESULTS = [
    {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.25, "vec": [1, 2]},
    {"image_id": 2, "category_id": 1, "bbox": [0, 0, 0.5, 4], "score": 1, "vec": [3, 4]},
    {"image_id": 1, "category_id": 3, "bbox": [-1, 2, 3, 4], "score": 0.75, "vec": [5, 6]},
]


@pytest.fixture
def coco(tmp_path):
    """Write results and listing, and make a task of them."""

    def make(results=RESULTS, listed=LISTED, **options):
        (tmp_path / "d.json").write_text(results if isinstance(results, str) else json.dumps(results))
        if listed is not None:
            (tmp_path / "l.json").write_text(json.dumps(listed))
            options = {"coco": str(tmp_path / "l.json"), **options}
        given = {"path": str(tmp_path / "d.json"), "level": "detection", "views": ["L", "R"], **options}
        return TableTask(structure(TableConfig, given, "task"))

    return make


def refused(task, message, kind=DataError):
    paths = {"PATH": str(task.config.path), "LISTED": str(task.config.coco)}
    for word, path in paths.items():
        message = message.replace(word, path)
    with pytest.raises(kind, match="^" + re.escape(message)):
        task.predict([Case.of("a")])


def test_results_beside_a_listing(coco):
    task = coco(features=["vec"])
    output = answered(task, "b", "a")
    found = output.detections
    assert task.spec.classes == ("ben", "mal") and task.spec.views == ("L", "R") and task.spec.feature_size == 2
    assert found.offsets.tolist() == [0, 0, 0, 2, 3]
    assert found.boxes.tolist() == [[-1, 2, 2, 6], [1, 2, 4, 6], [0, 0, 0.5, 4]]
    assert found.labels.tolist() == [1, 1, 0] and found.scores.tolist() == [0.75, 0.25, 1]
    assert found.features.tolist() == [[5, 6], [1, 2], [3, 4]]


def test_only_listed_images_were_looked_at(coco):
    assert answered(coco(), "b", "a").present.tolist() == [[True, False], [True, True]]
    assert answered(coco(missing="empty"), "b", "z").present.all()
    assert answered(coco(missing="mask"), "z", "b").present.tolist() == [[False, False], [True, False]]
    refused(coco(LISTED | {"annotations": []}, None, views=["R"]), "PATH, image 1: file name 'a_L.png' ends in none of")


def test_one_file_with_everything(coco):
    same(answered(coco(LISTED | {"annotations": RESULTS}, None), "a", "b"), answered(coco(), "a", "b"))


def test_nothing_found_at_all(coco):
    output = answered(coco([]), "a")
    assert output.present.all() and not len(output.detections)
    assert output.spec.classes == ("ben", "mal")


def test_case_and_view_from_keys(coco):
    keys = {"case_key": "exam", "view_key": "side", "views": []}
    output = answered(coco(**keys), "7", "A1")
    assert output.spec.views == ("L", "R")
    same(output, answered(coco(case_key="exam"), "7", "A1"))
    right = answered(coco(**{**keys, "views": ["R"]}), "A1")
    assert right.present.tolist() == [[True]] and len(right.detections) == 1


def test_chosen_classes_and_score_key(coco):
    renamed = [{**entry, "p": entry["score"]} for entry in RESULTS]
    output = answered(coco(renamed, classes=["mal", "ben", "other"], score="p"), "a")
    assert output.spec.classes == ("mal", "ben", "other") and output.detections.labels.tolist() == [0, 0, 1]


@st.composite
def tables(draw):
    """Boxes whose corners and sizes are exact in float32, as rows of a table and as COCO."""
    rows, results = [], []
    for image, (case, view) in enumerate([("0", "L"), ("0", "R"), ("1", "L"), ("1", "R")]):
        count = draw(st.integers(0, 3))
        for k in range(count):
            x, y, w, h = (draw(st.integers(1, 200)) / 4 for _ in range(4))
            category, score = draw(st.integers(0, 1)), draw(st.floats(0, 1, width=32))
            x += 100 * k
            text = {"case": case, "view": view, "label": ["mal", "ben"][category]}
            rows.append({**text, "xmin": x, "ymin": y, "xmax": x + w, "ymax": y + h, "score": score, "f/0": w})
            results.append({"image_id": image, "category_id": category, "bbox": [x, y, w, h], "score": score, "f": [w]})
        if not count:
            rows.append({"case": case, "view": view})
    names = ["case", "view", "label", "xmin", "ymin", "xmax", "ymax", "score", "f/0"]
    return pd.DataFrame(rows, columns=names), draw(st.permutations(results))


@settings(settings.get_profile("heavy"))  # every example writes files
@given(drawn=tables())
def test_a_table_and_coco_of_the_same_boxes_answer_alike(drawn, tmp_path_factory):
    frame, results = drawn
    if not results:
        return
    folder = tmp_path_factory.mktemp("both")
    frame.to_csv(folder / "t.csv", index=False)
    images = [{"id": k, "file_name": f"{k // 2}_{'LR'[k % 2]}.png"} for k in range(4)]
    listed = {"images": images, "categories": [{"id": 0, "name": "mal"}, {"id": 1, "name": "ben"}]}
    (folder / "d.json").write_text(json.dumps({**listed, "annotations": results}))
    options = {"level": "detection", "views": ("L", "R"), "classes": ("ben", "mal")}
    table = TableTask(TableConfig(path=folder / "t.csv", features=("f/0",), **options))
    coco = TableTask(TableConfig(path=folder / "d.json", features=("f",), **options))
    same(answered(coco, "1", "0"), answered(table, "1", "0"))


def test_saved_model_outlives_its_files(coco, tmp_path):
    task = coco(RESULTS[:1], features=["vec"])  # no detection is of class ben, and b has none at all
    expected, fingerprint = answered(task, "b", "a"), task.fingerprint()
    folder = tmp_path / "model"
    folder.mkdir()
    task.save(folder)
    task.config.path.unlink()
    task.config.coco.unlink()
    loaded = TableTask.load(folder)
    assert loaded.fingerprint() == fingerprint and loaded.spec.classes == ("ben", "mal")
    same(answered(loaded, "b", "a"), expected)
    (folder / "weights" / "table.json").write_text(json.dumps({"content": "", "saved": ""}))
    with pytest.raises(ModelFolderError, match=r"table\.parquet was changed after it was saved"):
        TableTask.load(folder)


def test_fingerprint_follows_both_files(coco):
    first = coco().fingerprint()
    assert coco().fingerprint() == first
    listed = copy.deepcopy(LISTED)
    listed["images"][0]["exam"] = "other"
    assert coco(listed=listed).fingerprint() != first != coco(RESULTS[:1]).fingerprint()


def changed(**changes):
    return [RESULTS[0], {**RESULTS[1], **changes}]


@pytest.mark.parametrize(
    "results, options, message",
    [
        (
            changed(bbox=[1, 2, 3]),
            {},
            "detection 2 has bbox [1, 2, 3]; expected four finite numbers: x, y, width, height",
        ),
        (
            changed(bbox=[1, 2, 3, float("nan")]),
            {},
            "detection 2 has bbox [1, 2, 3, nan]; expected four finite numbers",
        ),
        (changed(bbox=[1, 2, 3, True]), {}, "detection 2 has bbox [1, 2, 3, True]; expected four finite numbers"),
        (changed(bbox=[1, 2, 10**400, 1]), {}, "detection 2 has bbox [1, 2, 1000"),
        (changed(bbox=[1, 2, 3, 0]), {}, "detection 2 has bbox [1, 2, 3, 0]; expected width and height above 0"),
        (
            changed(bbox=[1e8, 2, 0.1, 1]),
            {},
            "detection 2 has bbox [100000000.0, 2, 0.1, 1]; expected width and height",
        ),
        (changed(score=1.5), {}, "detection 2 has score 1.5; expected a score from 0 to 1"),
        (changed(score=float("nan")), {}, "detection 2 has score nan; expected a score from 0 to 1"),
        (changed(score="0.5"), {}, "detection 2 has score '0.5'; expected a score from 0 to 1"),
        (
            changed(category_id=9),
            {},
            "detection 2 has category_id 9, which LISTED does not list; known: 3 (mal), 1 (ben)",
        ),
        (changed(image_id="1"), {}, "detection 2 has image_id '1', which is none of the 3 images of LISTED"),
        (changed(image_id=[1]), {}, "detection 2 has image_id [1], which is none of the 3 images of LISTED"),
        (changed(), {"classes": ["mal"]}, "detection 2 has category 'ben'; expected one of mal"),
        (changed(), {"score": "scor"}, "detection 1 has no 'scor' (did you mean 'score'?); known: bbox"),
        (changed(vec=[1]), {"features": ["vec"]}, "detection 2 has a vec of 1 numbers; expected 2, as in detection 1"),
        (changed(vec=[1, None]), {"features": ["vec"]}, "detection 2 has vec [1, None]; expected finite numbers"),
        (changed(vec=[]), {"features": ["vec"]}, "detection 2 has vec []; expected finite numbers"),
        ([RESULTS[0], 3], {}, "detection 2 is 3; expected a mapping with image_id, category_id, bbox and score"),
    ],
)
def test_bad_detections(coco, results, options, message):
    refused(coco(results, **options), f"PATH, {message}")


def test_the_same_box_twice(coco):
    refused(coco([RESULTS[0], RESULTS[1], RESULTS[0]]), "PATH, detections 1 and 3 are both about one box of case 'a'")


def test_the_truth_is_no_prediction(coco):
    truth = [{key: value for key, value in RESULTS[0].items() if key != "score"}]
    message = (
        "PATH, detection 1 has no 'score'; known: bbox, category_id, image_id, vec; annotations without scores are"
    )
    refused(coco(LISTED | {"annotations": truth}, None), message)


@pytest.mark.parametrize(
    "results, listed, message",
    [
        ("[{", LISTED, "PATH is not JSON: Expecting property name"),
        (
            '[{"image_id": 1',
            LISTED,
            "PATH is not JSON: Expecting ',' delimiter: line 1 column 16 (char 15); the file seems",
        ),
        ("[" * 100_000, LISTED, "table not readable: PATH: "),
        ("3", LISTED, "PATH holds int; expected COCO's list of results, or a COCO file"),
        (RESULTS, None, "PATH is a list of results; name the file that lists images and categories, as coco: FILE"),
        (LISTED | {"annotations": RESULTS}, LISTED, "PATH lists images and categories itself; leave out coco"),
        (LISTED, None, "PATH has no list 'annotations'; known: categories, images"),
        (RESULTS, [], "LISTED has no list 'images'"),
        (RESULTS, {"image": []}, "LISTED has no list 'images' (did you mean 'image'?); known: image"),
    ],
)
def test_files_that_are_no_coco(coco, results, listed, message):
    refused(coco(results, listed), message)


def test_missing_files(coco, tmp_path):
    task = coco(coco=str(tmp_path / "none.json"))
    refused(task, "table not found: LISTED")
    task.config.path.unlink()
    refused(task, "table not found: PATH")


def listing(section, *entries):
    return {**LISTED, section: [*LISTED[section], *entries]}


@pytest.mark.parametrize(
    "listed, options, message",
    [
        (
            listing("images", {"id": 1, "file_name": "c_L.png"}),
            {},
            "LISTED, image 4 has id 1, which another one has too",
        ),
        (
            listing("images", {"id": 9, "file_name": "a_L.tif"}),
            {},
            "LISTED, images 1 and 4 are both view 'L' of case 'a'",
        ),
        (listing("images", {"id": 9}), {}, "LISTED, image 4 has file_name None; expected text or a whole number"),
        (listing("images", {"id": 9.5}), {}, "LISTED, image 4 has id 9.5; expected a whole number or text"),
        (listing("images", 5), {}, "LISTED, image 4 is 5; expected a mapping with an id"),
        (
            listing("images"),
            {"case_key": "exm"},
            "LISTED, image 1 has exm None; expected text or a whole number (did you",
        ),
        (listing("images"), {"views": ["C"]}, "LISTED, image 1: file name 'a_L.png' ends in none of the views C"),
        (
            listing("images"),
            {"case_key": "exam", "view_key": "side", "views": ["l"]},
            "LISTED: no image is of view l; found: L, R",
        ),
        ({**LISTED, "images": []}, {}, "LISTED lists no images"),
        ({**LISTED, "categories": []}, {}, "LISTED lists no categories"),
        (listing("categories", {"id": 9, "name": "mal"}), {}, "LISTED: two categories are called 'mal'"),
    ],
)
def test_bad_listings(coco, listed, options, message):
    refused(coco(listed=listed, **options), message)


def test_no_detection_no_length_of_features(coco):
    refused(
        coco([], features=["vec"]), "PATH has no detection, so nobody knows how long a 'vec' is; leave out features"
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"level": "view"}, "task 'table': JSON holds COCO detections; expected level: detection, not view"),
        ({"box": ["a", "b", "c", "d"]}, "task 'table': box is for CSV and Parquet; COCO's JSON has its own names"),
        ({"view_key": "side"}, "task 'table': view_key needs case_key, the key of the image that holds the case"),
        ({"views": []}, "task 'table' needs views, to find them at the end of the images' file names; or view_key"),
    ],
)
def test_options_that_do_not_go_together(coco, options, message):
    refused(coco(**options), message, SpecError)


def test_options_of_coco_alone(tmp_path):
    (tmp_path / "t.csv").write_text("case\n1\n")
    task = TableTask(TableConfig(path=tmp_path / "t.csv", level="detection", case_key="exam"))
    refused(task, "task 'table': coco, case_key and view_key are for COCO; expected a .json file as path", SpecError)


def test_views_a_case_does_not_have(coco):
    asked = [Case.of("a", {"L": np.zeros((9, 9))})]
    assert coco(RESULTS[:1]).predict(asked).present.tolist() == [[True, False]]
