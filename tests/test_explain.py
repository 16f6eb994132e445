"""What a spec means: shapes that hold when it runs, and what is known only later is said to be so."""

from __future__ import annotations

import json

import pytest
import toys

from taskfusion.explain import AFTER_READING, AFTER_TRAINING, explain
from taskfusion.pipeline.describe import parts_of
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.spec import load_spec

SPEC = """\
title: Toys
cohort: {reader: toy, cases: 60}
tasks:
  case: {task: case_toy}
  view: {task: view_toy}
  box: {task: detection_toy}
  learned: {task: sklearn}
  narrow: {task: table, path: gone.csv, scores: {ill: p, well: q}}
  wide: {task: table, path: gone.csv, level: view, views: [L, R], scores: {ill: p}, features: [f_*]}
  found: {task: table, path: gone.csv, level: detection}
targets: [ill]
fusers:
  P: {fuser: svm, tasks: [case, view, box], detections: [1, 2]}
  feat: {tasks: [case, view, box], detections: 2}
  max: {tasks: [narrow, wide]}
  any: {fuser: svm, tasks: [narrow, found]}
  learner: {fuser: svm, tasks: [learned]}
  bare: {fuser: feat, tasks: [narrow]}
"""


@pytest.fixture
def flow(tmp_path, registry):
    """Its tables do not exist: nothing is read."""
    (tmp_path / "s.yaml").write_text(SPEC)
    return explain(load_spec(tmp_path / "s.yaml", registry), registry)


def by_name(parts):
    return {part.name: part for part in parts}


def test_tasks_say_their_shapes(flow):
    tasks = by_name(flow.tasks)
    assert (tasks["case"].level, tasks["case"].scores, tasks["case"].features) == (
        "case",
        "(cases, 1 class)",
        "(cases, 16)",
    )
    assert (tasks["view"].scores, tasks["view"].features) == ("(cases, 2 views, 1 class)", "(cases, 2 views, 8)")
    assert tasks["box"].scores == "(detections,), each with a box and one of 2 classes, in 2 views"
    assert tasks["box"].features == "(detections, 8), and one per view where nothing was detected"
    assert not tasks["case"].ready and tasks["case"].unknown == "" and tasks["box"].classes == ("mild", "bad")


def test_what_is_known_only_later_is_said_to_be_so(flow):
    tasks = by_name(flow.tasks)
    assert (tasks["learned"].level, tasks["learned"].scores, tasks["learned"].unknown) == ("case", "", AFTER_TRAINING)
    assert (tasks["narrow"].scores, tasks["narrow"].features, tasks["narrow"].ready) == (
        "(cases, 2 classes)",
        "none",
        True,
    )
    assert (tasks["wide"].scores, tasks["wide"].features) == ("(cases, 2 views, 1 class)", AFTER_READING)
    assert (tasks["found"].level, tasks["found"].scores, tasks["found"].unknown) == ("detection", "", AFTER_READING)


def test_fusers_say_what_they_see(flow):
    fusers = by_name(flow.fusers)
    assert fusers["P"].columns[2][:4] == ("case/ill", "view/L", "view/R", "box/L/1")
    assert {n: len(names) for n, names in fusers["P"].columns.items()} == {1: 5, 2: 7}
    assert (fusers["P"].padding, fusers["P"].detections, fusers["P"].blocks) == ("zero", (1, 2), {})
    assert fusers["feat"].padding == "background"
    assert fusers["feat"].blocks == {"case": "(cases, 2, 8)", "view": "(cases, 2, 8)", "box": "(cases, 4, 8)"}
    assert fusers["max"].columns == {0: ("narrow/ill", "narrow/well", "wide/L", "wide/R")}
    assert (fusers["max"].padding, fusers["max"].detections) == ("", ())
    assert (fusers["any"].columns, fusers["any"].unknown, fusers["any"].padding) == ({}, ("found",), "zero")
    assert (fusers["learner"].unknown, fusers["learner"].detections) == (("learned",), ())
    assert fusers["bare"].warning == "none of its tasks has features" and not fusers["feat"].warning


def test_the_shapes_hold_when_it_runs(tmp_path, registry):
    text = SPEC.split("  learned")[0] + "fusers: {P: {fuser: svm, C: 1, detections: 2}, max: {tasks: [box, view]}}\n"
    (tmp_path / "s.yaml").write_text(text)
    spec = load_spec(tmp_path / "s.yaml", registry)
    told = explain(spec, registry)
    parts = parts_of(spec)
    pipeline = FusionPipeline(parts.tasks, parts.plans, ["ill"]).fit(toys.toy_cohort(60))
    outputs = pipeline.predict(toys.toy_cohort(60)).outputs
    for fuser, plan in zip(told.fusers, parts.plans, strict=True):
        found = plan.assembler(toys.toy_cohort(60).target("ill"), max(fuser.columns))(plan.sees(outputs))
        assert found.scores.columns == fuser.columns[max(fuser.columns)]


def test_the_run_and_its_judge(tmp_path, registry, flow):
    assert flow.folder == "runs/s" and "test" in flow.judged and "folds/" not in flow.run
    assert flow.run["tasks/"].startswith("case, view, box") and {"report.html", "model/"} <= set(flow.run)
    (tmp_path / "s.yaml").write_text(SPEC)
    spec = load_spec(tmp_path / "s.yaml", registry, ["evaluation.cross_validation=4"])
    assert explain(spec, registry).judged == "cross-validation of 4 folds over groups"
    assert "folds/" in explain(spec, registry).run


def test_it_is_json(flow):
    data = json.loads(json.dumps(flow.data()))
    assert data["reader"] == "toy" and data["options"] == {"cases": 60} and data["targets"] == ["ill"]
    assert data["fusers"][0]["columns"]["1"][0] == "case/ill" and data["tasks"][0]["views"] == []
