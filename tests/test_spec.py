"""Specs: every mistake at once, each with file, line and key."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import SpecError
from taskfusion.plugins import build_registry
from taskfusion.spec import load_spec, resolved
from taskfusion.yamlfile import override, parse_yaml

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


def test_a_good_spec(tmp_path, registry):
    spec = load_spec(write(tmp_path, GOOD), registry)
    assert spec.name == "first" and list(spec.tasks) == ["a", "detection_toy"]
    assert spec.tasks["a"].config.noise == 0.3 and spec.fusers[0].detections == (1, 2)
    assert spec.fusers[1].name == "max" and spec.fusers[1].tasks == ("a",)
    assert spec.reader.config.cases == 60 and spec.targets == ("ill",) and spec.evaluation.replicates == 2000


def test_the_resolved_spec_loads_again_and_says_the_same(tmp_path, registry):
    import yaml

    first = resolved(load_spec(write(tmp_path, GOOD), registry))
    again = resolved(load_spec(write(tmp_path, yaml.safe_dump(first)), registry))
    assert first == again and first["tasks"]["a"] == {"task": "case_toy", "noise": 0.3, "size": 1}


def test_all_mistakes_come_at_once_with_their_lines(tmp_path, registry):
    text = """\
    cohort: {reader: toi}
    taks: {}
    tasks:
      case_toy: {nois: 1, size: big}
      view_toi: {}
    fusers:
      P: {fuser: svm, tasks: [view], detections: 0}
      Q: {fuser: svm, padding: zer}
      R: 3
    seed: -1
    evaluation: {replicas: 5}
    targets: {ill: 1}
    """
    with pytest.raises(SpecError) as caught:
        load_spec(write(tmp_path, text), registry)
    message = str(caught.value)
    for part in (
        ":1: cohort: unknown reader 'toi' (did you mean 'toy'?)",
        ":2: taks: unknown key (did you mean 'tasks'?)",
        ":4: tasks.case_toy.nois: unknown key (did you mean 'noise'?)",
        ":4: tasks.case_toy.size: expected int, found 'big'",
        ":5: tasks.view_toi: unknown task 'view_toi' (did you mean 'view_toy'?)",
        ":7: fusers.P.tasks: unknown task 'view'",
        ":7: fusers.P.detections: [0] must be whole numbers from 1",
        ":8: fusers.Q.padding: unknown padding 'zer' (did you mean 'zero'?)",
        ":9: fusers.R: expected a mapping of options, found 3",
        ":10: seed: expected a whole number from 0, found -1",
        ":11: evaluation.replicas: unknown key (did you mean 'replicates'?)",
        ":12: targets: expected a list of names",
    ):
        assert part in message
    assert len(message.splitlines()) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"spec.yaml:1:6: not valid YAML|spec.yaml:\d+:\d+: not valid YAML"),
        ("- 1", r"expected a mapping with cohort, tasks and fusers, found list"),
        ("cohort: {}\ncohort: {}", r"spec.yaml:2: cohort: this key stands here twice"),
        ("name: x", r"cohort: this section is missing or empty"),
        ("cohort: toy\ntasks: {case_toy: }\nfusers: {max: }", r":1: cohort: expected a mapping with the key 'reader'"),
        ("cohort: {reader: toy}\ntasks: [a]\nfusers: {max: }", r":2: tasks: expected a mapping of names, found list"),
        ("cohort: {reader: toy}\ntasks: {case_toy: }\nfusers: {max: }\nname: 3", r":4: name: expected text, found 3"),
    ],
)
def test_single_mistakes(tmp_path, registry, text, message):
    with pytest.raises(SpecError, match=message):
        load_spec(write(tmp_path, text), registry)


def test_a_spec_that_is_not_there(tmp_path, registry):
    with pytest.raises(SpecError, match=r"spec not found: .*nowhere.yaml"):
        load_spec(tmp_path / "nowhere.yaml", registry)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"spec not readable: .*binary.yaml"):
        load_spec(tmp_path / "binary.yaml", registry)


def test_overrides(tmp_path, registry):
    path = write(tmp_path, GOOD)
    spec = load_spec(path, registry, ["tasks.a.noise=2", "evaluation.replicates=10", "targets=[bad]"])
    assert spec.tasks["a"].config.noise == 2 and spec.evaluation.replicates == 10 and spec.targets == ("bad",)
    for text, message in (
        ("noise", r"--set 'noise': expected KEY.KEY=VALUE"),
        ("name.x=1", r"--set 'name.x=1': 'name' is not a section"),
        ("name=[", r"--set 'name=\[': the value is not valid YAML"),
    ):
        with pytest.raises(SpecError, match=message):
            load_spec(path, registry, [text])


@given(st.text(max_size=80))
def test_any_text_gives_data_or_one_clear_error(text):
    try:
        parse_yaml(text, "x.yaml")
    except SpecError as error:
        assert str(error).startswith("x.yaml")


KEYS = st.sampled_from(["cohort", "tasks", "fusers", "reader", "case_toy", "svm", "C", "detections", "targets", "x"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["toy", "svm", "max", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_malformed_specs_give_spec_errors_only(tree):
    import json
    import tempfile
    from pathlib import Path

    import toys

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.yaml"
        path.write_text(json.dumps(tree))
        try:
            load_spec(path, build_registry([toys], entry_points=False))
        except SpecError as error:
            assert "\0" not in str(error)


def test_override_leaves_the_original_alone():
    file = parse_yaml("a: {b: 1}", "x")
    assert override(file, ["a.b=2"]).data == {"a": {"b": 2}} and file.data == {"a": {"b": 1}}
