"""``taskfusion demo``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

DEFAULT_FOLDER = Path("runs") / "demo"


@click.command("demo", epilog="Example:  taskfusion demo --seed 8 --output runs/demo-8")
@click.option("--output", "-o", type=click.Path(path_type=Path), default=DEFAULT_FOLDER, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of cohort, training and bootstrap.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the spec; repeatable.")
@click.option("--print-spec", is_flag=True, help="Print the demo's spec and stop.")
def command(output: Path, seed: int, overrides: tuple[str, ...], print_spec: bool) -> None:
    """Train density, findings and localization models on SYNTHETIC exams, fuse them, compare with the baselines.

    Takes about ten minutes on two cores and needs the mammography plugins.
    """
    spec = resources.files("taskfusion.cli") / "specs" / "demo.yaml"
    if print_spec:
        click.echo(spec.read_text(encoding="utf-8"), nl=False)
        return
    from taskfusion.cli.run import run_and_show

    seeds = (f"seed={seed}", f"cohort.seed={seed}", f"evaluation.seed={seed}")
    with resources.as_file(spec) as path:
        outcome = run_and_show(path, output, (*seeds, *overrides))
    click.echo(f"spec     {outcome.folder / 'spec.yaml'}")
    click.echo(f"next     taskfusion predict {outcome.folder / 'model'} IMAGE.png …")
