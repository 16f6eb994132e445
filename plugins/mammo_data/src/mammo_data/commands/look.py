"""``taskfusion mammo look``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from taskfusion.cases import Cohort

EXAMPLES = """\b
Examples:
  taskfusion mammo look cohorts/ddsm --mask
  taskfusion mammo look cohorts/ddsm --count 12 --label malignant_mass
  taskfusion mammo look my-images.yaml --mask -o sheet.png"""
SPECS = (".yaml", ".yml")
SHEET = "look.png"


@click.command("look", epilog=EXAMPLES)
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help=f"PNG or JPEG file [default: {SHEET} in or beside COHORT]."
)
@click.option("--count", "-n", type=click.IntRange(min=1), default=8, show_default=True, help="How many exams.")
@click.option("--case", "ids", multiple=True, metavar="ID", help="This exam; repeatable, and instead of --count.")
@click.option("--label", metavar="CLASS", help="Only exams with a lesion of this class.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Only exams of this split.")
@click.option("--seed", type=int, help="Draw the exams at random instead of evenly.")
@click.option("--height", type=click.IntRange(64, 4096), default=320, show_default=True, help="Pixels of a view.")
@click.option("--mask", is_flag=True, help="With the outline of the breast mask.")
@click.option("--no-boxes", is_flag=True, help="Without the lesions' boxes.")
def command(cohort: Path, output: Path | None, height: int, mask: bool, no_boxes: bool, **choice: Any) -> None:
    """Write a contact sheet of exams and their lesions.

    Exams are hung as radiologists hang them, lesions have a box in the colour of their class, and a legend names the
    colours. COHORT is a folder made by 'taskfusion mammo prepare', or a spec (YAML) whose cohort has mammograms. Six
    exams a sheet; more go to look-2.png and so on.
    """
    from mammo_data.folder.look import Choice, Drawing, write_sheets

    found = _read(cohort)
    target = output or (cohort.parent if _is_spec(cohort) else cohort) / SHEET
    for path in write_sheets(found, Choice(**choice), target, Drawing(height, not no_boxes, mask)):
        click.echo(f"sheet    {path}")


def _is_spec(cohort: Path) -> bool:
    return cohort.suffix.lower() in SPECS and not cohort.is_dir()


def _read(path: Path) -> Cohort:
    from mammo_data.readers.folder import CohortFolder, CohortFolderReader
    from taskfusion.progress import Progress

    if not _is_spec(path):
        return CohortFolderReader(CohortFolder(path)).read(Progress())
    from mammo_data.folder.spec import cohort_of_spec
    from taskfusion.plugins import build_registry

    return cohort_of_spec(path, build_registry())
