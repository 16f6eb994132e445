"""The engines: alike, in order, and unmoved by workers that are killed."""

from __future__ import annotations

import os

import pytest
import working

from taskfusion.engine import LOCAL, open_engine, require_same, require_shared
from taskfusion.errors import DataError, EngineError, UnknownNameError

pytestmark = pytest.mark.slow  # processes take their time to begin


def test_every_item_once_and_in_order(engine):
    assert list(engine.map(working.add, 100, range(23))) == list(range(100, 123))
    assert list(engine.map(working.add, 1, [])) == []


def test_functions_of_a_notebook_too(engine):
    assert list(engine.map(lambda shared, item: shared * item, 2, [1, 2, 3])) == [2, 4, 6]


def test_an_error_comes_as_it_was_raised(engine):
    with pytest.raises(DataError, match="item 2 is not for us"):
        list(engine.map(working.refuse, None, range(5)))
    assert list(engine.map(working.add, 1, [1])) == [2], "and the engine goes on"


def test_few_results_wait_to_be_taken(engine):
    asked = []

    def items():
        for item in range(1000):
            asked.append(item)
            yield item

    results = engine.map(working.add, 0, items())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert len(asked) < 20


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_what_a_killed_worker_had_begun_is_done_by_others(name, request, tmp_path):
    address = request.getfixturevalue("address") if name == "dask" else ""
    with open_engine(name, address, 2) as engine, working.killing(tmp_path, 7) as killed:
        found = list(engine.map(working.watched, tmp_path, range(20)))
    assert [item for item, _ in found] == list(range(20))
    assert len(killed) == 1 and found[7][1] != killed[0]


def test_work_that_kills_whoever_does_it_is_given_up():
    with (
        open_engine("processes", workers=1) as engine,
        pytest.raises(EngineError, match=r"4 processes were killed over the same work, .*goes on where it was"),
    ):
        list(engine.map(working.die, None, [1]))


@pytest.mark.parametrize("failures", [0])
def test_work_that_kills_every_worker_of_a_cluster_is_given_up(one_worker):
    with (
        open_engine("dask", one_worker.scheduler_address) as engine,
        pytest.raises(
            EngineError, match=r"Dask at tcp://.*: the same work killed every worker that tried it, .*goes on"
        ),
    ):
        list(engine.map(working.die, None, [1]))


def test_a_worker_that_lacks_a_package_is_told(dask_engine):
    with pytest.raises(EngineError, match=r"lacks a package: No module named 'nowhere'; install it there"):
        list(dask_engine.map(working.lack, None, [1]))


def test_a_scheduler_that_is_not_there_is_one_error_with_its_address():
    with (
        pytest.raises(EngineError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9: .*dask scheduler"),
        open_engine("dask", "tcp://127.0.0.1:9", patience=0.3),
    ):
        pass


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "http://127.0.0.1:1"])
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(EngineError, match="no Dask scheduler answers at"), open_engine("dask", address, patience=0.3):
        pass


def test_too_few_workers_are_told(address):
    with (
        pytest.raises(EngineError, match=r"has 2 of 99 workers after 0.1 s; start them with: dask worker tcp://"),
        open_engine("dask", address, 99, patience=0.1),
    ):
        pass


def test_workers_with_other_versions_are_told(address, monkeypatch):
    from taskfusion.engine import cluster

    monkeypatch.setattr(cluster, "ALIKE", ("numpy",))
    monkeypatch.setattr(cluster, "_version", lambda name: "0.0.1")
    with (
        pytest.raises(EngineError, match=r"worker tcp://.* has numpy \d.*, this process 0.0.1; expected the same"),
        open_engine("dask", address),
    ):
        pass


def test_what_a_worker_has_and_this_process_has_not_is_told(address, monkeypatch):
    from taskfusion.engine import cluster

    monkeypatch.setattr(cluster, "_version", lambda name: "1" if name == "no-such-thing" else "")
    monkeypatch.setattr(cluster, "ALIKE", ("no-such-thing",))
    with (
        pytest.raises(EngineError, match=r"has no-such-thing not at all, this process 1"),
        open_engine("dask", address),
    ):
        pass


def test_mistakes_in_naming_an_engine_are_told():
    with pytest.raises(UnknownNameError, match=r"unknown engine 'dusk' \(did you mean 'dask'\?\)"), open_engine("dusk"):
        pass
    with pytest.raises(EngineError, match=r"scheduler \(tcp://a:1\) is for engine dask; the engine is local"):
        open_engine("local", "tcp://a:1").__enter__()
    with pytest.raises(EngineError, match="needs the address of a scheduler: --scheduler tcp://HOST:8786"):
        open_engine("dask").__enter__()


def test_a_folder_that_workers_see_is_fine(dask_engine, tmp_path):
    require_shared(dask_engine, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    require_shared(LOCAL, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_folder_that_workers_do_not_see_is_told(dask_engine, tmp_path, monkeypatch):
    from taskfusion.engine import sharing

    monkeypatch.setattr(sharing, "_is_there", working.never)
    with pytest.raises(EngineError, match=rf"2 of 2 workers do not see the folder {tmp_path} as this process does"):
        require_shared(dask_engine, tmp_path)


def test_what_workers_see_otherwise_is_told_with_their_words(dask_engine):
    own = os.getpid()
    with pytest.raises(EngineError, match=r"do not see it as this process does \(worker tcp://.*: process \d+ is not"):
        require_same(dask_engine, "it", working.here, own)


@pytest.mark.parametrize("failures", [3])
def test_a_cluster_that_ends_is_told(one_worker, tmp_path):
    with open_engine("dask", one_worker.scheduler_address, patience=0.5) as engine:
        results = engine.map(working.slowly, tmp_path, range(1000))
        next(results)
        one_worker.scale(0)
        with pytest.raises(EngineError, match="no worker is left; what was done is kept, the same command goes on"):
            list(results)
