"""What every ``taskfusion mammo prepare …`` has in common: its options, its progress, its last lines, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from taskfusion.cli.engine import EngineOptions, engine_option, scheduler_option
from taskfusion.errors import DataError

if TYPE_CHECKING:
    from mammo_data.folder.prepare import Outcome
    from taskfusion.engine import EngineName

SOMETHING_SKIPPED = 3
"""Exit code: the cohort is there, and something was left out."""
CODES = "Exit codes: 0 all is there, 3 something was skipped, 1 an error, 130 stopped by Ctrl-C."

LONGEST_LINE = 240
"""Characters of a line of what was skipped; the whole reason is in ``skipped.csv``."""
SECRET = ("salt",)
"""Options whose values the folder must not tell."""


@attrs.frozen
class Shared:
    """The options of every database."""

    output: Path
    jobs: int
    strict: bool
    limit: int | None
    in_place: bool
    csv: bool
    again: bool
    prune: bool
    engine: EngineName
    scheduler: str


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that all have; they come as keywords and fit :class:`Shared`."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def _jobs(context: click.Context, parameter: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("0 processes do nothing; expected 1 or more, or -1 for one per core")
    return value


jobs_option = click.option(
    "--jobs",
    "-j",
    "--workers",
    "jobs",
    type=click.IntRange(min=-1),
    default=-1,
    callback=_jobs,
    show_default="one per core",
    help="Processes; with --engine dask, how many workers to wait for.",
)
OPTIONS = (
    click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The cohort folder to make."),
    jobs_option,
    engine_option("processes"),
    scheduler_option,
    click.option("--strict", is_flag=True, help="Stop at the first thing that cannot be used."),
    click.option("--limit", type=click.IntRange(min=1), help="Only the first exams, for a trial."),
    click.option(
        "--keep-images-in-place",
        "in_place",
        is_flag=True,
        help="Store no image whose file alone gives the same pixels.",
    ),
    click.option("--csv", is_flag=True, help="Write the tables as CSV too."),
    click.option("--retry-skipped", "again", is_flag=True, help="Try again what was skipped before."),
    click.option("--prune", is_flag=True, help="Remove exams that an earlier call prepared and this one does not."),
)


def prepare_and_show(database: str, places: dict[str, Any], options: dict[str, Any], shared: Shared) -> None:
    """Prepare with progress, print what came of it, and exit with 3 where something was skipped.

    Args:
        database: which source.
        places: its positional arguments, by name; paths are made absolute.
        options: its keywords; None for what was not given.
        shared: the options of every database.
    """
    from rich.console import Console

    from mammo_data.commands.sources import build_source
    from mammo_data.folder.prepare import Preparation, prepare
    from taskfusion.cli.progress import shown_progress

    found = {name: place.absolute() if isinstance(place, Path) else place for name, place in places.items()}
    _refuse_within(shared.output, found.values())
    source = build_source(database, *found.values(), **options)
    given = {name: "given" if name in SECRET else value for name, value in options.items() if value is not None}
    plain = {**attrs.asdict(shared), "jobs": 1 if shared.engine == "local" else shared.jobs}
    who = EngineOptions(plain.pop("engine"), plain.pop("scheduler"), max(shared.jobs, 0))
    with who.open_cluster() as engine, shown_progress(Console(stderr=True)) as progress:
        config = Preparation(options={**found, **given}, engine=engine, **plain)
        outcome = prepare(source, config, progress)
    show(outcome, shared.output, source.notice)
    if outcome.summary.skipped:
        sys.exit(SOMETHING_SKIPPED)


def _refuse_within(output: Path, places: Iterable[Any]) -> None:
    """The next call would find the cohort's images among the raw ones."""
    for place in places:
        if isinstance(place, Path) and output.resolve().is_relative_to(place.resolve()):
            raise DataError(f"the cohort folder {output} lies in {place}, among the raw files; choose another place")


def show(outcome: Outcome, folder: Path, notice: str) -> None:
    """How many, what was skipped, where everything is."""
    from mammo_data.folder.summary import skipped_lines

    summary = outcome.summary
    if notice:
        click.secho(notice, fg="red", bold=True)
    if outcome.kept:
        click.echo(f"{outcome.kept:,} exams were there already")
    for line in outcome.lines:
        click.echo(line)
    for step, count in summary.steps.items():
        click.echo(f"{count:>9,}  {step}")
    if summary.skipped:
        count = sum(summary.skipped.values())
        click.secho(f"skipped  {count:,}, each with its reason in {folder / 'skipped.csv'}", fg="yellow")
    for line in skipped_lines(summary):
        click.echo(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …")
    if outcome.stale:
        click.echo(f"stale    {outcome.stale:,} exams of an earlier call are still in {folder}; --prune removes them")
    click.echo(f"report   {folder / 'report.md'}")
    click.echo(f"next     taskfusion mammo check {folder}   or in a spec:  cohort: {{reader: cohort, path: {folder}}}")
