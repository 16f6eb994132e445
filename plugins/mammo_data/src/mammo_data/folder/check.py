"""Whether a cohort folder is what it says: everything that is wrong, by kind. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mammo_data.folder import tablecheck
from mammo_data.folder.duplicates import look_print, near_pairs, same_rows
from mammo_data.folder.layout import CASES, EXAM, IMAGES, VIEWS_TABLE, read_complete_manifest
from mammo_data.folder.pixels import pixel_hash, read_grey
from mammo_data.folder.tables import read_tables
from taskfusion.errors import DataError
from taskfusion.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

Findings = dict[str, list[str]]


@attrs.frozen
class ViewRow:
    """A row of the table of views, as far as its image is checked against it."""

    case: str
    view: str
    path: Path
    height: int
    width: int
    sha256: str

    @property
    def named(self) -> str:
        """As findings call it."""
        return f"{self.case} {self.view}: {self.path}"


@attrs.frozen
class Seen:
    """What looking at one image gave.

    Attributes:
        problem: kind and text, where there is one.
        looks: uint8 ``(32,)``, see :func:`look_print`; None of an image that could not be read.
    """

    problem: tuple[str, str] | None
    looks: np.ndarray | None


def check_folder(folder: Path, progress: Progress, *, jobs: int = -1, images: bool = True) -> Findings:
    """Everything that is wrong with a cohort folder, by kind; empty where all is well.

    Args:
        folder: of the cohort.
        progress: one step over the images.
        jobs: processes; -1 for one per core.
        images: open every image, for what only its pixels show.

    Raises:
        DataError: no cohort folder, one that is not ready, or tables that cannot be read.
    """
    manifest = read_complete_manifest(folder)
    tables = read_tables(folder)
    found = tablecheck.check_tables(tables, tuple(manifest["classes"]), tuple(manifest["views"]))
    rows = view_rows(folder, tables[VIEWS_TABLE])
    found["missing files"] = [row.named for row in rows if not row.path.is_file()]
    found["files that no table names"] = extra_files(folder, rows, tables[CASES]["case"])
    found["duplicate images"] = duplicates(rows)
    if images:
        there = [row for row in rows if row.path.is_file()]
        for kind, lines in check_images(there, progress, jobs).items():
            found.setdefault(kind, []).extend(lines)
    return {kind: lines for kind, lines in found.items() if lines}


def view_rows(folder: Path, views: pd.DataFrame) -> list[ViewRow]:
    """The rows, with paths as they are to be opened."""
    columns = views[["case", "view", "path", "height", "width", "sha256"]]
    return [
        ViewRow(str(case), str(view), folder / path, int(height), int(width), str(sha))
        for case, view, path, height, width, sha in columns.itertuples(index=False)
    ]


def extra_files(folder: Path, rows: Iterable[ViewRow], cases: Iterable[str]) -> list[str]:
    """Files among the images that belong to no case of the tables; records of exams left out as a whole do belong."""
    named = {row.path for row in rows}
    known = set(cases)
    found = []
    for path in sorted((folder / IMAGES).rglob("*")):
        if path.is_dir() or path in named:
            continue
        alone = path.name == EXAM and (path.parent.name in known or len(list(path.parent.iterdir())) == 1)
        if not alone:
            found.append(str(path))
    return found


def duplicates(rows: list[ViewRow]) -> list[str]:
    """Views with the same pixels, a line for each set of them."""
    return [
        " = ".join(f"{rows[row].case} {rows[row].view}" for row in same) for same in same_rows([r.sha256 for r in rows])
    ]


def check_images(rows: list[ViewRow], progress: Progress, jobs: int) -> Findings:
    """What only the pixels show."""
    from joblib import Parallel, delayed

    seen: list[Seen] = []
    with progress.step("images: checking", total=len(rows)) as bar:
        for one in Parallel(n_jobs=jobs, return_as="generator")(delayed(look_at)(row) for row in rows):
            seen.append(one)
            bar.advance(1)
    found: Findings = {}
    for one in seen:
        if one.problem is not None:
            found.setdefault(one.problem[0], []).append(one.problem[1])
    found["images that look alike"] = look_alikes(rows, seen)
    return found


def look_at(row: ViewRow) -> Seen:
    """Open one image and compare it with its row."""
    try:
        pixels = read_grey(row.path)
    except DataError as error:
        return Seen(("unreadable images", f"{row.case} {row.view}: {error}"), None)
    looks = look_print(pixels)
    height, width = pixels.shape
    if (height, width) != (row.height, row.width):
        text = f"{row.named} is {width} x {height}; the table says {row.width} x {row.height}"
        return Seen(("images of another size", text), looks)
    if pixel_hash(pixels) != row.sha256:
        return Seen(("images that have changed", f"{row.named} has other pixels than when it was prepared"), looks)
    if pixels.min() == pixels.max():
        return Seen(("images of one grey value", f"{row.named} holds {pixels.min()} everywhere"), looks)
    return Seen(None, looks)


def look_alikes(rows: list[ViewRow], seen: list[Seen]) -> list[str]:
    """Views of different cases that look the same though their pixels differ."""
    there = [number for number, one in enumerate(seen) if one.looks is not None]
    if not there:
        return []
    prints = np.stack([seen[number].looks for number in there])  # type: ignore[misc]  # those without are left out
    pairs = [(rows[there[one]], rows[there[other]]) for one, other in near_pairs(prints)]
    return [
        f"{one.case} {one.view} ~ {other.case} {other.view}"
        for one, other in pairs
        if one.case != other.case and one.sha256 != other.sha256
    ]
