"""``taskfusion mammo check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mammo_data.commands.options import jobs_option


@click.command(
    "check", epilog="Example:  taskfusion mammo check cohorts/ddsm\n\nExit codes: 0 all is well, 1 it is not."
)
@click.argument("cohort", type=click.Path(path_type=Path))
@jobs_option
@click.option("--tables-only", is_flag=True, help="Open no image: quick, and blind to damaged and duplicate ones.")
def command(cohort: Path, jobs: int, tables_only: bool) -> None:
    """Check a COHORT folder and print everything that is wrong.

    Missing, extra, unreadable and changed files, boxes outside the image, cases and patients in two splits, duplicate
    images, unknown labels.
    """
    from rich.console import Console

    from mammo_data.folder.check import check_folder
    from taskfusion.cli.progress import shown_progress

    with shown_progress(Console(stderr=True)) as progress:
        findings = check_folder(cohort, progress, jobs=jobs, images=not tables_only)
    for kind, lines in findings.items():
        click.secho(f"{kind}: {len(lines):,}", fg="red", bold=True)
        for line in lines:
            click.echo(f"  {line}")
    if findings:
        sys.exit(1)
    click.echo(f"{cohort}: all is well")
