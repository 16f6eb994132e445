"""One peer in a process of its own: what it answers, what it raises, what it costs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from bench.peers import harness, runs
from bench.peers.catalogue import PEERS, VENVS, Peer
from bench.peers.exams import Exams, write
from bench.peers.probes import outcome, probes
from bench.peers.simulate import cohort

SOME = {"train": 60, "validation": 30, "test": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small cohort as files; do not mutate."""
    place = tmp_path_factory.mktemp("cohort")
    for split, exams in cohort("clean", 0).items():
        write(place / split, exams.select(np.arange(SOME[split])))
    return place


@pytest.fixture
def quick(monkeypatch):
    """Little is repeated."""
    monkeypatch.setattr(harness, "ONE_BUDGET", 0.0)
    monkeypatch.setattr(harness, "FIT_BUDGET", 0.0)
    monkeypatch.setattr(harness, "BATCH", 50)


def order(tmp_path: Path) -> dict:
    return {"seconds": 1.0, "option": "", "answers": str(tmp_path / "a.json"), "scratch": str(tmp_path)}


def always(value: float):
    return lambda train, validation, job: lambda exams: np.full(len(exams), value)


def needs_numbers(train, validation, job):
    """Like a classifier that takes no NaN, unless its user fills it in."""

    def predict(exams: Exams) -> np.ndarray:
        if np.isnan(exams.density).any() and not job.impute:
            raise ValueError("Input X contains NaN.\nand a long explanation")
        return np.full(len(exams), 0.5)

    return predict


def test_a_job_gives_scores_and_costs(folder, tmp_path, quick):
    found = harness.done(always(0.25), runs.job("clean/0", folder, 0, measure=True), order(tmp_path))
    assert found["scores"] == [0.25] * SOME["test"]
    assert found["batch"] == 50
    assert all(found[key] >= 0 for key in ("fit_seconds", "one_ms", "batch_us"))
    assert found["probes"] == {"plain": dict.fromkeys(probes(cohort("clean", 0)["test"]), "answers")}


def test_what_a_peer_raises_is_told_in_a_line_with_what_imputing_brings(folder, tmp_path, quick):
    found = harness.done(needs_numbers, runs.job("clean/0", folder, 0, measure=True), order(tmp_path))["probes"]
    assert found["plain"]["missing task"] == "error: ValueError: Input X contains NaN."
    assert found["plain"]["zero detections"] == "answers"
    assert found["imputed"]["missing task"] == "answers"


def test_scores_that_are_no_numbers_are_an_error(folder, tmp_path):
    found = harness.done(always(np.nan), runs.job("clean/0", folder, 0), order(tmp_path))
    assert found == {"error": "error: ValueError: 20 of (20,) scores are not finite"}
    assert outcome(lambda exams: np.full(len(exams), np.nan), cohort("clean", 0)["test"]) == "NaN"


def test_probes_take_away_what_they_say():
    altered = probes(cohort("clean", 0)["test"])
    assert np.isnan(altered["missing task"].density).all()
    assert np.isnan(altered["missing view"].findings).all(axis=0).tolist() == [False, False, False, True]
    assert altered["missing view"].looked.all(axis=0).tolist() == [True, True, True, False]
    assert altered["zero detections"].looked.all()
    assert len(altered["zero detections"].scores) == 0
    assert np.isnan(altered["NaN score"].findings).sum() == 1


def test_a_peer_runs_as_a_process_and_a_broken_one_is_told_of(folder, tmp_path, monkeypatch):
    peer = next(peer for peer in PEERS if peer.name == "maximum")
    wanted = runs.order(peer, [runs.job("clean/0", folder, 0)], 1.0, tmp_path / "answers.json")
    found = runs.run(peer, sys.executable, wanted, 60)
    assert len(found["jobs"]["clean/0"]["scores"]) == SOME["test"]
    assert found["peak_megabytes"] > 0
    monkeypatch.setattr(runs.subprocess, "run", None)
    assert runs.run(peer, sys.executable, wanted, 60) == found  # asked for the same again, nothing is run
    monkeypatch.undo()
    broken = Peer("broken", "sklearn", "no_such_adapter", "numpy")
    wanted = runs.order(broken, [], 1.0, tmp_path / "broken.json")
    error = runs.run(broken, sys.executable, wanted, 60)["error"]
    assert error == "ModuleNotFoundError: No module named 'bench.peers.adapters.no_such_adapter'"


def test_the_peak_is_this_process_alone(folder, tmp_path):
    held = np.ones(200 << 17)  # 200 MiB, which a child's ru_maxrss would start from
    peer = next(peer for peer in PEERS if peer.name == "maximum")
    found = runs.run(peer, sys.executable, runs.order(peer, [], 1.0, tmp_path / "peak.json"), 60)
    assert 0 < found["peak_megabytes"] < harness.peak_megabytes() - held.nbytes / 2**21


def test_a_peers_environment_sees_the_benchmarks_alone():
    path = runs.environment(Peer("x", "sklearn", "x", "x"))["PYTHONPATH"]
    assert [Path(entry).name for entry in path.split(":")] == ["benchmarks"]


def test_every_peer_has_an_adapter_and_an_environment():
    adapters = Path(harness.__file__).parent / "adapters"
    for peer in PEERS:
        source = (adapters / f"{peer.module}.py").read_text()
        assert f"def {peer.function}(" in source
        assert peer.venv in {"taskfusion", *VENVS}
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    json.dumps(VENVS)
