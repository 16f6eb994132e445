"""Work in several processes of this machine; one that is killed is replaced, and its work done again."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from taskfusion.engine.base import Item, Result, Shared, packed
from taskfusion.errors import EngineError

TRIES = 4  # of an item whose processes are killed; as many as Dask tries by default
IDLE = 300  # seconds after which a process without work ends


@contextmanager
def processes(workers: int = 0) -> Iterator[Processes]:
    """So many processes, 0 for one per core, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="taskfusion-") as folder:
        engine = Processes(workers or os.cpu_count() or 1, Path(folder))
        try:
            yield engine
        finally:
            engine.close()


class Processes:
    """An engine over loky's processes, which start fresh: no thread and no network of this process goes along.

    What they share goes through a file, once; they read it once.
    """

    name: ClassVar[str] = "processes"
    elsewhere: ClassVar[bool] = True

    def __init__(self, workers: int, folder: Path) -> None:
        self._workers, self._folder = workers, folder
        self._pool: Any = None

    def close(self) -> None:
        """End the processes, whatever they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
        self._pool = None

    def map(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """See :meth:`taskfusion.engine.Engine.map`."""
        path = self._folder / f"shared-{os.urandom(6).hex()}"
        path.write_bytes(packed((function, shared)))
        waiting: deque[tuple[bytes, Future[Result]]] = deque()
        try:
            for item in items:
                waiting.append(self._begun(path, packed(item)))
                if len(waiting) >= 2 * self._workers:
                    yield self._first(path, waiting)
            while waiting:
                yield self._first(path, waiting)
        finally:
            for _, future in waiting:
                future.cancel()
            path.unlink(missing_ok=True)

    def everywhere(self, function: Callable[..., Result], *arguments: Any) -> Mapping[str, Result | Exception]:
        """Processes of one machine see the same files."""
        return {}

    def _begun(self, path: Path, item: bytes) -> tuple[bytes, Future[Any]]:
        from joblib.externals.loky.process_executor import BrokenProcessPool

        try:
            future: Future[Any] = self._running().submit(_call, path, item)
        except BrokenProcessPool as error:  # which the first of those that wait will tell too
            future = Future()
            future.set_exception(error)
        return item, future

    def _first(self, path: Path, waiting: deque[tuple[bytes, Future[Any]]]) -> Any:
        """The result of the first; where a process was killed all that wait begin anew."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        for _ in range(TRIES):
            try:
                result = waiting[0][1].result()
            except BrokenProcessPool:
                self.close()
                begun = [self._begun(path, item) for item, _ in waiting]
                waiting.clear()
                waiting.extend(begun)
            else:
                waiting.popleft()
                return result
        raise EngineError(
            f"{TRIES} processes were killed over the same work, for want of memory perhaps; fewer workers need less; "
            "the same command goes on where it was"
        )

    def _running(self) -> Any:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        if self._pool is None:
            threads = max(1, (os.cpu_count() or 1) // self._workers)
            self._pool = ProcessPoolExecutor(self._workers, timeout=IDLE, initializer=_begin, env=_limits(threads))
        return self._pool


def _limits(threads: int) -> dict[str, str]:
    """Each process gets its share of the cores, unless somebody said otherwise."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {name: str(threads) for name in names if name not in os.environ}


def _begin() -> None:
    """Ctrl-C reaches the workers too; their leader alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _call(path: Path, item: bytes) -> Any:
    function, shared = _read(path)
    return function(shared, pickle.loads(item))


@functools.lru_cache(maxsize=1)
def _read(path: Path) -> Any:
    return pickle.loads(path.read_bytes())
