"""The JSON Schema of specs, generated from the configurations of everything registered: editors complete from it."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from taskfusion.attributes import descriptions, summary
from taskfusion.configs import unstructure
from taskfusion.document import EXTENDS
from taskfusion.plugins import Component, Registry
from taskfusion.settings import COMPONENTS, FuserKeys, Settings

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCALARS: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
    type(None): {"type": "null"},
    Any: {},
}
BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
KIND_KEYS = {"cohort": "reader", "tasks": "task", "fusers": "fuser"}  # section: kind of its components
EXTENDED = "Specs that this one starts from: a path, or a list of paths; relative to this file's folder."


def spec_schema(registry: Registry) -> Schema:
    """JSON Schema (2020-12) of a spec, from the configurations of all registered components.

    A component that cannot be imported is left open: its options are not checked, and its description says why.
    """
    return {
        "$schema": DIALECT,
        "title": "taskfusion spec",
        "description": registry_note(registry),
        "type": "object",
        "properties": _sections(registry),
        "additionalProperties": False,
        # what is missing may come from a parent, so only a spec that extends nothing must be whole
        "if": {"not": {"required": [EXTENDS]}},
        "then": {"required": list(COMPONENTS), "properties": _whole(registry)},
        "$defs": {name: schema for kind in KIND_KEYS.values() for name, schema in _definitions(kind, registry).items()},
    }


def _sections(registry: Registry) -> Schema:
    path = {"type": "string", "minLength": 1}
    settings = {name: or_null(schema) for name, schema in object_schema(Settings)["properties"].items()}
    return {
        EXTENDS: {"description": EXTENDED, "anyOf": [path, {"type": "array", "items": path}]},
        "cohort": {"description": "Where the cases come from.", "$ref": "#/$defs/reader"},
        "tasks": _entries("task", registry, "The task models: name to options."),
        "fusers": _entries("fuser", registry, "Name to options; the first is the answer, the others are compared."),
        **settings,
    }


def registry_note(registry: Registry) -> str:
    """Which distributions the schema is about."""
    found = {(c.distribution, c.version) for kind in KIND_KEYS.values() for c in registry.components(kind)}
    return f"Generated for {', '.join(f'{name} {version}' for name, version in sorted(found))}."


def object_schema(cls: type) -> Schema:
    """An attrs class: its fields with types, defaults and descriptions; no other keys."""
    kinds, texts = get_type_hints(cls), descriptions(cls)
    fields = [field for field in attrs.fields(cls) if field.init]
    properties = {field.name: _field_schema(field, kinds[field.name], texts.get(field.name, "")) for field in fields}
    required = [field.name for field in fields if field.default is attrs.NOTHING]
    described = {"description": text} if (text := summary(cls.__doc__ or "")) else {}
    return {
        **described,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def type_schema(kind: Any) -> Schema:
    """A type of a field; a lone value stands for a list of one, as in a spec."""
    if kind in SCALARS:
        return dict(SCALARS[kind])
    if attrs.has(kind):
        return object_schema(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [str(choice.value) for choice in kind]}
    origin, arguments = get_origin(kind), get_args(kind)
    makers: Mapping[Any, Callable[[tuple[Any, ...]], Schema]] = {
        Literal: lambda choices: {"enum": list(choices)},
        Union: lambda kinds: {"anyOf": [type_schema(k) for k in kinds]},
        types.UnionType: lambda kinds: {"anyOf": [type_schema(k) for k in kinds]},
        tuple: _tuple_schema,
        list: lambda kinds: {"type": "array", "items": type_schema(kinds[0])},
    }
    if origin in makers:
        return makers[origin](arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": type_schema(arguments[1])}
    return {}


def _tuple_schema(kinds: tuple[Any, ...]) -> Schema:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        item = type_schema(kinds[0])
        return {"anyOf": [item, {"type": "array", "items": item}]}
    items = [type_schema(kind) for kind in kinds]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _field_schema(field: attrs.Attribute[Any], kind: Any, text: str) -> Schema:
    described = {"description": text} if text else {}
    return {**described, **type_schema(kind), **_limits(field.validator), **_default(field)}


def _limits(validator: Any) -> Schema:
    """What attrs' own validators say; others speak when the spec is checked."""
    found: Schema = {}
    for one in getattr(validator, "_validators", (validator,)):
        if hasattr(one, "compare_op") and hasattr(one, "bound"):
            found[BOUNDS[one.compare_op]] = one.bound
        elif isinstance(options := getattr(one, "options", None), list | tuple):
            found["enum"] = list(options)
    return found


def _default(field: attrs.Attribute[Any]) -> Schema:
    value = field.default
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # a class at run time, a function to mypy
        value = attrs.NOTHING if value.takes_self else value.factory()  # type: ignore[union-attr]  # likewise
    return {} if value is attrs.NOTHING else {"default": unstructure(value)}


