"""``taskfusion check``."""

from __future__ import annotations

import sys

import click

from taskfusion.plugins import REGISTERED, build_registry


@click.command("check", epilog="Example:  taskfusion check my-plugin   or   taskfusion check svm --kind fuser")
@click.argument("plugin")
@click.option("--kind", type=click.Choice(REGISTERED), default=None, help="Only components of this kind.")
def command(plugin: str, kind: str | None) -> None:
    """Check a PLUGIN (a distribution, an entry point or a component by name) against the contract.

    Everything it registers is loaded, configured as its checking() says (else with its defaults) and tried on made-up
    cases. Prints a line per check: ✓ passed, ✗ failed, – left out and why. Exits with code 1 when one failed.
    """
    from taskfusion.testing.components import check_components, find_components

    reports = []
    for report in check_components(find_components(build_registry(strict=False), plugin, kind or "")):
        reports.append(report)
        click.secho(report.subject, bold=True)
        for outcome in report.outcomes:
            colour = {"passed": "green", "failed": "red", "skipped": "yellow"}[outcome.status]
            click.secho(f"  {outcome}", fg=colour)
    counts = {status: sum(len(report.of(status)) for report in reports) for status in ("passed", "failed", "skipped")}
    click.echo(", ".join(f"{count} {status}" for status, count in counts.items()))
    if counts["failed"]:
        sys.exit(1)
