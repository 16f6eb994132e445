"""The JSON Schema of specs: what is right is valid, what is wrong is not, and every plugin's options are in it."""

from __future__ import annotations

import copy
import enum
from pathlib import Path
from typing import Any, Literal

import attrs
import jsonschema
import pytest
import toys
import yaml

from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.plugins import build_registry
from taskfusion.schema import object_schema, or_null, spec_schema, type_schema
from taskfusion.settings import SECTIONS

ROOT = Path(__file__).parents[1]
GOOD = {
    "cohort": {"reader": "toy", "cases": 60},
    "tasks": {"a": {"task": "case_toy", "noise": 1}, "view_toy": None, "detection_toy": {"size": 3}},
    "fusers": {"P": {"fuser": "svm", "detections": [1, 2], "C": 10, "padding": "zero"}, "max": {"tasks": "a"}},
    "targets": ["ill"],
    "evaluation": {"threshold": 0.4},
    "seed": 3,
}


class _Broken:
    @staticmethod
    @hookimpl
    def taskfusion_tasks():
        return [Entry("gone", "no_such_module_here:Task", "cannot be imported")]


@pytest.fixture(scope="module")
def schema():
    """Built-ins, the toys, and a task that cannot be imported; do not mutate."""
    return spec_schema(build_registry([toys, _Broken], entry_points=False))


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(validator, tree):
    """Path and message of everything that is wrong."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(tree)]


def changed(way, value):
    tree = copy.deepcopy(GOOD)
    part = tree
    for key in way[:-1]:
        part = part[key]
    part[way[-1]] = value
    return tree


def test_every_key_of_a_spec_is_there(schema):
    assert list(schema["properties"]) == list(SECTIONS)
    assert all("description" in schema["properties"][key] for key in SECTIONS)


def test_good_specs_are_valid(validator):
    assert errors(validator, GOOD) == []
    for path in sorted({*(ROOT / "examples").glob("*.yaml")} - {*(ROOT / "examples").glob("paper*.yaml")}):
        assert errors(validator, yaml.safe_load(path.read_text())) == []


def test_the_demo_is_valid_with_the_plugins_it_needs():
    pytest.importorskip("mammo_localization")
    from mammo_data import plugin as data
    from mammo_density import plugin as density
    from mammo_findings import plugin as findings
    from mammo_localization import plugin as localization

    found = spec_schema(build_registry([data, density, findings, localization], entry_points=False))
    demo = yaml.safe_load((ROOT / "src" / "taskfusion" / "cli" / "specs" / "demo.yaml").read_text())
    checker = jsonschema.Draft202012Validator(found)
    for path in sorted((ROOT / "examples").glob("paper*.yaml")):
        assert errors(checker, yaml.safe_load(path.read_text())) == []
    assert errors(checker, demo) == []
    demo["tasks"] = {"density": {"preset": "papr"}, "findings": {"pooling": "mean"}, "localization": {"size": [1]}}
    assert errors(checker, demo) == [
        "$.tasks.density.preset: 'papr' is not one of ['small', 'paper']",
        "$.tasks.findings.pooling: 'mean' is not one of ['average', 'max', 'lesion']",
        "$.tasks.localization.size: [1] is too short",
    ]
    options = found["$defs"]["task-localization"]["properties"]
    assert options["width"] == {
        "description": "Multiplier of every layer's channels; paper 1.",
        "type": "number",
        "default": 0.25,
    }


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("sed",), 3, "$: Additional properties are not allowed ('sed' was unexpected)"),
        (("cohort", "case"), 3, "$.cohort: Additional properties are not allowed ('case' was unexpected)"),
        (("cohort", "reader"), "toi", "$.cohort.reader: 'toi' is not one of ['sklearn', 'small', 'table', 'toy']"),
        (("cohort", "reader"), "table", "$.cohort: 'path' is a required property"),
        (("tasks", "a", "nois"), 3, "$.tasks.a: Additional properties are not allowed ('nois' was unexpected)"),
        (("tasks", "a", "noise"), "x", "$.tasks.a.noise: 'x' is not of type 'number'"),
        (("tasks", "a"), {"noise": 1}, "$.tasks.a: 'task' is a required property"),
        (("tasks", "view_toy"), {"noise": "x"}, "$.tasks.view_toy.noise: 'x' is not of type 'number'"),
        (("tasks", "view_toy"), {"task": "svm"}, "$.tasks.view_toy.task: 'svm' is not one of ["),
        (("tasks",), {}, "$.tasks: {} should be non-empty"),
        (("fusers", "P", "C"), "x", "$.fusers.P.C: 'x' is not valid under any of the given schemas"),
        (("fusers", "P", "detections"), 0, "$.fusers.P.detections: 0 is not valid under any of the given schemas"),
        (("fusers", "P", "padding"), "zer", "$.fusers.P.padding: 'zer' is not valid under any of the given schemas"),
        (("fusers", "max", "trees"), 3, "$.fusers.max: Additional properties are not allowed ('trees' was unexpected)"),
        (("seed",), -1, "$.seed: -1 is less than the minimum of 0"),
        (("evaluation", "replicates"), "x", "$.evaluation.replicates: 'x' is not of type 'integer'"),
    ],
)
def test_wrong_specs_are_not(validator, way, value, message):
    assert message in "\n".join(errors(validator, changed(way, value)))


@pytest.mark.parametrize("key", ["cohort", "tasks", "fusers"])
def test_what_is_missing_may_come_from_a_parent(validator, key):
    tree = {name: value for name, value in GOOD.items() if name != key}
    assert errors(validator, tree) == [f"$: {key!r} is a required property"]
    assert errors(validator, {**tree, "extends": "base.yaml"}) == []
    part = {
        "extends": ["a.yaml", "b.yaml"],
        "cohort": {"cases": 3},
        "tasks": {"a": {"noise": 1}, "b": None},
        "seed": None,
    }
    assert errors(validator, part) == [] and errors(validator, {**part, "extends": 3})


def test_a_component_that_cannot_be_imported_is_left_open_with_a_note(schema, validator):
    assert errors(validator, changed(("tasks", "gone"), {"anything": [1]})) == []
    assert "Options not known: PluginError: task 'gone'" in schema["$defs"]["task-gone"]["description"]
    assert "No module named 'no_such_module_here'" in schema["$defs"]["task-gone"]["description"]


def test_options_carry_defaults_and_descriptions(schema):
    options = schema["$defs"]["reader-table"]["properties"]
    assert options["case"]["default"] == ["case"] and options["case"]["description"].startswith("columns that make")
    assert options["split"]["default"] == {"train": 0.6, "validation": 0.15, "test": 0.25}
    assert "default" not in options["path"] and options["path"]["type"] == "string"
    assert schema["$defs"]["fuser-svm"]["description"].startswith("a support vector machine (RBF)")


class _Colour(enum.StrEnum):
    RED = "red"


@attrs.frozen
class _Inner:
    """Inside."""

    x: int = attrs.field(default=1, validator=[attrs.validators.gt(0), attrs.validators.le(9)])


@attrs.frozen
class _All:
    needed: int
    choice: Literal["a", "b"] = "a"
    colour: _Colour = _Colour.RED
    pair: tuple[int, float] = (1, 2.0)
    some: tuple[int, ...] = ()
    either: str | int | None = None
    table: dict[str, list[bool]] = attrs.field(factory=dict)
    inner: _Inner = attrs.field(factory=_Inner)
    one: str = attrs.field(default="x", validator=attrs.validators.in_(["x", "y"]))
    depends: int = attrs.field(default=attrs.Factory(lambda self: self.needed, takes_self=True))
    anything: Any = None
    private: int = attrs.field(default=0, init=False)


def test_types_become_schemas():
    found = object_schema(_All)
    assert found["required"] == ["needed"] and found["additionalProperties"] is False
    item = {"type": "integer"}
    assert found["properties"] == {
        "needed": item,
        "choice": {"enum": ["a", "b"], "default": "a"},
        "colour": {"enum": ["red"], "default": "red"},
        "pair": {
            "type": "array",
            "prefixItems": [item, {"type": "number"}],
            "minItems": 2,
            "maxItems": 2,
            "default": [1, 2.0],
        },
        "some": {"anyOf": [item, {"type": "array", "items": item}], "default": []},
        "either": {"anyOf": [{"type": "string"}, item, {"type": "null"}], "default": None},
        "table": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "boolean"}},
            "default": {},
        },
        "inner": {
            "description": "Inside.",
            "type": "object",
            "properties": {"x": {**item, "exclusiveMinimum": 0, "maximum": 9, "default": 1}},
            "additionalProperties": False,
            "default": {"x": 1},
        },
        "one": {"type": "string", "enum": ["x", "y"], "default": "x"},
        "depends": item,
        "anything": {"default": None},
    }
    assert type_schema(complex) == {}


def test_null_is_allowed_beside_whatever_else_is():
    assert or_null({"type": "string"}) == {"type": ["string", "null"]}
    assert or_null({"enum": ["a"], "default": "a"}) == {"enum": ["a", None], "default": "a"}
    assert or_null({"anyOf": [{"type": "string"}]}) == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert or_null({}) == {}
