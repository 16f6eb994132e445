"""Task ``table``: the same answers whatever the order of the rows, and errors that name file, row and column."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asking import answered, cases, same

from taskfusion.cases import Case, Cohort
from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, NotFittedError, SpecError
from taskfusion.outputs import Level, check_output
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.table import TableConfig, TableTask

STUDY = Path(__file__).parents[2] / "../shared/data/nyu_reader_study/reader_study_open.csv"
BOX = ["xmin", "ymin", "xmax", "ymax"]


@pytest.fixture
def table(tmp_path):
    """Write a CSV and make a task of it."""

    def make(text, **options):
        path = tmp_path / "t.csv"
        path.write_text(text)
        return TableTask(structure(TableConfig, {"path": str(path), **options}, "task"))

    return make


def refused(task, message, *ids):
    with pytest.raises(DataError, match=re.escape(message.replace("PATH", str(task.config.path)))):
        task.predict(cases(*ids))


def test_case_level(table):
    task = table("case,p,f1,f2,note\n007,.5,1,2,x\n8,.25,3,4,y\n", scores={"m": "p"}, features=["f*"])
    output = answered(task, "8", "007", "8")
    assert task.spec.classes == ("m",) and task.spec.feature_size == 2
    assert output.scores.tolist() == [[0.25], [0.5], [0.25]]
    assert output.features.tolist() == [[3, 4], [1, 2], [3, 4]]
    assert output.present.all()


def test_ids_from_two_columns(table):
    task = table("exam,side,p\n1,L,0\n1,R,1\n", case=["exam", "side"], scores={"m": "p"})
    assert answered(task, "1-R", "1-L").scores.tolist() == [[1], [0]]


def test_patterns_spare_columns_with_another_meaning(table):
    task = table("case,p,q\n1,0,5\n", scores={"m": "p"}, features=["*"])
    assert answered(task, "1").features.tolist() == [[5]]
    assert answered(table("case,p,q\n1,0,5\n", scores={"m": "p"}, features=["p"]), "1").features.tolist() == [[0]]


def test_features_without_scores(table):
    output = answered(table("case,f\n1,3\n", features="f"), "1")
    assert output.scores.shape == (1, 0) and output.features.tolist() == [[3]]


def test_unknown_cases(table):
    text = "case,p\n1,.5\n"
    message = "PATH: nothing about 6 of 7 cases: 'a', 'b', 'c', 'd', 'e', …; add them, or write missing: mask to go on"
    refused(table(text, scores={"m": "p"}), message, "1", *"abcdef")
    output = answered(table(text, scores={"m": "p"}, missing="mask"), "a", "1")
    assert output.present.tolist() == [False, True]
    np.testing.assert_array_equal(output.scores, np.array([[np.nan], [0.5]], np.float32))


def test_empty_scores(table):
    text = "case,p\n1,.5\n\n2,\n"
    refused(table(text, scores={"m": "p"}), "PATH, row 4, column 'p' is nan; expected a score from 0 to 1", "1")
    assert answered(table(text, scores={"m": "p"}, missing="mask"), "2", "1").present.tolist() == [False, True]


@pytest.mark.parametrize(
    "text, options, message",
    [
        ("case,p\n1,1.5\n", {}, "PATH, row 2, column 'p' is 1.5; expected a score from 0 to 1"),
        ("case,p\n1,-1\n", {"missing": "mask"}, "PATH, row 2, column 'p' is -1; expected a score from 0 to 1"),
        ("case,p\n1,high\n", {}, "PATH, row 2, column 'p' is 'high'; expected a number"),
        ("case,p,f\n1,1,\n", {"features": ["f"]}, "PATH, row 2, column 'f' is nan; expected a finite number"),
        ("case,p,f\n1,1,inf\n", {"features": ["f"]}, "PATH, row 2, column 'f' is inf; expected a finite number"),
        ("case,p\n1,1\n2,1\n1,0\n", {}, "PATH, rows 2 and 4 are both about case '1'"),
        ("case,p\n,1\n", {}, "PATH, row 2, column 'case' is empty; every row needs an id"),
        ("case,pp\n1,1\n", {}, "PATH: no column 'p' (did you mean 'pp'?); known: case, pp"),
        ("cas,p\n1,1\n", {}, "PATH: no column 'case' (did you mean 'cas'?); known: cas, p"),
        ("case,p\n1,1\n", {"features": ["f*"]}, "PATH: no column matches 'f*'; known: "),
    ],
)
def test_bad_rows_at_case_level(table, text, options, message):
    refused(table(text, scores={"m": "p"}, **options), message, "1")


LONG = "case,view,p,q\n1,L,.1,.2\n1,R,.3,.4\n2,R,.5,.6\n"


def test_view_level(table):
    output = answered(table(LONG, level="view", scores={"a": "p", "b": "q"}), "2", "1")
    assert output.spec.views == ("L", "R")
    assert output.present.tolist() == [[False, True], [True, True]]
    expected = [[[np.nan, np.nan], [0.5, 0.6]], [[0.1, 0.2], [0.3, 0.4]]]
    np.testing.assert_array_equal(output.scores, np.array(expected, np.float32))


def test_views_in_the_order_asked_for(table):
    output = answered(table(LONG, level="view", views=["R"], scores={"a": "p"}, features=["q"]), "1", "2")
    assert output.scores.ravel().tolist() == pytest.approx([0.3, 0.5])
    assert output.features.ravel().tolist() == pytest.approx([0.4, 0.6])
    refused(table(LONG, level="view", views=["L"], scores={"a": "p"}), "PATH: nothing about 1 of 1 cases: '2'", "2")


@pytest.mark.parametrize(
    "text, views, message",
    [
        ("1,L,0\n2,L,0\n1,L,1\n", [], "PATH, rows 2 and 4 are both about case '1', view 'L'"),
        ("1,L,0\n1,,0\n", [], "PATH, row 3, column 'view' is empty; expected one of L"),
        ("1,L,0\n1,R,0\n", ["l", "r"], "PATH, column 'view': no row is about l, r; found: L, R"),
        ("1,,0\n", [], "PATH, column 'view' is empty; name the views in the configuration"),
    ],
)
def test_bad_rows_at_view_level(table, text, views, message):
    refused(table("case,view,p\n" + text, level="view", views=views, scores={"m": "p"}), message, "1")


WIDE = "case,p_L,p_R,q_L,q_R,f1_L,f1_R\n1,.1,.3,.2,.4,5,6\n2,,.5,,.6,,7\n"


def test_wide_table_equals_the_long_one(table):
    wide = answered(table(WIDE, level="view", scores={"a": "p_{view}", "b": "q_{view}"}), "2", "1")
    long = answered(table(LONG, level="view", scores={"a": "p", "b": "q"}), "2", "1")
    assert wide.spec == long.spec
    np.testing.assert_array_equal(wide.present, long.present)
    np.testing.assert_array_equal(wide.scores, long.scores)


def test_wide_features(table):
    task = table(WIDE, level="view", views=["R", "L"], scores={"a": "p_{view}"}, features=["f*_{view}"])
    assert answered(task, "1").features.tolist() == [[[6], [5]]]


@pytest.mark.parametrize(
    "text, features, message",
    [
        ("case,p_L,q_L\n1,,.5\n", [], "PATH, row 2, column 'p_L' is nan; expected a score from 0 to 1"),
        ("case,p_L,q_L,p_R\n1,1,1,1\n", [], "PATH: no column 'q_R' (did you mean 'q_L'?)"),
        ("case,x\n1,1\n", [], "PATH: no column matches 'p_{view}'; known: case, x"),
        (
            "case,p_L,p_R,q_L,q_R,f1_L,f1_R,f2_R\n1,1,1,1,1,1,1,1\n",
            ["f?_{view}"],
            "PATH: views have different numbers of feature columns: [1, 2]",
        ),
        ("case,p_L,q_L\n1,1,1\n1,1,1\n", [], "PATH, rows 2 and 3 are both about case '1'"),
    ],
)
def test_bad_wide_tables(table, text, features, message):
    refused(table(text, level="view", scores={"a": "p_{view}", "b": "q_{view}"}, features=features), message, "1")


HEAD = "case,view,xmin,ymin,xmax,ymax,label,score,f\n"
FOUND = HEAD + "1,L,0,0,5,5,mal,.5,1\n1,L,0,0,5,5,ben,.75,2\n2,,,,,,,,\n3,R,1,1,2,2,mal,.25,3\n"


def test_detection_level(table):
    task = table(FOUND, level="detection", features=["f"])
    output = answered(task, "2", "1", "3")
    found = output.detections
    assert task.spec.classes == ("ben", "mal") and task.spec.views == ("L", "R")
    assert found.offsets.tolist() == [0, 0, 0, 2, 2, 2, 3]
    assert found.scores.tolist() == [0.75, 0.5, 0.25]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.features.ravel().tolist() == [2, 1, 3]
    assert found.boxes[2].tolist() == [1, 1, 2, 2]
    assert output.present.all()


def test_views_a_case_does_not_have(table):
    task = table(FOUND, level="detection")
    blank = np.zeros((9, 9))
    asked = [Case.of("1", {"R": blank}), Case.of("3", {"R": blank}), Case.of("2")]
    assert task.predict(asked).present.tolist() == [[True, True], [False, True], [True, True]]


def test_cases_without_detections_by_policy(table):
    refused(table(FOUND, level="detection"), "PATH: nothing about 1 of 2 cases: '9'", "1", "9")
    masked = answered(table(FOUND, level="detection", missing="mask"), "9", "1")
    assert masked.present.tolist() == [[False, False], [True, True]]
    empty = answered(table(FOUND, level="detection", missing="empty"), "9", "1")
    assert empty.present.all() and empty.detections.offsets.tolist() == [0, 0, 0, 2, 2]


def test_chosen_views_and_classes(table):
    task = table(FOUND, level="detection", views=["R"], classes=["mal", "ben"])
    assert answered(task, "3", "1").detections.labels.tolist() == [0]


@pytest.mark.parametrize(
    "row, options, message",
    [
        ("1,L,5,0,5,5,m,1,1", {}, "PATH, row 2, column 'xmax' is 5; expected more than xmin"),
        ("1,L,0,6,5,5,m,1,1", {}, "PATH, row 2, column 'ymax' is 5; expected more than ymin"),
        ("1,L,0,,5,5,m,1,1", {}, "PATH, row 2, column 'ymin' is nan; expected a finite number"),
        ("1,L,0,0,5,5,m,2,1", {}, "PATH, row 2, column 'score' is 2; expected a score from 0 to 1"),
        ("1,L,0,0,5,5,m,,1", {}, "PATH, row 2, column 'score' is nan; expected a score from 0 to 1"),
        ("1,L,0,0,5,5,m,1,x", {"features": ["f"]}, "PATH, row 2, column 'f' is 'x'; expected a number"),
        ("1,L,0,0,5,5,m,1,", {"features": ["f"]}, "PATH, row 2, column 'f' is nan; expected a finite number"),
        ("1,L,0,0,5,5,m,1,1", {"classes": ["a", "b"]}, "PATH, row 2, column 'label' is 'm'; expected one of a, b"),
        ("1,,0,0,5,5,m,1,1\n1,L,0,0,5,5,m,1,1", {}, "PATH, row 2, column 'view' is empty; expected one of L"),
        ("1,L,0,0,5,5,m,1,1\n1,L,0,0,5,5,m,1,2", {}, "PATH, rows 2 and 3 are both about one box of case '1'"),
        ("1,L,,,,,,,", {}, "PATH, column 'label' is empty; name the classes in the configuration"),
        ("1,L,0,0,5,5,m,1,1", {"score": "scor"}, "PATH: no column 'scor' (did you mean 'score'?)"),
    ],
)
def test_bad_detections(table, row, options, message):
    refused(table(HEAD + row + "\n", level="detection", **options), message, "1")


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "task 'table' at level 'case' needs scores: {class: column}"),
        (
            {"level": "detection", "scores": {"a": "p"}},
            "level 'detection' has one score column: write score, not scores",
        ),
        ({"scores": {"a": "p"}, "missing": "empty"}, "missing: empty is for level 'detection'; expected error or mask"),
        ({"scores": {"a": "p"}, "views": ["L"]}, "task 'table' at level 'case' has no views; expected level: view"),
    ],
)
def test_options_that_do_not_go_together(table, options, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        table("case\n1\n", **options).spec  # noqa: B018  # reading it is the test


def test_options_that_do_not_exist():
    with pytest.raises(
        SpecError, match="unknown level 'views' \\(did you mean 'view'\\?\\); known: case, detection, view"
    ):
        TableConfig(level="views")
    with pytest.raises(SpecError, match="unknown missing 'ignore'"):
        structure(TableConfig, {"missing": "ignore"}, "task")


def test_long_views_cannot_come_from_metadata():
    with pytest.raises(SpecError, match="needs a path where a case has several rows; metadata is one row a case"):
        TableTask(TableConfig(level="view", scores={"a": "p"})).predict([])


def test_missing_file(tmp_path):
    task = TableTask(TableConfig(path=tmp_path / "none.csv", scores={"a": "p"}))
    refused(task, "table not found: PATH", "1")


def people(**more):
    return Cohort("c", [Case.of("a", p=0.5, f1=1, f2=2, **more), Case.of("b", p=0.25, f1=3, f2=4)])


def test_metadata():
    task = TableTask(TableConfig(scores={"m": "p"}, features=("f2", "f1")))
    assert task.is_fitted and task.spec.feature_size == 2
    output = check_output(task.predict(people().cases), "t", ["a", "b"])
    assert output.scores.ravel().tolist() == [0.5, 0.25]


def test_metadata_in_chunks_with_repeats():
    task = TableTask(TableConfig(scores={"m": "p"}))
    a, b = people().cases
    assert task.predict([b, a, b]).scores.ravel().tolist() == [0.25, 0.5, 0.25]


def test_patterns_over_metadata_need_a_cohort(tmp_path):
    task = TableTask(TableConfig(scores={"m": "p"}, features=("f*",)))
    assert not task.is_fitted
    unfitted = task.fingerprint(lambda: "data")
    with pytest.raises(NotFittedError, match="learns from a cohort which metadata columns its patterns mean; call fit"):
        task.predict(people().cases)
    task.fit(people(), FitContext())
    assert task.spec.feature_size == 2 and task.fingerprint() != unfitted
    task.save(tmp_path)
    loaded = TableTask.load(tmp_path)
    assert loaded.predict(people(f3=9).cases).features.tolist() == [[1, 2], [3, 4]]
    assert loaded.fingerprint() == task.fingerprint()


def test_wide_metadata():
    task = TableTask(TableConfig(level="view", scores={"m": "p_{view}"}))
    cohort = Cohort("c", [Case.of("a", p_L=0.5, p_R=None), Case.of("b", p_R=1)])
    output = task.fit(cohort, FitContext()).predict(cohort.cases)
    assert output.present.tolist() == [[True, False], [False, True]]
    named = TableTask(TableConfig(level="view", views=("R", "L"), scores={"m": "p_{view}"}))
    assert named.is_fitted and named.predict(cohort.cases).present.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    "value, message",
    [
        (None, "the cases' metadata: nothing about 1 of 2 cases: 'a'; add them"),
        (3, "the cases' metadata, case a, column 'q' is 3; expected a score from 0 to 1"),
        ("x", "the cases' metadata, case a, column 'q' is 'x'; expected a number"),
    ],
)
def test_bad_metadata(value, message):
    with pytest.raises(DataError, match=message):
        TableTask(TableConfig(scores={"m": "q"})).predict([Case.of("a", q=value), Case.of("b", q=0)])


def test_metadata_column_nobody_has():
    task = TableTask(TableConfig(scores={"m": "f11"}))
    with pytest.raises(DataError, match=r"the cases' metadata: no column 'f11' \(did you mean 'f1'\?\)"):
        task.fit(people(), FitContext()).predict(people().cases)
    with pytest.raises(DataError, match=r"the cases' metadata: no column 'f11' \(did you mean 'f1'\?\)"):
        task.predict(people().cases)  # a table without patterns answers without a fit


def test_saved_model_outlives_its_table(table, tmp_path):
    task = table(FOUND, level="detection", features=["f"])
    expected, fingerprint = answered(task, "1", "2"), task.fingerprint()
    folder = tmp_path / "model"
    folder.mkdir()
    task.save(folder)
    task.config.path.unlink()
    loaded = TableTask.load(folder)
    assert loaded.is_fitted and loaded.spec == task.spec and loaded.fingerprint() == fingerprint
    same(answered(loaded, "1", "2"), expected)


def test_damaged_model_folder(table, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    table("case,p,note\n007,1,x\n", scores={"m": "p"}).save(folder)
    saved = folder / "weights" / "table.parquet"
    assert list(pd.read_parquet(saved).columns) == ["case", "p"]
    pd.DataFrame({"case": ["007"], "p": [0.5]}).to_parquet(saved)
    with pytest.raises(ModelFolderError, match=r"saved table cannot be used: .*table\.parquet was changed after"):
        TableTask.load(folder)
    saved.unlink()
    with pytest.raises(ModelFolderError, match=r"saved table cannot be used: .*No such file"):
        TableTask.load(folder)


def test_fingerprint_follows_the_content(table):
    text, options = "case,p\n1,.5\n", {"scores": {"m": "p"}}
    first = table(text, **options).fingerprint()
    assert table(text, **options).fingerprint(lambda: "anything") == first
    assert table(text.replace(".5", ".6"), **options).fingerprint() != first
    assert table(text, **options, missing="mask").fingerprint() != first


@pytest.mark.skipif(not STUDY.is_file(), reason="the NYU reader study is not beside this checkout")
def test_reader_study():
    from sklearn.metrics import roc_auc_score

    frame = pd.read_csv(STUDY, dtype={"case_ID": str})
    task = TableTask(TableConfig(path=STUDY, case=("case_ID", "side"), scores={"malignant": "AI_GMIC_top5_POM"}))
    output = answered(task, *(frame["case_ID"] + "-" + frame["side"]))
    assert len(output) == 720 and output.spec.level is Level.CASE
    assert roc_auc_score(frame["label"], output.scores[:, 0]) == pytest.approx(0.8636, abs=5e-5)
