"""The options of a component as a person reads them: name, type, default, meaning."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import attrs
import click

from taskfusion.attributes import descriptions
from taskfusion.configs import unstructure
from taskfusion.plugins import Component

WIDTH = 100


@attrs.frozen
class Option:
    """One field of a configuration."""

    name: str
    type: str
    default: str
    meaning: str

    def data(self) -> dict[str, str]:
        """As JSON data."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        meaning = textwrap.fill(self.meaning, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
        return f"  {self.name}: {self.type} = {self.default}" + (f"\n{meaning}" if self.meaning else "")


def options_of(component: Component) -> list[Option]:
    """The options of a component, in the order of its configuration; imports it.

    Raises:
        PluginError: a component that does not load.
    """
    found = component.load()
    if isinstance(found, click.Command):
        return [_parameter(parameter) for parameter in found.params]
    meanings = descriptions(found.Config)
    return [_option(field, meanings.get(field.name, "")) for field in attrs.fields(found.Config) if field.init]


def about(component: Component) -> str:
    """What the docstrings of the class and of its configuration say, without the list of options."""
    found = component.load()
    docs = [found.help] if isinstance(found, click.Command) else [found.__doc__, found.Config.__doc__]
    texts = [inspect.cleandoc(doc or "").partition("Attributes:\n")[0].strip() for doc in docs]
    return "\n".join(f"\n{text}" for text in texts if text)


def _option(field: Any, meaning: str) -> Option:
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    return Option(field.alias, kind, _default(field.default), meaning)


def _default(value: Any) -> str:
    if value is attrs.NOTHING:
        return "(required)"
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # attrs types its Factory as a function
        value = value.factory() if not value.takes_self else "…"
    text = unstructure(value) if not isinstance(value, str) else repr(value)
    return "null" if text is None else str(text)


def _parameter(parameter: click.Parameter) -> Option:
    name = parameter.opts[0] if parameter.opts else str(parameter.name)
    return Option(name, parameter.type.name, _default_of(parameter), getattr(parameter, "help", None) or "")


def _default_of(parameter: click.Parameter) -> str:
    """Click keeps a marker of its own where there is no default."""
    if parameter.required:
        return "(required)"
    if isinstance(parameter.default, str | int | float | tuple | list):
        return repr(parameter.default)
    return "False" if getattr(parameter, "is_flag", False) else "null"
