"""``taskfusion pictures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from taskfusion.cases import Cohort

SPEC = "spec.yaml"


@click.command("pictures", epilog="Example:  taskfusion pictures runs/demo --cases 12 --output look.html")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--spec", type=click.Path(path_type=Path), help="Spec that names the cohort [default: that of the run].")
@click.option("--split", default="test", show_default=True, help="Split to draw cases from.")
@click.option("--cases", default=8, show_default=True, help="Cases to draw, half of them positive.")
@click.option("--case", "ids", multiple=True, metavar="ID", help="Draw this case; repeatable.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File to write [default: pictures.html in MODEL's folder]."
)
def command(model: Path, spec: Path | None, split: str, cases: int, ids: tuple[str, ...], output: Path | None) -> None:
    """Draw cases of a run, or of a saved MODEL and the cohort of a spec, on one HTML page that works offline.

    Each view with its true and detected boxes, classes, scores, and heat maps where a task has some.
    """
    from taskfusion.files import write_text
    from taskfusion.pipeline.pictures import choose, pictures
    from taskfusion.pipeline.pipeline import FusionPipeline

    part = _part(spec or model / SPEC, split, model)
    chosen = choose(part, cases, ids)
    pipeline = FusionPipeline.load(model / "model" if (model / SPEC).is_file() else model)
    path = output or (model if (model / SPEC).is_file() else Path()) / "pictures.html"
    write_text(path, pictures(pipeline, chosen))
    click.echo(f"{len(chosen)} of {len(part)} cases: {path}")


def _part(spec: Path, split: str, model: Path) -> Cohort:
    """One split of the cohort that a spec names."""
    from taskfusion.errors import DataError, UnknownNameError
    from taskfusion.pipeline.targets import with_registered_targets
    from taskfusion.plugins import build_registry
    from taskfusion.progress import Progress
    from taskfusion.spec import load_spec

    if not spec.is_file():
        raise DataError(f"{model} is no run ({SPEC} is not in it); name the spec of a cohort: --spec FILE")
    registry = build_registry()
    checked = load_spec(spec, registry)
    cohort = with_registered_targets(checked.reader.read(Progress()), checked.targets, registry)
    if not len(cohort.rows(split)):
        known = sorted(set(cohort.split.tolist())) if cohort.split is not None else ["train"]
        raise UnknownNameError.of("split", split, known)
    return cohort.part(split)
