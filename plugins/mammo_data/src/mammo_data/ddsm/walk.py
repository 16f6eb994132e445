"""Finding the exams of a DDSM tree, wherever in it one begins; opens no file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from mammo_data.ddsm.ics import VIEW_NAMES
from mammo_data.records import Skipped
from taskfusion.errors import DataError

CATEGORIES = ("normal", "benign_without_callback", "benign", "cancer")
FILE = re.compile(
    rf"(?P<case>[A-Za-z]_\d+_\d+)\.(?P<view>{'|'.join(VIEW_NAMES)})\.(?P<kind>LJPEG|LJPEG\.1|OVERLAY)(\.gz)?", re.ASCII
)
RECORD = re.compile(r"(?P<case>[A-Za-z]-\d+-\d+)\.ics(\.gz)?", re.ASCII)


@attrs.frozen
class CaseFiles:
    """The files of one exam.

    Attributes:
        case: ``A_1509_1``, as the files are named.
        volume: the folder that holds the exam's folder: ``cancer_08``.
        category: one of ``CATEGORIES``, from the folders' names; empty where none says.
        record: the ``.ics``.
        images: ``.LJPEG`` by the archive's name of the view; the unpacked ``.LJPEG.1`` where only that is there.
        overlays: ``.OVERLAY`` likewise.
        strangers: files of another case.
    """

    case: str
    volume: str
    category: str
    record: Path
    images: Mapping[str, Path]
    overlays: Mapping[str, Path]
    strangers: tuple[Path, ...]

    @property
    def id(self) -> str:
        """``cancer_08-A_1509_1``: names of folders and of cases occur in several volumes."""
        return f"{self.volume}-{self.case}"

    @property
    def used(self) -> tuple[Path, ...]:
        """Every file that the exam is read from."""
        return (self.record, *self.images.values(), *self.overlays.values())


def find_cases(root: Path) -> Iterator[CaseFiles | Skipped]:
    """Every exam below a folder (or the folder itself), sorted by name, one folder at a time.

    Raises:
        DataError: where ``root`` is no folder.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder; expected the one that holds DDSM's cancers, benigns, normals ...")
    for folder, names in _folders(root.absolute()):
        if isinstance(names, Skipped):
            yield names
        elif (found := _case(folder, names)) is not None:
            yield found


def _folders(root: Path) -> Iterator[tuple[Path, list[str] | Skipped]]:
    """Folders with the names of their files; what links lead to is visited once."""
    waiting, visited = [root], set()
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            with os.scandir(folder) as entries:
                found = sorted((entry.name, entry.is_dir()) for entry in entries)
        except OSError as error:
            yield folder, Skipped(str(folder), f"the folder cannot be read: {error}", "unreadable folder")
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        waiting.extend(folder / name for name, inner in reversed(found) if inner)
        yield folder, [name for name, inner in found if not inner]


def _case(folder: Path, names: list[str]) -> CaseFiles | Skipped | None:
    records = [match for match in map(RECORD.fullmatch, names) if match]
    if len({match["case"] for match in records}) == 1:
        return _files(folder, names, records[0])
    if records:
        listed = ", ".join(match.string for match in records)
        return Skipped(
            str(folder), f"the folder holds the records of several exams: {listed}; expected one", "ambiguous"
        )
    if re.fullmatch(r"case\d+", folder.name) or any(map(FILE.fullmatch, names)):
        return Skipped(str(folder), "the exam has no .ics record such as A-1509-1.ics", "missing file")
    return None


def _files(folder: Path, names: list[str], record: re.Match[str]) -> CaseFiles:
    case = record["case"].replace("-", "_")
    found: dict[str, dict[str, Path]] = {"LJPEG": {}, "LJPEG.1": {}, "OVERLAY": {}}
    strangers = []
    for match in filter(None, map(FILE.fullmatch, names)):
        if match["case"] == case:
            found[match["kind"]].setdefault(match["view"], folder / match.string)
        else:
            strangers.append(folder / match.string)
    return CaseFiles(
        case=case,
        volume=folder.parent.name,
        category=_category(folder),
        record=folder / record.string,
        images={**found["LJPEG.1"], **found["LJPEG"]},
        overlays=found["OVERLAY"],
        strangers=tuple(strangers),
    )


def _category(folder: Path) -> str:
    """From the nearest folder above that is named like a category or a volume: ``cancers``, ``cancer_08``."""
    for part in reversed(folder.parts):
        for category in CATEGORIES:
            if re.fullmatch(rf"{category}(s|_\d+)?", part, re.ASCII):
                return category
    return ""
