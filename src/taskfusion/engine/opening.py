"""From the words of a command line to an engine that is ready, and ended when it is no longer needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from taskfusion.engine.base import LOCAL, Engine
from taskfusion.errors import EngineError, UnknownNameError

EngineName = Literal["local", "processes", "dask"]
PATIENCE = 30.0  # seconds to wait for a scheduler, and for its workers


@contextmanager
def open_engine(
    name: EngineName = "local", scheduler: str = "", workers: int = 0, patience: float = PATIENCE
) -> Iterator[Engine]:
    """An engine, for as long as the block lasts.

    Args:
        name: ``local`` (this process), ``processes`` (of this machine) or ``dask`` (workers of a cluster).
        scheduler: address of the Dask scheduler, ``tcp://HOST:8786``; for ``dask`` alone.
        workers: how many processes, 0 for one per core; with ``dask`` how many workers to wait for, 0 for one.
        patience: seconds to wait for a scheduler, and for its workers.

    Raises:
        UnknownNameError: another name.
        EngineError: a scheduler that is lacking, not asked for or not reached, or without (enough) workers; workers
            with other versions; distributed is not installed.
    """
    if name not in get_args(EngineName):
        raise UnknownNameError.of("engine", name, get_args(EngineName))
    if scheduler and name != "dask":
        raise EngineError(f"a scheduler ({scheduler}) is for engine dask; the engine is {name}: add --engine dask")
    if name == "dask":
        from taskfusion.engine.cluster import cluster

        with cluster(scheduler, workers, patience) as engine:
            yield engine
    elif name == "processes":
        from taskfusion.engine.processes import processes

        with processes(workers) as engine:
            yield engine
    else:
        yield LOCAL
