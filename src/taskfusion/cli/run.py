"""``taskfusion run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from taskfusion.cli.engine import EngineOptions, engine_options

if TYPE_CHECKING:
    from taskfusion.experiment import RunOutcome

LOG_WIDTH = 110  # columns of the table where the output goes into a file


@click.command("run", epilog="Example:  taskfusion run examples/wisconsin.yaml --set fusers.P_score.alpha=3")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder of the run [default: runs/NAME].")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the spec; repeatable.")
@click.option("--seeds", type=click.IntRange(min=1), help="Train and judge with this many seeds [default: the spec's].")
@engine_options
def command(spec: Path, output: Path | None, overrides: tuple[str, ...], seeds: int | None, **engine: Any) -> None:
    """Run a whole experiment from a YAML SPEC: train, fuse, compare, report.

    The same command goes on where a killed one stopped, and computes no task output twice.
    """
    run_and_show(spec, output, overrides, seeds or 0, EngineOptions(**engine))


def run_and_show(
    spec: Path,
    output: Path | None,
    overrides: tuple[str, ...],
    seeds: int = 0,
    options: EngineOptions = EngineOptions(),  # noqa: B008  # it is frozen
) -> RunOutcome:
    """Run with progress and print the table and where everything is."""
    from rich.console import Console

    from taskfusion.cli.progress import shown_progress
    from taskfusion.experiment import run

    with options.open() as engine, shown_progress(Console(stderr=True)) as progress:
        outcome = run(spec, overrides=overrides, folder=output, progress=progress, seeds=seeds, engine=engine)
    console = Console()
    show(outcome, console if console.is_terminal else Console(width=LOG_WIDTH))
    return outcome


def show(outcome: RunOutcome, console: object) -> None:
    """The table of the main split, the tasks' own figures, and the paths."""
    from rich.console import Console

    from taskfusion.evaluation.console import format_table

    assert isinstance(console, Console)
    if outcome.notice:
        console.print(outcome.notice, style="bold red")
    console.print(format_table(outcome.comparison.summary, outcome.main_split))
    for task, figures in outcome.task_metrics.items():
        if figures:
            text = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
            console.print(f"{task}: {text}", highlight=False)
    for label, name in (("report", "report.html"), ("model", "model"), ("tables", "tables/tables.md")):
        console.print(f"{label:<8} {outcome.folder / name}", highlight=False, soft_wrap=True)
