"""The sections of the benchmark: each a command that writes JSON into a folder of its own."""

from __future__ import annotations

import json
import os
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
    """

    name: str
    title: str
    arguments: tuple[str, ...]

    @property
    def missing(self) -> str:
        """Why it cannot be run, or ""."""
        script = self.arguments[0]
        return "" if script == "-m" or Path(script).is_file() else f"`benchmarks/{Path(script).name}` is not there"


def _script(name: str, title: str) -> Section:
    return Section(name, title, (str(BENCHMARKS / f"{name}.py"),))


SECTIONS = (
    Section("peers", "Peers on the same frozen task outputs", ("-m", "bench.peers.section")),
    _script("inference", "Inference of the networks"),
    _script("feat_training", "Training the feature fuser"),
    _script("scale", "The store, and many cases"),
)


def run(section: Section, root: Path) -> dict[str, Any]:
    """Run one; what is known of the run, also written beside its results as ``section.json``."""
    folder = root / section.name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    start = time.perf_counter()
    error = section.missing or _error_of(section, folder)
    record = {"error": error, "seconds": round(time.perf_counter() - start, 1)}
    (root / f"{section.name}.section.json").write_text(json.dumps(record) + "\n")
    return record


def _error_of(section: Section, folder: Path) -> str:
    path = os.pathsep.join([str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *section.arguments, "--out", str(folder)]
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
    """What it wrote, file by file; nothing where it was never run."""
    files = [file for file in sorted((root / section.name).glob("*.json")) if file.stem != "raw"]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def record(section: Section, root: Path) -> dict[str, Any] | None:
    """What is known of its last run; None where there was none."""
    path = root / f"{section.name}.section.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return found
