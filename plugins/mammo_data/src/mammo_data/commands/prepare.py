"""``taskfusion mammo prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mammo_data.commands.options import CODES, Shared, prepare_and_show, shared_options

FOLDER = click.Path(path_type=Path)
EXAMPLES = """\b
Examples:
  taskfusion mammo prepare synthetic --cases 24 -o cohort
  taskfusion mammo prepare ddsm ~/ddsm -o cohorts/trial --limit 20"""


NO_SALT = "note     without --salt, whoever has a list of patient ids can find out whose exam is whose"


@click.group("prepare", epilog=f"{EXAMPLES}\n\n{CODES}")
def command() -> None:
    """Make a cohort folder from raw files.

    The folder holds cases, views and lesions as Parquet, the images as 16-bit PNG, a list of what could not be used and
    why, and a report. The same command goes on where a killed one stopped. Nothing outside the folder is written.
    """


@command.command("ddsm", epilog=f"Example:  taskfusion mammo prepare ddsm ~/ddsm --output cohorts/ddsm\n\n{CODES}")
@click.argument("root", type=FOLDER)
@click.option("--as-stored", is_flag=True, help="Leave the views of site A mirrored, as the archive has them.")
@shared_options
def ddsm(root: Path, as_stored: bool, **shared: Any) -> None:
    """The DDSM as it was distributed.

    ROOT holds its volumes with .ics, .OVERLAY and .LJPEG files; it may be any folder of the archive.
    """
    prepare_and_show("ddsm", {"root": root}, {"hang": not as_stored}, Shared(**shared))


@command.command("cbis", epilog=f"Example:  taskfusion mammo prepare cbis ~/cbis --output cohorts/cbis\n\n{CODES}")
@click.argument("root", type=FOLDER)
@click.option("--tables", type=FOLDER, help="Folder of the four CSV files [default: in or just below ROOT].")
@click.option(
    "--validation",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.12,
    show_default=True,
    help="Share of the official training patients that becomes validation, alike in density, kind of lesion and "
    "pathology; 0 keeps the official split, which has none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws that share.")
@shared_options
def cbis(root: Path, tables: Path | None, validation: float, seed: int, **shared: Any) -> None:
    """The CBIS-DDSM: case tables and DICOM images.

    ROOT holds the four CSV files and the folders of the images. An exam is a patient with the films that show lesions:
    for whole exams match it with the DDSM (prepare match).
    """
    places = {"root": root} if tables is None else {"root": root, "tables": tables}
    prepare_and_show("cbis", places, {"validation": validation, "seed": seed}, Shared(**shared))


@command.command("match", epilog=f"Example:  taskfusion mammo prepare match ~/ddsm ~/cbis -o cohorts/both\n\n{CODES}")
@click.argument("ddsm_root", metavar="DDSM", type=FOLDER)
@click.argument("cbis_root", metavar="CBIS", type=FOLDER)
@shared_options
def match(ddsm_root: Path, cbis_root: Path, **shared: Any) -> None:
    """Whole exams of the DDSM with the lesions and the split of the CBIS-DDSM, matched film by film.

    DDSM and CBIS are the folders of the two databases. Every film of both is looked at first, also with --limit, and
    what was seen is kept in the cohort folder. Exams that the rules leave out are listed with their reasons and counted
    as skipped; --strict stops at files that cannot be used, not at them.
    """
    prepare_and_show("match", {"ddsm": ddsm_root, "cbis": cbis_root}, {}, Shared(**shared))


@command.command("dicom", epilog=f"Example:  taskfusion mammo prepare dicom ~/archive -o cohorts/clinic\n\n{CODES}")
@click.argument("root", type=FOLDER)
@click.option("--keep-ids", is_flag=True, help="Keep PatientID and StudyInstanceUID instead of their hashes.")
@click.option(
    "--salt", default="", help="Goes into the hashes, so that nobody can try all ids; the folder tells it not."
)
@click.option("--raw-values", is_flag=True, help="Do not apply the VOI LUT or window of the image.")
@click.option("--synthesized", is_flag=True, help="Accept 2D images computed from tomosynthesis too.")
@shared_options
def dicom(root: Path, keep_ids: bool, salt: str, raw_values: bool, synthesized: bool, **shared: Any) -> None:
    """Any folder of mammograms as DICOM.

    ROOT is searched with everything below it, whatever files and folders are called. Labels are unknown: DICOM has
    none.
    """
    if not keep_ids and not salt:
        click.secho(
            "note     without --salt, whoever has a list of patient ids can find out whose exam is whose", err=True
        )
    options = {"hide_ids": not keep_ids, "salt": salt, "window": not raw_values, "synthesized": synthesized}
    prepare_and_show("dicom", {"root": root}, options, Shared(**shared))


@command.command("synthetic", epilog=f"Example:  taskfusion mammo prepare synthetic --cases 100 -o cohort\n\n{CODES}")
@click.option("--cases", type=click.IntRange(min=1), default=600, show_default=True, help="How many exams.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws everything.")
@click.option("--height", type=int, default=288, show_default=True, help="Pixels.")
@click.option("--width", type=int, default=224, show_default=True, help="Pixels.")
@shared_options
def synthetic(cases: int, seed: int, height: int, width: int, **shared: Any) -> None:
    """Synthetic exams, to try everything without data. No patient is behind any of them."""
    from mammo_data.synthetic import SyntheticConfig

    options = {"cases": cases, "seed": seed, "config": SyntheticConfig(height=height, width=width)}
    prepare_and_show("synthetic", {}, options, Shared(**shared))
