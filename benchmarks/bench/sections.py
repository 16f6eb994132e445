"""The sections of the benchmark: each a command that writes JSON into a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1]
LIMIT = 2400  # seconds of one section


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: of its folder, and for ``--only``.
        title: on the page, unless it brings its own.
        arguments: of Python; ``--out FOLDER`` is added.
        file: where the script wants a file in that folder to be named instead.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    file: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot be run, or ""."""
        script = self.arguments[0]
        return "" if script == "-m" or Path(script).is_file() else f"`benchmarks/{Path(script).name}` is not there"


def _script(name: str, title: str, *options: str, file: str = "") -> Section:
    return Section(name, title, (str(BENCHMARKS / f"{name}.py"), *options), file)


# Larger sizes and more seeds are asked of the scripts themselves; these fit into 40 minutes together.
SCALE = ("--score", "1000", "10000", "100000", "--feat", "1000", "10000")


SECTIONS = (
    Section("peers", "Peers on the same frozen task outputs", ("-m", "bench.peers.section")),
    _script("startup", "Start-up"),
    _script("inference", "Inference of the networks"),
    _script("feat_training", "Training the feature fuser", "--seeds", "2"),
    _script("scale", "The store, and many cases", *SCALE, file="scale.json"),
)


def run(section: Section, root: Path) -> dict[str, Any]:
    """Run one; what is known of the run, also written beside its results as ``section.json``."""
    folder = root / section.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder)  # what an earlier run left is not this one's
    folder.mkdir()
    start = time.perf_counter()
    error = section.missing or _error_of(section, folder)
    record = {"error": error, "seconds": round(time.perf_counter() - start, 1)}
    (root / f"{section.name}.section.json").write_text(json.dumps(record) + "\n")
    return record


def _error_of(section: Section, folder: Path) -> str:
    path = os.pathsep.join([str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *section.arguments, "--out", str(folder / section.file)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done within {LIMIT} s"
    sys.stderr.write(done.stderr)
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return f"exit status {done.returncode}: {last[:200]}" if done.returncode else ""


def results(section: Section, root: Path) -> list[dict[str, Any]]:
    """What it wrote, file by file, with a ``markdown`` where a page lies beside it; nothing where it was never run."""
    files = [file for file in sorted((root / section.name).rglob("*.json")) if file.is_file()]
    return [{**json.loads(file.read_text(encoding="utf-8")), **_page_beside(file)} for file in files]


def _page_beside(file: Path) -> dict[str, str]:
    page = file.with_suffix(".md")
    return {"markdown": page.read_text(encoding="utf-8")} if page.is_file() else {}


def record(section: Section, root: Path) -> dict[str, Any] | None:
    """What is known of its last run; None where there was none."""
    path = root / f"{section.name}.section.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return found
