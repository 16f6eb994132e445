"""Files that appear whole or not at all (law 5)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def is_folder_name(name: str) -> bool:
    """Whether a name can be that of a folder: names of runs, tasks, fusers and targets become some.

    It starts with no dot, as hidden files are nobody's business; spaces at its ends would be lost on the way.
    """
    return name == name.strip() != "" and name[0] != "." and name.isprintable() and not set(name) & set("/\\")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; on success it takes the place of ``path``, on error it goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # some random letters too, as processes of several machines, and threads of one, may share a folder and a number
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(3).hex()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Like :func:`replacing` for a whole folder: the old one goes only when the new one is complete."""
    temporary, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if path.exists():
            path.replace(old)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write indented JSON, whole, with sorted keys so that equal data give equal files."""
    write_text(path, json.dumps(data, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
