"""Specs: every mistake at once, each with file, line, column and key."""

from __future__ import annotations

import textwrap
from pathlib import Path

import attrs
import pytest
import toys

from taskfusion.errors import SpecError
from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.plugins import build_registry
from taskfusion.spec import load_spec, resolved, with_base
from taskfusion.yamlfile import dump_yaml

GOOD = """\
name: first
cohort: {reader: toy, cases: 60}
tasks:
  a: {task: case_toy, noise: 0.3}
  detection_toy:
targets: [ill]
fusers:
  P: {fuser: svm, detections: [1, 2], C: 10}
  max: {tasks: [a]}
"""


def write(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def mistakes(path, registry, overrides=()):
    """What is said of a spec, without the folder."""
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry, overrides)
    assert [str(problem) for problem in caught.value.problems] == str(caught.value).splitlines()
    return str(caught.value).replace(f"{path.parent}/", "").splitlines()


def test_a_good_spec(tmp_path, registry):
    spec = load_spec(write(tmp_path, GOOD), registry)
    assert spec.name == "first" and list(spec.tasks) == ["a", "detection_toy"]
    assert spec.tasks["a"].config.noise == 0.3 and spec.fusers[0].detections == (1, 2)
    assert spec.fusers[1].name == "max" and spec.fusers[1].tasks == ("a",)
    assert spec.reader.config.cases == 60 and spec.targets == ("ill",) and spec.evaluation.replicates == 2000


def test_the_resolved_spec_loads_again_and_says_the_same(tmp_path, registry):
    first = resolved(load_spec(write(tmp_path, GOOD), registry))
    again = resolved(load_spec(write(tmp_path, dump_yaml(first)), registry))
    assert first == again and first["tasks"]["a"] == {"task": "case_toy", "noise": 0.3, "size": 1}


def test_all_mistakes_come_at_once_with_their_places(tmp_path, registry):
    text = """\
    cohort: {reader: toi}
    taks: {}
    tasks:
      case_toy: {nois: 1, size: big}
      view_toi: {}
      t: {task: table, columns: [1], box: [a, b, c, 3], views: [L, 2]}
    fusers:
      P: {fuser: svm, tasks: [view], detections: 0, C: [1, x]}
      Q: {fuser: svm, padding: zer}
      R: 3
      S: {fuser: svm, detection: 2}
    seed: -1
    evaluation: {replicas: 5}
    targets: {ill: 1}
    """
    found = mistakes(write(tmp_path, text), registry)
    for line, part in zip(
        found,
        (
            "s:1:10: cohort.reader: unknown reader 'toi' (did you mean 'toy'?)",
            "s:2:1: taks: unknown key (did you mean 'tasks'?)",
            "s:4:14: tasks.case_toy.nois: unknown key (did you mean 'noise'?); known: noise, size, task",
            "s:4:23: tasks.case_toy.size: expected int, found 'big'",
            "s:5:3: tasks.view_toi: unknown task 'view_toi' (did you mean 'view_toy'?)",
            "s:6:20: tasks.t.columns: unknown key",
            "s:6:49: tasks.t.box[3]: expected str, found 3",
            "s:6:64: tasks.t.views[1]: expected str, found 2",
            "s:8:27: fusers.P.tasks[0]: unknown task 'view' (did you mean 'view_toi'?)",
            "s:8:34: fusers.P.detections: [0] must be whole numbers from 1",
            "s:8:56: fusers.P.C[1]: expected float, found 'x'",
            "s:9:19: fusers.Q.padding: unknown padding 'zer' (did you mean 'zero'?)",
            "s:10:3: fusers.R: expected a mapping of options, found 3",
            "s:11:19: fusers.S.detection: unknown key (did you mean 'detections'?)",
            "s:12:1: seed: 'seed' must be >= 0: -1",
            "s:13:14: evaluation.replicas: unknown key (did you mean 'replicates'?)",
            "s:14:1: targets: expected a list, found {'ill': 1}",
        ),
        strict=True,
    ):
        assert line.startswith(part.replace("s:", "spec.yaml:", 1)), (line, part)


