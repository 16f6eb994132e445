"""Work by the workers of a Dask cluster; what a lost worker had begun others do again."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import pickle
import platform
import socket
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from taskfusion.engine.base import Item, Result, Shared, packed
from taskfusion.errors import EngineError

HINT = "start one with: dask scheduler   and, on every machine: dask worker ADDRESS --nthreads 1 --nworkers auto"
ALIKE = ("taskfusion", "numpy", "scikit-learn", "keras", "tensorflow", "onnxruntime", "openvino", "cloudpickle")
GLANCE = 2.0  # seconds between looks at whether anybody is still there


@contextlib.contextmanager
def cluster(scheduler: str, workers: int, patience: float) -> Iterator[Cluster]:
    """A connection to a scheduler for as long as the block lasts; see :func:`taskfusion.engine.open_engine`."""
    if importlib.util.find_spec("distributed") is None:
        raise EngineError("engine dask needs dask.distributed: pip install 'taskfusion[dask]'")
    if not scheduler:
        raise EngineError(f"engine dask needs the address of a scheduler: --scheduler tcp://HOST:8786; {HINT}")
    client = _connected(scheduler, patience)
    try:
        engine = Cluster(client, scheduler, patience)
        engine.wait_for(workers or 1)
        yield engine
    finally:
        client.close()


def _connected(scheduler: str, patience: float) -> Any:
    import distributed
    from distributed.comm import get_address_host_port

    refused = f"no Dask scheduler answers at {scheduler}"
    with warnings.catch_warnings():
        # versions are compared below, and what differs is an error
        warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)
        try:
            # first without a client, as one that cannot connect may block the next one when it is collected
            socket.create_connection(get_address_host_port(scheduler, strict=True), timeout=patience).close()
            return distributed.Client(scheduler, timeout=patience, set_as_default=False, name="taskfusion")
        except (OSError, ValueError, RuntimeError, OverflowError) as error:
            raise EngineError(f"{refused}: {error}; {HINT}") from error


class Cluster:
    """An engine over ``dask.distributed``.

    Workers get what is shared as one task of the graph, so that a worker which comes late, or in the place of a lost
    one, gets it too.
    """

    name: ClassVar[str] = "dask"
    elsewhere: ClassVar[bool] = True

    def __init__(self, client: Any, address: str, patience: float) -> None:
        self._client, self._address, self._patience = client, address, patience
        self._alike: set[str] = set()

    def wait_for(self, workers: int) -> None:
        """Wait for workers, and look at their versions.

        Raises:
            EngineError: too few, or others than this process has.
        """
        try:
            self._client.wait_for_workers(workers, timeout=self._patience)
        except TimeoutError as error:
            count = len(self._threads())
            raise EngineError(
                f"the scheduler at {self._address} has {count} of {workers} workers after {self._patience:g} s; "
                f"start them with: dask worker {self._address} --nthreads 1 --nworkers auto"
            ) from error
        self._compare()

    def map(
        self, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """See :meth:`taskfusion.engine.Engine.map`."""
        import dask

        self._compare()
        waiting: deque[Any] = deque()
        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):  # a network is large
                held = self._client.submit(_unpacked, packed((function, shared)), pure=False)
                for item in items:
                    waiting.append(self._client.submit(_call, held, packed(item), pure=False))
                    if len(waiting) >= 2 * sum(self._threads().values()):
                        yield self._result(waiting.popleft())
                while waiting:
                    yield self._result(waiting.popleft())
        finally:
            self._forget(list(waiting))

    def everywhere(self, function: Callable[..., Result], *arguments: Any) -> Mapping[str, Result | Exception]:
        """See :meth:`taskfusion.engine.Engine.everywhere`."""
        found: dict[str, Any] = self._client.run(function, *arguments, on_error="return")
        return found

    def _result(self, future: Any) -> Any:
        """What came of one item."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        alone = 0.0
        while True:
            try:
                return future.result(timeout=GLANCE)
            except TimeoutError:
                if future.status == "error":  # the item's own
                    raise
                alone = 0.0 if self._threads() else alone + GLANCE
                if alone > self._patience:
                    raise self._lost("no worker is left") from None
            except KilledWorker as error:
                why = "the same work killed every worker that tried it, for want of memory perhaps"
                raise self._lost(why) from error
            except FutureCancelledError as error:
                raise self._lost("the scheduler, or the connection to it, is lost") from error
            except ModuleNotFoundError as error:
                raise EngineError(f"a worker at {self._address} lacks a package: {error}; install it there") from error

    def _threads(self) -> Mapping[str, int]:
        """Threads by worker."""
        try:
            found: dict[str, int] = self._client.nthreads()
        except OSError as error:
            raise self._lost("the scheduler, or the connection to it, is lost") from error
        return found

    def _lost(self, why: str) -> EngineError:
        return EngineError(f"Dask at {self._address}: {why}; what was done is kept, the same command goes on from it")

    def _forget(self, futures: list[Any]) -> None:
        """Nothing more of these is begun."""
        with contextlib.suppress(OSError, TimeoutError):  # the scheduler is gone, and they with it
            self._client.cancel(futures)

    def _compare(self) -> None:
        """Look at the versions of workers that were not looked at yet.

        Raises:
            EngineError: naming a worker, and what it lacks or has otherwise.
        """
        new = sorted(set(self._threads()) - self._alike)
        if not new:
            return
        expected = {name: _version(name) for name in (*ALIKE, *_plugins())}
        found = {name: self._asked(new, importlib.metadata.version, name) for name in expected}
        found["Python"], expected["Python"] = self._asked(new, platform.python_version), platform.python_version()
        for name, version in expected.items():
            for worker, theirs in found[name].items():
                if theirs != version:
                    raise EngineError(
                        f"worker {worker} has {name} {theirs or 'not at all'}, this process {version or 'not at all'}; "
                        "expected the same packages on every machine, so that all answer alike"
                    )
        self._alike |= set(new)

    def _asked(self, workers: list[str], function: Callable[..., str], *arguments: str) -> dict[str, str]:
        """By worker; functions of the standard library alone, as a worker may have nothing else."""
        found = self._client.run(function, *arguments, workers=workers, on_error="return")
        return {worker: "" if isinstance(answer, Exception) else answer for worker, answer in found.items()}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _plugins() -> list[str]:
    """Distributions that bring plugins."""
    points = importlib.metadata.entry_points(group="taskfusion")
    return sorted({point.dist.name for point in points if point.dist is not None})


def _unpacked(content: bytes) -> Any:
    return pickle.loads(content)


def _call(held: Any, item: bytes) -> Any:
    function, shared = held
    return function(shared, pickle.loads(item))
