"""Whatever stands in a spec: it is right, or there is one clear error; nothing in it is imported or run."""

from __future__ import annotations

import copy
import functools
import json
import os
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest
import toys
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskfusion.errors import SpecError
from taskfusion.plugins import build_registry
from taskfusion.schema import spec_schema
from taskfusion.spec import load_spec

MANY = max(200, settings.default.max_examples)
VALID = (
    {
        "name": "first",
        "cohort": {"reader": "toy", "cases": 60},
        "tasks": {"a": {"task": "case_toy", "noise": 0.3}, "detection_toy": None},
        "targets": ["ill"],
        "fusers": {"P": {"fuser": "svm", "detections": [1, 2], "C": 10}, "max": {"tasks": ["a"]}},
    },
    {
        "cohort": {
            "reader": "table",
            "path": "t.csv",
            "case": ["id", "side"],
            "labels": {"ill": "label"},
            "split": {"train": 0.5, "test": 0.5},
            "targets": {"ill": ["mild"], "bad": None},
        },
        "tasks": {
            "seen": {
                "task": "table",
                "path": "p.csv",
                "level": "view",
                "scores": {"ill": "score"},
                "views": ["L", "R"],
            },
            "learned": {"task": "sklearn", "estimator": "SVC", "params": {"C": 2.0}, "columns": ["m_*"]},
        },
        "fusers": {
            "P": {"fuser": "feat", "filters": [4, 8], "padding": {"padding": "zero"}, "tasks": ["learned"]},
            "any": {"fuser": "sklearn", "estimator": "LogisticRegression", "params": {"C": 1}, "grid": {"tol": [0.1]}},
        },
        "evaluation": {"cross_validation": 3, "replicates": 10},
        "seed": 3,
        "cross_fit": 2,
    },
)
ODD = (
    None,
    True,
    -1,
    0,
    10**400,
    float("nan"),
    float("inf"),
    -1e308,
    "",
    "os.system",
    "builtins.eval",
    "__import__('os').system('true')",
    "../../etc/passwd",
    "a/b",
    "x" * 5000,
    "\x00",
    "\x1b[31m",
    "\u202eabc",
    "\ud800",
    "é.ß",
    "yes",
    [],
    {},
    [[[]]],
    {"": 1},
    {"reader": {"reader": "toy"}},
)
KEYS = (
    "tasks",
    "cohort",
    "reader",
    "task",
    "fuser",
    "preset",
    "extends",
    "estimator",
    "detections",
    "padding",
    "<<",
    "_x",
)
TEXTS = (
    "!!python/object/apply:os.system ['true']",
    "!!python/name:os.system",
    "&a [*a]",
    "*nowhere",
    "2026-01-31",
    "0x_",
    "{<<: [1]}",
    "\t",
    "'",
    "- ",
    "%YAML 9",
    "? ",
    "!<tag:yaml.org,2002:int> x",
)


@functools.cache
def _registry():
    return build_registry([toys], entry_points=False)


def _ways(tree, way=()):
    """The way to every part but the whole."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in parts:
        yield (*way, key)
        yield from _ways(inner, (*way, key))


@st.composite
def mutated(draw):
    """A valid spec with up to four parts dropped, renamed, replaced, repeated or moved."""
    tree = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        ways = list(_ways(tree))
        if ways:
            _mutate(draw, tree, draw(st.sampled_from(ways)))
    return tree


def _mutate(draw, tree, way):
    holder = functools.reduce(lambda part, key: part[key], way[:-1], tree)
    key, value = way[-1], functools.reduce(lambda part, key: part[key], way, tree)
    kind = draw(st.sampled_from(["drop", "rename", "retype", "wrap", "repeat"]))
    odd = st.sampled_from(ODD) | st.text(max_size=8) | st.floats() | st.integers()
    if kind == "drop":
        del holder[key]
    elif kind == "rename" and isinstance(holder, dict):
        holder[draw(st.sampled_from(KEYS) | st.text(max_size=8) | st.just(f"{key}s"))] = holder.pop(key)
    elif kind == "wrap":
        holder[key] = draw(st.sampled_from([[value], {"x": value}, [value, value]]))
    elif kind == "repeat" and isinstance(holder, dict):
        holder[f"{key}2"] = value
    else:
        holder[key] = copy.deepcopy(draw(odd))


def _load(text, overrides=()):
    """None for a spec that is right, else the error; anything but a SpecError escapes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        try:
            load_spec(path, _registry(), overrides)
        except SpecError as error:
            return _clear(error)
    return None


def _clear(error):
    """One line for every mistake: where, and what; short, and nothing in it that moves a cursor."""
    lines = str(error).split("\n")
    assert lines and len(lines) == max(1, len(error.problems))
    for line in lines:
        assert len(line) < 3000 and ("s.yaml" in line or line.startswith("--set")), line
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in line), ascii(line)
        assert "object at 0x" not in line and "Traceback" not in line and not line.endswith(": ")
    return error