def test_an_own_check_of_a_configuration_is_placed_at_the_option_it_is_about(tmp_path, registry):
    text = """\
    cohort: {reader: toy}
    tasks:
      t: {task: table,
          level: cas, scores: {a: b}}
      u: {task: table, path: x.csv}
      name of my own: {}
    fusers:
      P: {fuser: sklearn, estimator: os.system}
      Q: {fuser: sklearn, params: {Z: 1}}
      case: {fuser: max, preset: small}
    """
    assert [line[:90] for line in mistakes(write(tmp_path, text), registry)] == [
        line[:90]
        for line in (
            "spec.yaml:4:7: tasks.t.level: unknown level 'cas' (did you mean 'case'?); known: case, detection, view",
            "spec.yaml:5:3: tasks.u: task 'table' at level 'case' needs scores: {class: column}",
            "spec.yaml:6:3: tasks.\"name of my own\": unknown task 'name of my own'; known: case_toy, detection_toy,",
            "spec.yaml:8:3: fusers.P: unknown scikit-learn classifier 'os.system'; known: AdaBoostClassifier, Bagg",
            "spec.yaml:9:3: fusers.Q: classifier 'LogisticRegression': unknown parameter 'Z'; known: C, class_weight",
            "spec.yaml:10:22: fusers.case.preset: unknown key; known: calibrate, detections, fuser, joint, missing",
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x", ["cohort", "tasks", "fusers"]),
        ("cohort: {reader: toy}\ntasks: [a]\nfusers: {max: }", "2:1: tasks: expected a mapping of names, found ['a']"),
        ("cohort: toy\ntasks: {case_toy: }\nfusers: {max: }", "1:1: cohort: expected a mapping with the key 'reader'"),
        (GOOD + "title: 3", "10:1: title: expected str, found 3"),
        (f"{GOOD}evaluation: 3", "10:1: evaluation: expected a mapping of options, found 3"),
        (GOOD.replace("first", "a/b"), "1:1: name: name 'a/b' cannot be that of a folder"),
        (GOOD.replace("P:", "..:"), '8:3: fusers."..": expected a name that can be that of a folder'),
        (GOOD.replace("svm", "[svm]"), "8:7: fusers.P.fuser: expected str, found ['svm']"),
        (GOOD.replace("case_toy", "3"), "4:7: tasks.a.task: expected the name of a task, found 3"),
        (GOOD.replace("noise: 0.3", "preset: 3"), "4:23: tasks.a.preset: unknown key"),
        (GOOD.replace("C: 10", "C: .nan"), "8:39: fusers.P.C: expected a finite number, found nan"),
        (
            GOOD.replace("C: 10", f"C: {'9' * 400}"),
            "8:39: fusers.P.C: expected a finite number, found a number of",
        ),
        (GOOD.replace("cases: 60", "cases: 2026-01-31"), "2:23: cohort.cases: expected int, found '2026-01-31'"),
    ],
)
def test_single_mistakes(tmp_path, registry, text, message):
    found = mistakes(write(tmp_path, text), registry)
    if isinstance(message, list):
        assert found == [f"spec.yaml:1:1: {key}: this section is missing or empty" for key in message]
    else:
        assert found[0].startswith(f"spec.yaml:{message}")


def test_places_point_at_the_key_or_the_item(tmp_path, registry):
    text = f"""{GOOD}evaluation:\n  seed: x\n  confidence: [1]\ncross_fit:   -1\n"""
    text = text.replace("C: 10", "C: [1, 2, x]").replace("noise", "nöise")
    path = write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry)
    pointed = [text.splitlines()[p.line - 1][p.column - 1 :].split(":")[0] for p in caught.value.problems]
    assert pointed == ["nöise", "x]}", "seed", "confidence", "cross_fit"]


def test_own_checks_speak_beside_wrong_types(tmp_path, registry):
    """A class that cannot be built for one value still says what is wrong with the others, inside it too."""
    text = GOOD.replace("name: first", "name: ..") + "seed: -1\ncross_fit: x\n"
    found = mistakes(write(tmp_path, text + "evaluation: {seed: x, replicates: -5, cross_validation: -1}\n"), registry)
    assert [line.split(":", 3)[3] for line in found] == [
        " name: name '..' cannot be that of a folder",
        " seed: 'seed' must be >= 0: -1",
        " cross_fit: expected int, found 'x'",
        " evaluation.seed: expected int, found 'x'",
        " evaluation.replicates: 'replicates' must be >= 0: -5",
        " evaluation.cross_validation: 'cross_validation' must be >= 0: -1",
    ]


def test_padding_may_have_options_of_its_own(tmp_path, registry):
    spec = load_spec(write(tmp_path, GOOD.replace("C: 10", "padding: {padding: background}")), registry)
    assert type(spec.fusers[0].padding).__name__ == "BackgroundPadding"
    assert type(spec.fusers[1].padding).__name__ == "ZeroPadding"
    found = mistakes(write(tmp_path, GOOD.replace("C: 10", "padding: {padding: zero, depth: 1}")), registry)
    assert found[0].startswith("spec.yaml:8:64: fusers.P.padding.depth: unknown key")


def test_a_preset_is_chosen_by_name(tmp_path, registry):

    class Preset(toys.CaseToy):
        presets = {"loud": {"noise": 9.0}}  # noqa: RUF012  # as plugins write it

    toys.Preset = Preset
    try:
        registry = build_registry([toys, _PresetPlugin], entry_points=False)
        text = GOOD.replace("case_toy", "preset_toy").replace("noise: 0.3", "preset: loud")
        assert load_spec(write(tmp_path, text), registry).tasks["a"].config.noise == 9
        found = mistakes(write(tmp_path, text.replace("loud", "lout")), registry)
        assert "4:25: tasks.a.preset: unknown preset of task 'preset_toy' 'lout' (did you mean 'loud'?)" in found[0]
        found = mistakes(write(tmp_path, text.replace("loud", "[loud]")), registry)
        assert "4:25: tasks.a.preset: expected the name of a preset, found ['loud']" in found[0]
    finally:
        del toys.Preset


