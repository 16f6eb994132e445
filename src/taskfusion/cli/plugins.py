"""``taskfusion plugins``."""

from __future__ import annotations

import click

from taskfusion.plugins import KINDS, build_registry


@click.command("plugins", epilog="Example:  TASKFUSION_BLOCK_PLUGINS=mammo_density taskfusion plugins")
def command() -> None:
    """List every task, fuser, padding and reader with its distribution and version, and plugins that failed.

    Nothing heavy is imported: summaries come from the plugins' registrations.
    """
    registry = build_registry()
    for kind in KINDS:
        click.secho(f"{kind}s", bold=True)
        for component in registry.components(kind):
            origin = f"{component.distribution} {component.version}"
            click.echo(f"  {component.entry.name:<14} {origin:<26} {component.entry.summary}")
    for plugin in registry.broken:
        click.secho(f"broken: {plugin.name} of {plugin.distribution} {plugin.version}: {plugin.error}", fg="red")
