"""``taskfusion plugins``."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

import click

from taskfusion.cli.commands import refused_commands
from taskfusion.errors import UnknownNameError
from taskfusion.plugins import REGISTERED, Component, Registry, build_registry


@click.command("plugins", epilog="Example:  taskfusion plugins svm   or   taskfusion plugins --kind fuser --json")
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(REGISTERED), help="Only this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--strict", is_flag=True, help="Exit with code 1 for a plugin that failed or a name claimed twice.")
def command(name: str | None, kind: str | None, as_json: bool, strict: bool) -> None:
    """List every task, fuser, padding, reader, target and command with its distribution, and plugins that failed.

    With NAME, show the options of that component with their defaults and what they mean. Without, nothing heavy is
    imported: summaries come from the plugins' registrations.
    """
    registry = build_registry(strict=False)  # a listing must show what is wrong
    problems = [*registry.problems(), *refused_commands(registry)]
    kinds = (kind,) if kind else REGISTERED
    if name is not None:
        show_components(_named(registry, name, kinds), as_json)
    elif as_json:
        click.echo(json.dumps(_data(registry, kinds, problems), indent=2))
    else:
        _list(registry, kinds, problems)
    if strict and problems:
        sys.exit(1)


def _list(registry: Registry, kinds: tuple[str, ...], problems: list[str]) -> None:
    for kind in kinds:
        found = registry.components(kind)
        if found:
            click.secho(f"{kind}s", bold=True)
        for component in found:
            click.echo(f"  {component.entry.name:<14} {component.origin:<26} {component.entry.summary}")
    for problem in problems:
        click.secho(problem, fg="red")


def _data(registry: Registry, kinds: tuple[str, ...], problems: list[str]) -> dict[str, Any]:
    components = [component for kind in kinds for component in registry.components(kind)]
    return {"components": [_record(component) for component in components], "problems": problems}


def _record(component: Component) -> dict[str, str]:
    return {
        "kind": component.kind,
        "name": component.entry.name,
        "summary": component.entry.summary,
        "path": component.entry.path,
        "distribution": component.distribution,
        "version": component.version,
        "plugin": component.plugin,
    }


def _named(registry: Registry, name: str, kinds: tuple[str, ...]) -> list[Component]:
    found = [c for kind in kinds for c in registry.components(kind) if c.entry.name == name]
    if not found:
        raise UnknownNameError.of("component", name, [n for kind in kinds for n in registry.names(kind)])
    return found


def show_components(components: list[Component], as_json: bool) -> None:
    """Each component with its options."""
    from taskfusion.cli.options import about, options_of

    if as_json:
        data = [{**_record(c), "options": [option.data() for option in options_of(c)]} for c in components]
        click.echo(json.dumps(data, indent=2))
        return
    for component in components:
        click.secho(f"{component.kind} {component.entry.name}", bold=True, nl=False)
        click.echo(f"  {component.origin}  {component.entry.path}\n  {component.entry.summary}")
        click.echo(textwrap.indent(about(component), "  "))
        for option in options_of(component):
            click.echo(f"\n{option}")