@given(mutated())
@settings(max_examples=MANY)
def test_a_spec_with_parts_changed_gives_one_clear_error_or_is_right(tree):
    _load(json.dumps(tree))


@given(st.sampled_from(VALID), st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(TEXTS) | st.text(max_size=3))))
@settings(max_examples=MANY)
@example(VALID[0], [(0, "extends: s.yaml\n")])
@example(VALID[1], [(8, "!!python/object/apply:os.system ['true'] ")])
def test_a_spec_with_its_text_changed_gives_one_clear_error_or_is_right(tree, insertions):
    import yaml

    text = yaml.safe_dump(tree, sort_keys=False)
    for position, inserted in insertions:
        text = text[:position] + inserted + text[position:]
    _load(text)


@given(st.binary(max_size=200))
def test_any_bytes_give_one_clear_error_or_are_right(data):
    _load(data)


@given(
    st.lists(
        st.text(max_size=20)
        | st.builds(
            "{}={}".format, st.sampled_from(["a.b", "tasks.a[0]", "tasks.a.noise", '"']), st.sampled_from(TEXTS)
        ),
        max_size=3,
    )
)
def test_any_assignment_gives_one_clear_error_or_is_right(overrides):
    _load(json.dumps(VALID[0]), overrides)


RAN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect")


@pytest.fixture
def seen(monkeypatch):
    """What was run while the test ran, by Python's own audit; a hook cannot be taken away, so it is told to rest."""
    found, watching = [], [True]

    def hook(event, arguments):
        if watching[0] and event in RAN:
            found.append(event)

    sys.addaudithook(hook)
    yield found
    watching[0] = False


@pytest.mark.parametrize(
    "value", ["os.system", "builtins.eval", "trap_of_a_spec:Trap", "trap_of_a_spec", "trap_of_a_spec.Trap"]
)
@pytest.mark.parametrize(
    "way",
    [
        ("tasks", "learned", "estimator"),
        ("tasks", "seen", "task"),
        ("fusers", "any", "estimator"),
        ("fusers", "P", "fuser"),
        ("cohort", "reader"),
        ("fusers", "P", "padding"),
    ],
)
def test_nothing_that_a_spec_names_is_imported_or_run(tmp_path, monkeypatch, seen, way, value):
    _load(json.dumps(VALID[1]))  # what a right spec imports is not the question
    (tmp_path / "trap_of_a_spec.py").write_text("raise SystemExit('the spec was obeyed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen.clear()
    tree = copy.deepcopy(VALID[1])
    functools.reduce(lambda part, key: part[key], way[:-1], tree)[way[-1]] = value
    error = _load(json.dumps(tree))
    assert error is not None and "unknown" in str(error) and repr(value) in str(error)
    assert not seen and "trap_of_a_spec" not in sys.modules


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!python/module:this", "!Trap {}"]
)
def test_tags_are_refused_and_run_nothing(seen, tag):
    error = _load(f"name: {tag}\n{json.dumps(VALID[0])[1:-1]}")
    assert error is not None and not seen
    error = _load(f"cohort:\n  reader: toy\n  cases: {tag}\ntasks: {{case_toy: }}\nfusers: {{max: }}\n")
    assert f"cohort.cases: tag {tag.split()[0]!r} is not allowed; a spec is plain data" in str(error)
    assert not seen


def test_the_audit_would_notice(seen):
    os.system("true")  # the point of the test
    assert seen == ["os.system"]


def test_what_the_schema_refuses_the_library_refuses_too():
    """The other way round the library knows more: options that do not go together."""
    validator = jsonschema.Draft202012Validator(spec_schema(_registry()))
    for tree in VALID:
        assert not list(validator.iter_errors(tree)) and _load(json.dumps(tree)) is None
        for way in _ways(tree):
            changed = copy.deepcopy(tree)
            holder = functools.reduce(lambda part, key: part[key], way[:-1], changed)
            holder[way[-1]] = {"no such key": [None]}
            if list(validator.iter_errors(changed)):
                assert _load(json.dumps(changed)) is not None, way


WAYS = st.sampled_from(["tasks", "fusers.P", "fusers.P.detections[0]", "cohort.reader", "evaluation.seed", "targets"])
VALUES = st.sampled_from(["null", "[1]", "{a: 1}", "x", "!!x", "{<<: 3}", "1e999"])


@given(mutated(), mutated(), st.lists(st.builds("{}={}".format, WAYS, VALUES), max_size=2))
def test_a_spec_over_another_with_assignments_gives_one_clear_error_or_is_right(child, parent, overrides):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "base.s.yaml").write_text(json.dumps(parent))
        path = Path(folder) / "s.yaml"
        path.write_text(json.dumps({"extends": "base.s.yaml", **child}))
        try:
            load_spec(path, _registry(), overrides)
        except SpecError as error:
            _clear(error)