def _definitions(kind: str, registry: Registry) -> Schema:
    names = registry.names(kind)
    return {kind: _of_any_kind(kind, registry)} | {f"{kind}-{name}": _component(kind, name, registry) for name in names}


def _component(kind: str, name: str, registry: Registry) -> Schema:
    """The options of one component, and the key that names it."""
    key = {"const": name, "description": f"This {kind}."}
    try:
        component = registry.find(kind, name)
        cls = component.load()
        schema = object_schema(cls.Config)
        json.dumps(schema)
    except Exception as error:  # whatever is wrong with one plugin, the others get their schema
        return {"properties": {kind: key}, "description": f"Options not known: {type(error).__name__}: {error}"}
    text = " ".join(part for part in (_headline(component), schema.pop("description", "")) if part)
    properties = {kind: key, **_pipeline_keys(kind, registry), **_preset(cls), **schema["properties"]}
    schema.pop("required", None)  # see _whole
    return {"description": text, **schema, "type": ["object", "null"], "properties": properties}


def _needed(kind: str, name: str, registry: Registry) -> list[str]:
    """The options without a default, of components without presets, which could give them."""
    try:
        cls = registry.load(kind, name)
        return [] if getattr(cls, "presets", {}) else object_schema(cls.Config).get("required", [])
    except Exception:  # left open, see _component
        return []


def _headline(component: Component) -> str:
    origin = f"{component.distribution} {component.version}"
    return f"{component.entry.summary} ({origin})." if component.entry.summary else f"Of {origin}."


def _preset(cls: Any) -> Schema:
    presets = getattr(cls, "presets", {})
    return {"preset": {"enum": list(presets), "description": "Start from these options."}} if presets else {}


def _pipeline_keys(kind: str, registry: Registry) -> Schema:
    """What an entry of ``fusers`` may say besides the fuser's own options."""
    if kind != "fuser":
        return {}
    properties: Schema = object_schema(FuserKeys)["properties"]
    names = {"enum": registry.names("padding")}
    text = properties["padding"].get("description", "")
    options = {"type": "object", "properties": {"padding": names}}
    properties["padding"] = {"description": text, "anyOf": [names, options]}
    counts = {"type": "integer", "minimum": 1}
    properties["detections"]["anyOf"] = [counts, {"type": "array", "items": counts, "minItems": 1}]
    return {key: value for key, value in properties.items() if key != "fuser"}


def _of_any_kind(kind: str, registry: Registry) -> Schema:
    """An entry that names its component: the key decides which options there are."""
    listed = "; ".join(f"{c.entry.name}: {c.entry.summary}" for c in registry.components(kind))
    names = registry.names(kind)
    chosen = [_if_kind(kind, name, {"$ref": f"#/$defs/{kind}-{name}"}) for name in names]
    properties = {kind: {"enum": names, "description": f"{listed}."}}
    return {"type": ["object", "null"], "properties": properties, **_all_of(chosen)}


def _if_kind(kind: str, name: str, then: Schema) -> Schema:
    return {"if": {"type": "object", "required": [kind], "properties": {kind: {"const": name}}}, "then": then}


def _all_of(schemas: list[Schema]) -> Schema:
    return {"allOf": schemas} if schemas else {}


def _entries(kind: str, registry: Registry, text: str) -> Schema:
    """A section of named entries: one named like a component is that component, unless it names another."""
    named = {name: _unless_named(kind, {"$ref": f"#/$defs/{kind}-{name}"}) for name in registry.names(kind)}
    return {
        "description": text,
        "type": "object",
        "properties": named,
        "additionalProperties": {"$ref": f"#/$defs/{kind}"},
        "minProperties": 1,
    }


def _unless_named(kind: str, schema: Schema) -> Schema:
    named = {"type": "object", "required": [kind]}
    return {"if": named, "then": {"$ref": f"#/$defs/{kind}"}, "else": schema}


def _whole(registry: Registry) -> Schema:
    """What a spec that extends nothing cannot leave out: the kind of each entry, and options without a default."""
    found: Schema = {}
    for section, kind in KIND_KEYS.items():
        needed = {name: _needed(kind, name, registry) for name in registry.names(kind)}
        chosen = [_if_kind(kind, name, {"required": keys}) for name, keys in needed.items() if keys]
        entry = {"type": "object", "required": [kind], **_all_of(chosen)}
        named = {name: {"required": keys} if keys else {} for name, keys in needed.items()}
        found[section] = entry if section == "cohort" else {"properties": named, "additionalProperties": entry}
    return found


def or_null(schema: Schema) -> Schema:
    """``null`` removes what is inherited."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema
