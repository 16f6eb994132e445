"""What workers of other processes are asked to do in tests; they import it by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import attrs
import numpy as np
from toys import DetectionToy, ToyConfig

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.images import FileSource
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import TaskModel


def add(shared: int, item: int) -> int:
    """The sum."""
    return shared + item


def wait_for_the_killer(folder: Path, item: object) -> None:
    """Say who begins an item; who begins the first one named in ``victim`` waits to be killed in the middle of it."""
    (folder / f"begun-{item}-{os.getpid()}").touch()
    if (folder / "victim").read_text() == str(item) and len(list(folder.glob(f"begun-{item}-*"))) == 1:
        time.sleep(60)


@contextmanager
def killing(folder: Path, victim: object) -> Iterator[list[int]]:
    """Somebody who waits for a worker to begin the victim's item, and ends it by SIGKILL; gives who was killed."""
    killed: list[int] = []

    def wait() -> None:
        while not (found := list(folder.glob(f"begun-{victim}-*"))):
            time.sleep(0.005)
        killed.append(int(found[0].name.split("-")[-1]))
        os.kill(killed[0], signal.SIGKILL)

    (folder / "victim").write_text(str(victim))
    thread = Thread(target=wait, daemon=True)
    thread.start()
    yield killed
    thread.join(timeout=5)


def watched(folder: Path, item: int) -> tuple[int, int]:
    """The item and who did it."""
    wait_for_the_killer(folder, item)
    return item, os.getpid()


def slowly(shared: Any, item: int) -> int:
    """The item, after a moment."""
    time.sleep(0.05)
    return item


def refuse(shared: Any, item: int) -> int:
    """Every item but the third."""
    if item == 2:
        raise DataError("item 2 is not for us")
    return item


def die(shared: Any, item: int) -> int:
    """End the process."""
    os._exit(1)


def lack(shared: Any, item: int) -> int:
    """Import what is not there."""
    raise ModuleNotFoundError("No module named 'nowhere'")


class WatchedToy(DetectionToy):
    """A toy among whose workers is one that is killed, where the cases name a folder for that."""

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        folder = cases[0].metadata.get("folder")
        if folder:
            wait_for_the_killer(Path(folder), cases[0].id)
        return super().predict(cases)


def never(path: Path) -> bool:
    """As on a machine that does not have it, and on this one."""
    return path.name == str(os.getpid())


def here(pid: int) -> str:
    """Whether this is the process."""
    return "this" if os.getpid() == pid else f"process {os.getpid()} is not {pid}"


@attrs.frozen
class OnlyHere:
    """A file that only one process sees."""

    path: Path
    pid: int

    def read(self) -> Any:
        """The file's content."""
        return FileSource(self.path if os.getpid() == self.pid else self.path.with_name("elsewhere.npy")).read()

    def fingerprint(self) -> str:
        """As of a file."""
        return FileSource(self.path if os.getpid() == self.pid else self.path.with_name("elsewhere.npy")).fingerprint()


class Seeing(TaskModel):
    """Answers with the mean of the left view."""

    Config = ToyConfig
    spec = TaskSpec(Level.VIEW, ("mean",), ("L",), 1)
    is_fitted = True

    def fit(self, cohort: Any, context: Any) -> Any:
        """Nothing to learn."""
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """The mean of every left view."""
        means = np.array([[[case.views["L"].read().mean()]] for case in cases])
        return TaskOutput(self.spec, [case.id for case in cases], np.ones((len(cases), 1), bool), means, means)

    def save_weights(self, folder: Path) -> None:
        """Nothing was learned."""

    def load_weights(self, folder: Path) -> None:
        """Nothing was learned."""


@attrs.frozen
class Drawn:
    """A view that is computed."""

    number: int

    def read(self) -> Any:
        """Three by three of the number."""
        return np.full((3, 3), self.number, np.uint16)

    def fingerprint(self) -> str:
        """The number."""
        return str(self.number)