class _PresetPlugin:
    @staticmethod
    @hookimpl
    def taskfusion_tasks():
        return [Entry("preset_toy", "toys:Preset", "with a preset")]


def test_relative_paths_start_at_the_file_they_stand_in(tmp_path, registry, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.yaml").write_text("cohort: {reader: table, path: t.csv, labels: {ill: y}}\n")
    text = "extends: sub/base.yaml\ntasks: {t: {task: table, path: p.csv, scores: {ill: s}}}\nfusers: {max: }\n"
    spec = load_spec(write(tmp_path, text), registry)
    assert spec.reader.config.path == tmp_path / "sub" / "t.csv"
    assert spec.tasks["t"].config.path == tmp_path / "p.csv"
    monkeypatch.chdir(tmp_path / "sub")
    spec = load_spec(tmp_path / "spec.yaml", registry, ["tasks.t.path=here.csv", "cohort.path=/root.csv"])
    assert spec.tasks["t"].config.path == tmp_path / "sub" / "here.csv" and str(spec.reader.config.path) == "/root.csv"


def test_paths_anywhere_in_a_configuration_get_their_base():
    @attrs.frozen
    class Inner:
        path: Path

    @attrs.frozen
    class Outer:
        inner: Inner
        many: tuple[Path, ...]
        named: dict[str, Path]
        other: int = 3

    seen = []

    def base(keys):
        seen.append(keys)
        return Path("/base")

    given = Outer(Inner(Path("a")), (Path("b"), Path("/c")), {"d": Path("d")})
    based = with_base(given, base)
    assert based == Outer(Inner(Path("/base/a")), (Path("/base/b"), Path("/c")), {"d": Path("/base/d")})
    assert seen == [("inner", "path"), ("many", 0), ("named", "d")]


def test_overrides(tmp_path, registry):
    path = write(tmp_path, GOOD)
    spec = load_spec(path, registry, ["tasks.a.noise=2", "evaluation.replicates=10", "targets=[bad]"])
    assert spec.tasks["a"].config.noise == 2 and spec.evaluation.replicates == 10 and spec.targets == ("bad",)
    assert load_spec(path, registry, ["fusers.P.detections.0=4"]).fusers[0].detections == (4, 2)
    assert load_spec(path, registry, ["fusers.P.detections[1]=4"]).fusers[0].detections == (1, 4)


def test_a_mistake_in_an_override_is_named_by_it_and_all_come_at_once(tmp_path, registry):
    found = mistakes(write(tmp_path, GOOD), registry, ["noise", "tasks.a.nois=1", "fusers.P.detections=[1, x]", "a=["])
    assert found == [
        "--set 'noise': expected KEY.KEY=VALUE, a name with dots in quotes: tasks.\"a.b\".columns[0]=x",
        "--set 'a=[': not valid YAML: expected the node content, but found '<stream end>'",
        "--set 'tasks.a.nois=1': tasks.a.nois: unknown key (did you mean 'noise'?); known: noise, size, task",
        "--set 'fusers.P.detections=[1, x]': fusers.P.detections[1]: expected int, found 'x'",
    ]


def test_problems_say_where_as_data(tmp_path, registry):
    path = write(tmp_path, GOOD.replace("noise", "nois"))
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry, ["seed=x"])
    first, second = [problem.data() for problem in caught.value.problems]
    assert first["file"] == str(path) and first["line"] == 4 and first["column"] == 23
    assert first["path"] == "tasks.a.nois" and first["message"].startswith("unknown key")
    assert second == {
        "file": "--set 'seed=x'",
        "line": None,
        "column": None,
        "path": "seed",
        "message": "expected int, found 'x'",
    }


def test_a_plugin_that_does_not_load_is_one_mistake_among_others(tmp_path):
    class Gone:
        @staticmethod
        @hookimpl
        def taskfusion_tasks():
            return [Entry("gone", "no_such_module_here:Task")]

    registry = build_registry([toys, Gone], entry_points=False)
    found = mistakes(write(tmp_path, GOOD.replace("case_toy", "gone").replace("svm", "smv")), registry)
    assert found[0].startswith("spec.yaml:4:3: tasks.a: task 'gone' of given in code - does not load")
    assert found[1].startswith("spec.yaml:8:7: fusers.P.fuser: unknown fuser 'smv'") and len(found) == 2


def test_one_mistake_is_one_line_whatever_a_plugin_says(tmp_path, registry, monkeypatch):
    def check(self):
        raise SpecError("first\nsecond")

    monkeypatch.setattr(toys.ToyConfig, "check", check, raising=False)
    found = mistakes(write(tmp_path, GOOD), registry)
    assert found == ["spec.yaml:4:3: tasks.a: first second", "spec.yaml:5:3: tasks.detection_toy: first second"]
