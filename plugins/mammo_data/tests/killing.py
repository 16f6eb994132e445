"""The program in a process of its own, to be stopped in the middle of its work."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

EXAMS = int(os.environ.get("MAMMO_KILL_EXAMS", "0"))
"""``MAMMO_KILL_EXAMS=1000 pytest …`` tries it at the size of a database; 0: each test's own, smaller number."""


def program(database: str, *arguments: object) -> subprocess.Popen[str]:
    """``taskfusion mammo prepare DATABASE …``, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "taskfusion", "mammo", "prepare", database, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def finished(folder: Path) -> list[Path]:
    """The records of the exams that are done."""
    return list(folder.glob("images/*/exam.json"))


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, then its workers too: idle ones live on for minutes and keep our end of the pipes open."""
    process.kill()
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def kill_when_done(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """SIGKILL the program as soon as so many exams are done."""
    while len(finished(folder)) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    kill(process)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def to_the_end(database: str, *arguments: object, code: int = 0) -> str:
    """What it prints when it is left alone."""
    process = program(database, *arguments)
    output, errors = process.communicate()
    assert process.returncode == code, errors
    return output
