"""validate, explain and schema as a person meets them."""

from __future__ import annotations

import json

import pytest

SPEC = """\
cohort: {reader: toy, cases: 90}
tasks: {case_toy: , detection_toy: }
fusers: {P: {fuser: svm, detections: [1, 2]}, max: {tasks: [case_toy]}}
"""


@pytest.fixture
def call(monkeypatch, program, registry, tmp_path):
    """Run the program in this process, in an empty folder; gives (exit code, output, errors)."""
    monkeypatch.setattr("taskfusion.plugins.build_registry", lambda: registry)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(SPEC)
    (tmp_path / "bad.yaml").write_text(SPEC.replace("svm", "smv").replace("90", "x"))
    return program


def test_a_right_spec_has_a_summary(call):
    code, out, err = call("validate", "good.yaml")
    assert (code, err) == (0, "")
    assert out == "good.yaml: right; cohort toy, 2 tasks, 2 fusers, all targets\n"
    _, out, _ = call("validate", "good.yaml", "--set", "targets=[ill]", "--set", "fusers.P=null")
    assert out == "good.yaml: right; cohort toy, 2 tasks, 1 fuser, targets ill\n"


def test_every_mistake_of_every_spec_is_printed_and_the_code_is_1(call):
    code, out, err = call("validate", "good.yaml", "bad.yaml", "gone.yaml")
    assert code == 1 and out.startswith("good.yaml: right")
    lines = [line.removeprefix("error: ").strip() for line in err.splitlines()]
    assert lines[0] == "bad.yaml:1:23: cohort.cases: expected int, found 'x'"
    assert lines[1].startswith("bad.yaml:3:14: fusers.P.fuser: unknown fuser 'smv' (did you mean 'svm'?)")
    assert lines[2:] == ["spec not found: gone.yaml"]


def test_mistakes_as_json(call):
    code, out, err = call("validate", "bad.yaml", "gone.yaml", "good.yaml", "--json", "--set", "seed=x")
    first, second, third, fourth, fifth = json.loads(out)
    assert code == 1 and err == ""
    assert first == {
        "spec": "bad.yaml",
        "file": "bad.yaml",
        "line": 1,
        "column": 23,
        "path": "cohort.cases",
        "message": "expected int, found 'x'",
    }
    assert second["path"] == "fusers.P.fuser" and third["file"] == "--set 'seed=x'" and third["line"] is None
    assert fourth["message"] == "spec not found: gone.yaml" and fifth["spec"] == "good.yaml"
    assert call("validate", "good.yaml", "--json") == (0, "[]\n", "")


def test_data_is_looked_at_when_asked_for(call, monkeypatch):
    code, out, _ = call("validate", "good.yaml", "--data")
    assert code == 0 and "; 90 cases (train 48, validation 14, test 28); ill: " in out
    code, _, err = call("validate", "good.yaml", "--data", "--set", "targets=[il]")
    assert code == 1 and "targets[0]: unknown target 'il' (did you mean 'ill'?)" in err
    monkeypatch.setattr("toys.ToyReader.read", None)  # whoever reads now, fails
    assert call("validate", "good.yaml")[0] == 0


def test_explain_prints_the_whole_way(call, monkeypatch):
    monkeypatch.setattr("toys.ToyReader.read", None)
    code, out, _ = call("explain", "good.yaml", "--set", "cohort.cases=70", "--set", "fusers.feat={}")
    assert code == 0
    assert out.splitlines()[:3] == ["good", "  cohort: toy (numbers)", "    cases: 70"]
    for part in (
        "    case_toy: case_toy (level case), is trained first\n      level: case\n",
        "      scores: (cases, 1 class): ill\n",
        "      views: L, R\n",
        "      detections per view: 1 or 2, searched on validation AUC; fewer are filled up by padding zero\n"
        "      score columns: 3 or 5: case_toy/ill, detection_toy/L/1, detection_toy/L/2, detection_toy/R/1,",
        "    max: max (the largest score; the usual baseline)\n      sees case_toy\n",
        "      score columns: 1: case_toy/ill\n",
        "      features of detection_toy: (cases, 6, 8)\n",
        "  targets: all that the cohort declares\n    judged on the cohort's split test, or else validation\n",
        "  the run's folder: runs/good/\n    spec.yaml ",
    ):
        assert part in out
    _, out, _ = call("explain", "good.yaml", "--set", "fusers.P.detections=4")
    assert "score columns: 9: case_toy/ill, detection_toy/L/1, " in out and ", … detection_toy/R/4\n" in out


def test_explain_says_what_is_not_known_and_what_cannot_work(call, tmp_path):
    text = SPEC.replace("case_toy: ,", "case_toy: {task: sklearn}, t: {task: table, scores: {a: b}}, ")
    (tmp_path / "s.yaml").write_text(text)
    _, out, _ = call("explain", "s.yaml", "--set", "fusers.Q={fuser: feat, tasks: [t]}", "--set", "title=Why")
    assert out.startswith("s: Why\n")
    assert "is trained first\n      level: case\n      scores and features: known after training\n" in out
    assert "score columns: known once those of case_toy are\n" in out
    assert "      WARNING: none of its tasks has features\n" in out and "table (predictions somebody already has" in out


def test_explain_as_json_and_on_a_terminal(call, monkeypatch):
    code, out, _ = call("explain", "good.yaml", "--json")
    assert code == 0 and json.loads(out)["tasks"][0]["scores"] == "(cases, 1 class)"
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, _ = call("explain", "good.yaml")
    assert code == 0 and "├── " in out and "score columns: 3 or 5" in out


def test_explain_of_a_wrong_spec_is_its_mistakes(call):
    code, out, err = call("explain", "bad.yaml")
    assert code == 1 and out == "" and "bad.yaml:1:23: cohort.cases: expected int, found 'x'" in err


def test_schema_is_printed_or_written(call, tmp_path):
    code, out, _ = call("schema")
    assert code == 0 and json.loads(out)["$schema"].endswith("2020-12/schema")
    code, printed, _ = call("schema", "-o", "sub/s.json")
    assert code == 0 and "schema   sub/s.json" in printed and "# yaml-language-server: $schema=s.json" in printed
    assert (tmp_path / "sub" / "s.json").read_text() == out
