"""Where things are in a cohort folder, and whose folder it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taskfusion.errors import DataError
from taskfusion.files import is_folder_name, read_json, write_json

KIND = "taskfusion-mammo-cohort"
FORMAT = 1
"""Raise when a reader of today could not read what is written then."""
MANIFEST = "cohort.json"
CASES, VIEWS_TABLE, LESIONS = "cases", "views", "lesions"
TABLES = (CASES, VIEWS_TABLE, LESIONS)
IMAGES = "images"
EXAM = "exam.json"
SKIPPED = "skipped.csv"
REPORT = "report.md"
SURVEY = "survey"
LOOKED = "looked"
LONGEST_NAME = 200  # characters; file systems end at 255 bytes


def exam_folder(folder: Path, exam: str) -> Path:
    """``FOLDER/images/EXAM``.

    Raises:
        DataError: an id that cannot name a folder.
    """
    if not is_folder_name(exam) or len(exam) > LONGEST_NAME:
        raise DataError(f"exam id {exam!r} cannot name a folder; expected letters, digits, '-', '_' and '.'")
    return folder / IMAGES / exam


def table_path(folder: Path, table: str) -> Path:
    """``FOLDER/cases.parquet``."""
    return folder / f"{table}.parquet"


def looked_folder(folder: Path) -> Path:
    """``FOLDER/survey/looked``: what a source that looks before it lists has seen; who removes it looks again."""
    return folder / SURVEY / LOOKED


def read_manifest(folder: Path) -> dict[str, Any]:
    """What ``cohort.json`` says, also of a folder whose preparation has not ended.

    Raises:
        DataError: no cohort folder, an unreadable one, or one of a newer format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        what = "it has no cohort.json" if folder.is_dir() else "there is no such folder"
        raise DataError(f"not a cohort folder: {folder}: {what}; make one with: taskfusion mammo prepare")
    try:
        manifest = read_json(path)
        kind, version = manifest["kind"], int(manifest["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"not a cohort folder: {path} is not readable: {type(error).__name__}: {error}") from error
    if kind != KIND:
        raise DataError(f"not a cohort folder: {path} says kind {kind!r}; expected {KIND!r}")
    if version > FORMAT:
        raise DataError(
            f"{path} has format {version}; this mammo-data reads up to {FORMAT}: update it, or prepare the cohort again"
        )
    return dict(manifest)


def read_complete_manifest(folder: Path) -> dict[str, Any]:
    """Like :func:`read_manifest`, of a folder that is ready.

    Raises:
        DataError: also where the preparation has not ended.
    """
    manifest = read_manifest(folder)
    if not manifest.get("complete"):
        raise DataError(
            f"the preparation of {folder} has not ended; the same 'taskfusion mammo prepare' goes on where it was"
        )
    return manifest


def mark_unfinished(folder: Path, about: Mapping[str, Any]) -> None:
    """Say in ``cohort.json`` that the folder is being worked on."""
    write_json(folder / MANIFEST, {"kind": KIND, "format": FORMAT, "complete": False, **about})


@contextmanager
def signed(folder: Path, sign: str) -> Iterator[None]:
    """A file says that the process of this sign works on the folder; whoever claims the folder next removes it."""
    path = _sign(folder, sign)
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def is_signed(folder: Path, sign: str) -> bool:
    """Whether the process of this sign still works on the folder, as far as its files tell."""
    return _sign(folder, sign).exists()


def _sign(folder: Path, sign: str) -> Path:
    return folder / f".sign-{sign}.part"


def mark_complete(folder: Path, about: Mapping[str, Any]) -> None:
    """Say in ``cohort.json`` that everything is there; written last."""
    write_json(folder / MANIFEST, {"kind": KIND, "format": FORMAT, "complete": True, **about})


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The folder for this process alone: new, empty or a cohort folder; what a killed process left half-written goes.

    Raises:
        DataError: a folder that holds something else, or that another process is preparing.
    """
    _refuse_foreign(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for part in sorted(folder.rglob(".*.part")):
            part.unlink(missing_ok=True)
        yield


def refuse_another(folder: Path, source: str) -> None:
    """One folder, one database: its tables would go silently.

    Raises:
        DataError: a cohort folder made from another source.
    """
    made_from = read_manifest(folder).get("name", source) if (folder / MANIFEST).is_file() else source
    if made_from != source:
        raise DataError(
            f"{folder} holds a cohort made from {made_from!r}, not {source!r}; choose another folder or delete it"
        )


def _refuse_foreign(folder: Path) -> None:
    expected = "expected a new folder, an empty one or a cohort folder"
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DataError(f"{folder} is a file; {expected}")
    if (folder / MANIFEST).exists():
        read_manifest(folder)
        return
    others = sorted(path.name for path in folder.iterdir() if not path.match(f".{MANIFEST}.*.part"))
    if others:
        shown = f"{', '.join(others[:3])}{' …' if len(others) > 3 else ''}"
        raise DataError(f"{folder} holds something else ({shown}); {expected}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A lock that ends with the process and leaves no file behind; systems without ``flock`` go without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise DataError(f"{folder} is being prepared by another process; wait for it, or stop it") from error
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)
