"""``taskfusion check``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import click

from taskfusion.plugins import REGISTERED, Component, Registry, build_registry

if TYPE_CHECKING:
    from taskfusion.testing.report import Report


@click.command("check", epilog="Example:  taskfusion check my-plugin   or   taskfusion check svm --kind fuser")
@click.argument("plugin")
@click.option("--kind", type=click.Choice(REGISTERED), default=None, help="Only components of this kind.")
def command(plugin: str, kind: str | None) -> None:
    """Check a PLUGIN (a distribution, an entry point or a component by name) against the contract.

    Everything it registers is loaded, configured as its checking() says (else with its defaults) and tried on made-up
    cases. Prints a line per check: ✓ passed, ✗ failed, – left out and why. Exits with code 1 when one failed.
    """
    from taskfusion.testing.components import check_components, find_components

    registry = build_registry(strict=False)
    components = find_components(registry, plugin, kind or "")
    reports = []
    for report in chain(_claims(registry, components), check_components(components)):
        reports.append(report)
        click.secho(report.subject, bold=True)
        for outcome in report.outcomes:
            colour = {"passed": "green", "failed": "red", "skipped": "yellow"}[outcome.status]
            click.secho(f"  {outcome}", fg=colour)
    counts = {status: sum(len(report.of(status)) for report in reports) for status in ("passed", "failed", "skipped")}
    click.echo(", ".join(f"{count} {status}" for status, count in counts.items()))
    if counts["failed"]:
        sys.exit(1)


def _claims(registry: Registry, components: Sequence[Component]) -> list[Report]:
    """Names that somebody else claims too, where there are any."""
    from taskfusion.cli.commands import refused_commands
    from taskfusion.testing.report import failed

    names = [f"{component.kind} {component.entry.name!r} is claimed" for component in components]
    lines = [*registry.problems(), *refused_commands(registry)]
    clashes = [line for line in lines if line.startswith(tuple(names))]
    return [failed("names", "Nobody else claims them", line) for line in clashes]
