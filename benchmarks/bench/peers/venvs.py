"""An environment a peer: made once, and a peer that does not install is told of, not fatal."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.requirements import Requirement

LIMIT = 900  # seconds of one installation


@dataclass(frozen=True)
class Environment:
    """Where a peer runs.

    Attributes:
        python: its interpreter; "" where it did not install.
        error: why not.
        seconds: what installing took.
    """

    python: str
    error: str = ""
    seconds: float = 0.0


def ready(name: str, requirements: tuple[str, ...], root: Path) -> Environment:
    """The environment ``root/name``, made if it is not there as wanted."""
    note = root / f"{name}.json"
    wanted = [*requirements, f"{sys.version_info[0]}.{sys.version_info[1]}"]
    if note.is_file() and (known := json.loads(note.read_text()))["wanted"] == wanted:
        environment = Environment(**known["environment"])
        if Path(environment.python).is_file():
            return environment
    made = _made(root / name, requirements)
    if not made.error:  # what failed may go through the next time
        note.write_text(json.dumps({"wanted": wanted, "environment": asdict(made)}))
    return made


def _made(folder: Path, requirements: tuple[str, ...]) -> Environment:
    start = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, timeout=LIMIT)
        command = [str(python), "-m", "pip", "install", "-q", *requirements]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.CalledProcessError as error:
        return Environment("", why(str(error.stderr)), time.perf_counter() - start)
    except (subprocess.TimeoutExpired, OSError) as error:
        return Environment("", str(error).splitlines()[0], time.perf_counter() - start)
    return Environment(str(python), "", time.perf_counter() - start)


def why(output: str) -> str:
    """The line of an installer's output that says what went wrong: its last error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it said nothing"])[-1][:200]


def installed(python: str) -> list[importlib.metadata.Distribution]:
    """What an interpreter finds installed."""
    code = "import json, sysconfig; print(json.dumps(sorted({sysconfig.get_path(k) for k in ('purelib', 'platlib')})))"
    shown = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    return list(importlib.metadata.distributions(path=json.loads(shown)))


def megabytes(root: str, found: Iterable[importlib.metadata.Distribution]) -> float:
    """Size of the files of a distribution, ``name`` or ``name[extra]``, and of all that it requires; 0 if not there."""
    known = {normal(d.metadata["Name"]): d for d in found}
    return sum(_size(known[name]) for name in closure(root, known)) / 1e6


def closure(root: str, known: dict[str, importlib.metadata.Distribution]) -> set[str]:
    """The names of a distribution and of all that it requires, here and now."""
    todo, seen = [Requirement(root)], set[tuple[str, str]]()
    while todo:
        wanted = todo.pop()
        name = normal(wanted.name)
        for extra in ("", *wanted.extras):
            if name not in known or (name, extra) in seen:
                continue
            seen.add((name, extra))
            asked = [Requirement(text) for text in known[name].requires or ()]
            todo += [r for r in asked if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def _size(distribution: importlib.metadata.Distribution) -> int:
    files = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file())


def normal(name: str) -> str:
    """A distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()
