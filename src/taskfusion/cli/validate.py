"""``taskfusion validate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskfusion.errors import Problem, SpecError

if TYPE_CHECKING:
    from taskfusion.plugins import Registry
    from taskfusion.spec import Spec


@click.command("validate", epilog="Example:  taskfusion validate examples/*.yaml --set cohort.seed=1")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the spec; repeatable.")
@click.option("--data", "with_data", is_flag=True, help="Also build the cohort; look at targets, splits and views.")
@click.option("--json", "as_json", is_flag=True, help="Print mistakes as JSON: file, line, column, path, message.")
def command(specs: tuple[Path, ...], overrides: tuple[str, ...], with_data: bool, as_json: bool) -> None:
    """Check one SPEC or more without running anything, and print every mistake at once.

    Reads no data unless asked to. Exit code 0: all are right; 1: there are mistakes.
    """
    from taskfusion.plugins import build_registry

    registry = build_registry()
    found: dict[str, Sequence[Problem]] = {}
    for path in specs:
        summary, found[str(path)] = check(path, overrides, registry, with_data)
        if summary and not as_json:
            click.echo(f"{path}: right; {summary}")
    problems = [problem for several in found.values() for problem in several]
    if as_json:
        rows = [{"spec": spec, **problem.data()} for spec, several in found.items() for problem in several]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        sys.exit(1 if problems else 0)
    if problems:
        raise SpecError.listed(problems)


def check(path: Path, overrides: Sequence[str], registry: Registry, with_data: bool) -> tuple[str, Sequence[Problem]]:
    """A summary of one spec where it is right, else its mistakes."""
    from taskfusion.datacheck import check_data, cohort_summary
    from taskfusion.spec import load_spec

    try:
        spec = load_spec(path, registry, overrides)
    except SpecError as error:
        return "", error.problems or (Problem((), str(error)),)
    if not with_data:
        return summary_of(spec), ()
    cohort, problems = check_data(spec)
    return ("" if problems or cohort is None else f"{summary_of(spec)}; {cohort_summary(cohort)}"), problems


def summary_of(spec: Spec) -> str:
    """``cohort sklearn, 3 tasks, 8 fusers, targets malignancy``."""
    targets = f"targets {', '.join(spec.targets)}" if spec.targets else "all targets"
    counts = [f"{len(part)} {name}{'' if len(part) == 1 else 's'}" for name, part in _parts(spec)]
    return ", ".join([f"cohort {spec.data['cohort']['reader']}", *counts, targets])


def _parts(spec: Spec) -> tuple[tuple[str, Sequence[object]], ...]:
    return ("task", list(spec.tasks)), ("fuser", spec.fusers)
