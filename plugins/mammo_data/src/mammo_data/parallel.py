"""Work on many exams in several processes: in order, few at a time, ended by Ctrl-C and by the leader's death."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from taskfusion.engine import LOCAL, Engine
from taskfusion.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int, engine: Engine = LOCAL
) -> Iterator[Iterator[Result]]:
    """Results in the order of the items, as they get done; memory holds those of a few items.

    Args:
        function: can be pickled.
        items: what it is called with.
        jobs: processes; -1 for one per core.
        engine: a cluster that does it in place of processes of this machine.

    Raises:
        DataError: a worker that was killed.
        EngineError: a cluster that is lost, or work that killed each of its workers.
    """
    if engine.elsewhere:
        with contextlib.closing(engine.map(_called, function, items)) as results:
            yield results
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    leader = os.getpid()
    parallel = Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="2*n_jobs", max_nbytes=None)
    results = parallel(delayed(_quietly)(function, item, leader) for item in items)
    with contextlib.closing(results):
        try:
            yield results
        except TerminatedWorkerError as error:
            raise DataError(
                "a process that reads exams was killed, for want of memory perhaps: fewer --jobs need less; the same "
                "command goes on where it was"
            ) from error


def _quietly(function: Callable[[Item], Result], item: Item, leader: int) -> Result:
    """Ctrl-C reaches the workers too; their leader alone answers it."""
    if os.getpid() != leader:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return function(item)


def _called(function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


def stop_where_abandoned(leader: int) -> None:
    """A worker whose leader was killed must not write into a folder that the next leader works on.

    Leader 0 is a process on another machine, of which nothing is known.
    """
    if leader and leader not in (os.getpid(), os.getppid()):
        os._exit(1)
