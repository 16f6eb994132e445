"""``taskfusion compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FORMATS = ("text", "markdown", "latex", "csv")


@click.command("compare", epilog="Example:  taskfusion compare runs/wisconsin --format markdown")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN [RUN ...]")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder to write all tables into.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="What to print [default: text].")
@click.option("--split", help="The split to judge by [default: cross-validation, test or validation].")
@click.option("--reference", default="", help="The fuser to hold the others against [default: the first].")
@click.option("--replicates", type=click.IntRange(min=1), default=2000, help="Bootstrap resamples [default: 2000].")
@click.option("--alpha", type=float, default=0.05, help="Level of the corrected test [default: 0.05].")
def command(runs: tuple[Path, ...], output: Path | None, form: str, **options: Any) -> None:
    """Compare the fusers of one RUN, or of several on the same cases.

    A RUN is the folder of a finished run, or a CSV file of predictions with the columns case, group, split, fuser,
    target, truth and score.
    """
    from taskfusion.experiment.comparison import compare

    found = compare(list(runs), **options)
    if output is not None:
        found.write(output)
        click.echo(f"tables   {output}", err=True)
    if form == "text":
        _show(found)
    else:
        click.echo(found.summary.to_csv(index=False) if form == "csv" else getattr(found, form)())


def _show(found: object) -> None:
    from rich.console import Console

    from taskfusion.cli.run import LOG_WIDTH
    from taskfusion.evaluation import format_table
    from taskfusion.experiment.comparison import Comparison

    assert isinstance(found, Comparison)
    console = Console()
    console = console if console.is_terminal else Console(width=LOG_WIDTH)
    console.print(format_table(found.summary, found.split))
