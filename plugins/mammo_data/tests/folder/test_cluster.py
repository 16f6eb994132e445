"""Prepared by the workers of a Dask cluster: byte for byte what one process prepares."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from threading import Thread

import attrs
import pytest
from killing import finished

from mammo_data.folder.exam import Work
from mammo_data.folder.prepare import Preparation, prepare
from mammo_data.synthetic import SyntheticConfig
from mammo_data.synthetic.source import SyntheticExams
from taskfusion.engine import open_engine
from taskfusion.errors import DataError
from taskfusion.progress import Progress

EXAMS = SyntheticExams(24, 3, SyntheticConfig(height=48, width=48))


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("distributed is not installed (extra 'dask' of taskfusion)")
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=2, **options) as made:
        yield made


@pytest.mark.slow
def test_a_cluster_one_of_whose_workers_is_killed_prepares_what_one_process_does(cluster, tmp_path, made, monkeypatch):
    prepare(EXAMS, Preparation(tmp_path / "here", jobs=1), Progress())
    pids = [nanny.process.pid for nanny in cluster.workers.values()]

    def kill() -> None:
        while len(finished(tmp_path / "there")) < 3:
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)

    thread = Thread(target=kill, daemon=True)
    thread.start()
    monkeypatch.chdir(tmp_path)  # a relative folder is found by workers that are elsewhere
    with open_engine("dask", cluster.scheduler_address) as engine:
        outcome = prepare(EXAMS, Preparation(tmp_path / "there", engine=engine), Progress())
    thread.join(timeout=5)
    assert not thread.is_alive() and outcome.kept == 0
    assert made.tree(tmp_path / "there") == made.tree(tmp_path / "here")


def test_a_worker_whose_leader_is_gone_writes_nothing(tmp_path):
    work = Work({}, False, 0, "a sign that nobody left")
    with pytest.raises(DataError, match="is no longer worked on by the process that asked for this"):
        work.stop_where_abandoned(tmp_path)
    (tmp_path / f".sign-{work.sign}.part").touch()
    work.stop_where_abandoned(tmp_path)
    attrs.evolve(work, leader=os.getpid(), sign="").stop_where_abandoned(tmp_path)
