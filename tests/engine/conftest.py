"""A cluster of two worker processes, for all tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from taskfusion.engine import LOCAL, Engine, open_engine


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A scheduler and worker processes, each of which a nanny starts again when it is killed."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("distributed is not installed (extra 'dask')")
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=workers, **options) as made:
        yield made


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Of a scheduler with two workers."""
    with cluster(2) as made:
        yield made.scheduler_address


@pytest.fixture
def one_worker(failures: int) -> Iterator[Any]:
    """A cluster of a single worker, to be done away with; so many workers may die over the same work."""
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": failures}), cluster(1) as made:
        yield made


@pytest.fixture
def dask_engine(address: str) -> Iterator[Engine]:
    """Connected to the cluster, both workers being there."""
    with open_engine("dask", address, workers=2) as engine:
        yield engine


@pytest.fixture(scope="session")
def processes_engine() -> Iterator[Engine]:
    """Two processes of this machine."""
    with open_engine("processes", workers=2) as engine:
        yield engine


@pytest.fixture(params=["local", "processes", "dask"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = LOCAL if request.param == "local" else request.getfixturevalue(f"{request.param}_engine")
    return found
