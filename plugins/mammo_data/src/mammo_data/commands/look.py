"""``taskfusion mammo look``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("look", epilog="Example:  taskfusion mammo look cohorts/ddsm --count 12 --label malignant_mass")
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="PNG file [default: COHORT/look.png].")
@click.option("--count", "-n", type=click.IntRange(min=1), default=8, show_default=True, help="How many exams.")
@click.option("--case", "ids", multiple=True, metavar="ID", help="This exam; repeatable, and instead of --count.")
@click.option("--label", metavar="CLASS", help="Only exams with a lesion of this class.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Only exams of this split.")
@click.option("--seed", type=int, help="Draw the exams at random instead of evenly.")
@click.option("--height", type=click.IntRange(64, 4096), default=320, show_default=True, help="Pixels of a view.")
@click.option("--no-boxes", is_flag=True, help="Without the lesions' boxes.")
def command(cohort: Path, output: Path | None, height: int, no_boxes: bool, **choice: Any) -> None:
    """Write a contact sheet of a COHORT folder: exams hung as radiologists do, with their lesions' boxes.

    Six exams a sheet; more go to look-2.png and so on.
    """
    from mammo_data.folder.look import Choice, write_sheets
    from mammo_data.readers.folder import CohortFolder, CohortFolderReader
    from taskfusion.progress import Progress

    found = CohortFolderReader(CohortFolder(cohort)).read(Progress())
    target = output or cohort / "look.png"
    for path in write_sheets(found, Choice(**choice), target, height=height, boxes=not no_boxes):
        click.echo(f"sheet    {path}")
