"""Whether a spec fits its data, each mistake with its place in the spec; nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest
import toys

from taskfusion.datacheck import check_data, cohort_summary
from taskfusion.spec import load_spec

SPEC = "cohort: {reader: table, path: t.csv, labels: {ill: y}, split: part}\ntasks: {t: %s}\nfusers: {max: }\n"
TASK = "{task: table, scores: {ill: p}}"
TABLE = "case,y,p,part\na,0,0.1,train\nb,1,0.9,train\nc,0,0.2,test\n"


@pytest.fixture
def checked(tmp_path, registry):
    """Writes a spec and its tables; gives the cohort and the mistakes without the folder."""

    def check(text, *overrides, table=TABLE):
        (tmp_path / "s.yaml").write_text(text)
        (tmp_path / "t.csv").write_text(table)
        spec = load_spec(tmp_path / "s.yaml", registry, overrides)
        cohort, problems = check_data(spec)
        return cohort, [str(problem).replace(f"{tmp_path}/", "") for problem in problems]

    return check


def test_a_spec_that_fits(checked):
    cohort, problems = checked(SPEC % TASK)
    assert not problems and cohort_summary(cohort) == "3 cases (train 2, test 1); ill: 1 of 3 positive"


def test_a_cohort_that_cannot_be_built(checked):
    cohort, problems = checked(SPEC % TASK, table="case,y\na,0\n")
    assert cohort is None and problems[0].startswith("s.yaml:1:1: cohort: t.csv: no column 'part'")


def test_targets(checked):
    text = SPEC % TASK + "targets: [ill, il]\n"
    assert checked(text)[1] == [
        "s.yaml:4:16: targets[1]: unknown target 'il' (did you mean 'ill'?); known: ill",
    ]
    one_sided = TABLE.replace("b,1", "b,0").replace("c,0", "c,1")
    assert checked(text.replace(", il]", "]"), table=one_sided)[1] == [
        "s.yaml:4:11: targets[0]: target 'ill' has 0 positive and 2 negative cases to learn from; both are needed"
    ]
    assert checked(text.replace(", il]", "]"), "evaluation.cross_validation=2", table=one_sided)[1] == []
    assert "cohort: target 'ill' has 0 positive" in checked(SPEC % TASK, table=one_sided)[1][0]
    assert checked(SPEC % TASK, "cohort.targets=[]")[1] == [
        "s.yaml:1:1: cohort: the cohort declares no target, so there is nothing to learn"
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("train", "the cohort has no case in split 'test' or 'validation'; give it a split, or set evaluation.cross"),
        ("test", "the cohort has no case in split 'train'; it has test"),
    ],
)
def test_splits(checked, parts, message):
    table = "\n".join(",".join([*line.split(",")[:3], parts]) for line in TABLE.splitlines()[1:])
    found = checked(SPEC % TASK, table=f"case,y,p,part\n{table}\n")[1]
    assert message in found[0]
    assert checked(SPEC % TASK, "evaluation.cross_validation=2", table=f"case,y,p,part\n{table}\n")[1] == []


def test_views_that_no_case_has(tmp_path, registry, monkeypatch):
    text = "cohort: {reader: toy}\ntasks: {view_toy: , case_toy: }\nfusers: {max: }\n"
    (tmp_path / "s.yaml").write_text(text)
    monkeypatch.setattr(toys, "VIEWS", ("L", "X"))  # what the task looks at
    known = toys.toy_cohort(30)
    monkeypatch.setattr(toys.ToyReader, "read", lambda *_: known.with_split(known.split))
    object.__setattr__(known, "views", ("L", "R"))
    _, problems = check_data(load_spec(tmp_path / "s.yaml", registry))
    assert [problem.text for problem in problems] == ["looks at view 'X', which the cohort does not have; known: L, R"]
    assert problems[0].keys == ("tasks", "view_toy") and (problems[0].line, problems[0].column) == (2, 9)


def test_a_table_of_predictions_is_looked_at(checked):
    task = "{task: table, path: t.csv, scores: {ill: q}}"
    _, problems = checked(SPEC % task)
    assert problems[0].startswith("s.yaml:2:9: tasks.t: t.csv: no column 'q'")
    by_view = "{task: table, path: t.csv, level: view, view: part, scores: {ill: p}}"
    assert checked(SPEC % by_view)[1] == []  # the cohort has no images; a table of answers needs none


def test_a_task_that_needs_images_and_a_cohort_without_any(checked):
    text = (SPEC % TASK).replace("t: {task: table, scores: {ill: p}}", "view_toy: ")
    assert checked(text)[1][0].startswith(
        "s.yaml:2:9: tasks.view_toy: looks at view 'L', which the cohort does not have"
    )


def test_summary_of_a_cohort_without_a_split():
    cohort = toys.toy_cohort(10).with_split(None)
    positive = {name: int(np.sum(cohort.label(name))) for name in cohort.targets}
    assert cohort_summary(cohort) == "10 cases (train 10); " + "; ".join(
        f"{name}: {count} of 10 positive" for name, count in positive.items()
    )
