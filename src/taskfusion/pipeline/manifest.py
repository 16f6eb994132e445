"""The manifest of a model folder: which files belong to it, with their hashes, and its own hash (law 4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taskfusion.errors import ModelFolderError, TaskFusionError
from taskfusion.files import write_json

FORMAT = 3
MANIFEST = "manifest.json"


def write_manifest(folder: Path, record: dict[str, Any]) -> None:
    """Write the manifest of a folder whose other files are all there."""
    whole = {"format": FORMAT, **record, "files": file_hashes(folder)}
    write_json(folder / MANIFEST, {**whole, "digest": _digest(whole)})


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, once its format, its own hash and every file's hash are known to be right.

    Raises:
        ModelFolderError: no manifest, not JSON, of another format, changed; a file missing, changed or added.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelFolderError(f"no saved model in {folder}: {MANIFEST} is missing")
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} is not JSON: {error}") from error
    _check_format(manifest, path)
    if manifest.pop("digest", None) != _digest(manifest):
        raise ModelFolderError(f"{path} was changed since the model was saved")
    _check_files(manifest.get("files"), folder)
    return dict(manifest)


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but the manifest and hidden ones, by relative path."""
    return {path.relative_to(folder).as_posix(): _hash(path) for path in _files(folder)}


@contextmanager
def explained(folder: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while a part is rebuilt into one error that names folder and part."""
    try:
        yield
    except TaskFusionError:
        raise
    except Exception as error:  # a plugin's loader, Keras and skops meet foreign files and raise what they like
        raise ModelFolderError(f"{folder}: {what} cannot be loaded: {type(error).__name__}: {error}") from error


def inside(folder: Path, place: str) -> Path:
    """A path below the folder; refuses one that leads out of it."""
    path = folder / place
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelFolderError(f"{folder / MANIFEST} names {place!r}, which is not inside the model folder")
    return path


def _check_format(manifest: Any, path: Path) -> None:
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found == FORMAT:
        return
    if isinstance(found, int) and found > FORMAT:
        raise ModelFolderError(f"{path} has format {found}, of a newer taskfusion; this one reads {FORMAT}: update it")
    raise ModelFolderError(f"{path} has format {found}; this version reads {FORMAT}: fit and save the model again")


def _check_files(wanted: Any, folder: Path) -> None:
    if not isinstance(wanted, dict):
        raise ModelFolderError(f"{folder / MANIFEST} lists no files")
    found = file_hashes(folder)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise ModelFolderError(f"{folder / name} is missing since the model was saved")
        if name not in wanted:
            raise ModelFolderError(f"{folder / name} does not belong to the saved model; take it out of the folder")
        if wanted[name] != found[name]:
            raise ModelFolderError(f"{folder / name} is changed since the model was saved")


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
