"""The section `peers`: simulates, installs, runs every peer, and writes ``peers.json``."""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import reader_study, runs, simulate
from bench.peers.catalogue import DEFAULT, FEATURE_SEEDS, OURS, PEERS, VENVS, Peer
from bench.peers.exams import Exams, write
from bench.peers.venvs import Environment, ready

STUDY = Path(__file__).parents[4] / "shared" / "data" / "nyu_reader_study" / "reader_study_open.csv"
FIRST = next(iter(simulate.SETTINGS))
SECONDS = 15.0  # of a peer that takes a time limit for a fit
LIMIT = 900.0  # seconds of one peer's process
STUDY_NAME = "reader study"


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        folder: for ``peers.json``; what is not a result lies beside it.
        seeds: cohorts a setting.
        study: the reader study's file.
        only: names of peers; empty for all.
        feature_seeds: cohorts with features.
    """

    folder: Path
    seeds: int = 10
    study: Path = STUDY
    only: tuple[str, ...] = ()
    feature_seeds: int = FEATURE_SEEDS

    @property
    def work(self) -> Path:
        """For what is no result: cohorts, answers, ``raw.json``."""
        return self.folder.with_name(f"{self.folder.name}.work")

    @property
    def peers(self) -> list[Peer]:
        """Those that are run; ours is always there to be compared with."""
        return [peer for peer in PEERS if not self.only or peer.name in (*self.only, DEFAULT)]


@dataclass
class Found:
    """What the peers answered: per peer the measured process, and the scores by job."""

    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)


def main() -> None:
    """The section by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench/peers"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--feature-seeds", type=int, default=FEATURE_SEEDS)
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--resume", action="store_true", help="take the answers of a run that was stopped")
    parser.add_argument("--only", nargs="*", default=(), choices=[peer.name for peer in PEERS])
    given = parser.parse_args()
    plan = Plan(given.out.resolve(), given.seeds, given.study, tuple(given.only), given.feature_seeds)
    from bench.peers.report import content

    if not given.resume:
        shutil.rmtree(plan.work, ignore_errors=True)
    found = everything(plan)
    (plan.folder / "peers.json").write_text(json.dumps(content(found), indent=1, allow_nan=False) + "\n")


def everything(plan: Plan) -> dict[str, Any]:
    """Runs it all; what came of it as plain data, also kept in ``raw.json`` for tries with the page."""
    start = time.perf_counter()
    for folder in (plan.folder, plan.work):
        folder.mkdir(parents=True, exist_ok=True)
    venvs = environments(plan)
    say(f"environments ready after {time.perf_counter() - start:.0f} s")
    installing, start = time.perf_counter() - start, time.perf_counter()
    truths = prepared(plan)
    found = Found()
    for peer in plan.peers:
        if venvs[peer.venv].python:
            found.costs[peer.name] = measured(plan, peer, venvs[peer.venv])
    usable = [peer for peer in plan.peers if "error" not in found.costs.get(peer.name, {"error": ""})]
    calls = [functools.partial(answered, plan, peer, venvs[peer.venv]) for peer in slowest_first(usable, found)]
    for name, answers in runs.side_by_side(calls, 2):
        found.answers[name] = answers
    shutil.rmtree(plan.work / "cohorts")
    raw = {
        "peers": [peer.name for peer in plan.peers],
        "seeds": plan.seeds,
        "feature_seeds": plan.feature_seeds,
        "installing_seconds": installing,
        "seconds": time.perf_counter() - start,
        "environments": {name: vars(made) for name, made in venvs.items()},
        "empty_views": empty_views(),
        "truths": truths,
        "costs": found.costs,
        "answers": found.answers,
        "study": str(plan.study) if plan.study.is_file() else "",
    }
    (plan.work / "raw.json").write_text(json.dumps(raw))
    return raw


def environments(plan: Plan) -> dict[str, Environment]:
    """Of every peer that is run."""
    made = {OURS: Environment(sys.executable)}
    for name, requirements in VENVS.items():
        if any(peer.venv == name for peer in plan.peers):
            made[name] = ready(name, requirements, plan.folder.parent / "venvs")
            if made[name].error:
                say(f"{name} does not install: {made[name].error}")
    return made


def prepared(plan: Plan) -> dict[str, Any]:
    """Writes the cohorts; the truth of every test split and of the reader study, for the figures."""
    truths: dict[str, Any] = {}
    for setting in simulate.SETTINGS:
        for seed in range(plan.seeds):
            features = setting == FIRST and seed < plan.feature_seeds and any(p.features for p in plan.peers)
            splits = simulate.cohort(setting, seed, features)
            truths[f"{setting}/{seed}"] = splits["test"].truth.tolist()
            for split, exams in splits.items():
                write(cohort_folder(plan, setting, seed) / split, exams.without_features())
                if features:
                    write(cohort_folder(plan, "features", seed) / split, exams)
    if plan.study.is_file():
        truths[STUDY_NAME] = _study(plan, reader_study.read_study(plan.study))
    return truths


def _study(plan: Plan, exams: Exams) -> dict[str, Any]:
    outside = {}
    for repeat in range(reader_study.REPEATS):
        for fold, (train, test) in enumerate(reader_study.folds(exams, repeat)):
            folder = cohort_folder(plan, STUDY_NAME, repeat * reader_study.FOLDS + fold)
            write(folder / "train", exams.select(train))
            write(folder / "test", exams.select(test))
            outside[f"{STUDY_NAME}/{repeat * reader_study.FOLDS + fold}"] = test.tolist()
    return {"truth": exams.truth.tolist(), "groups": exams.groups.tolist(), "rows": outside}


def empty_views() -> float:
    """The share of a first cohort's views that have no detection."""
    exams = simulate.cohort(FIRST, 0)["test"]
    return float(np.mean(np.diff(exams.offsets) == 0))


def cohort_folder(plan: Plan, setting: str, seed: int) -> Path:
    """Where a cohort lies."""
    return plan.work / "cohorts" / setting / str(seed)


def first_job(plan: Plan, peer: Peer) -> dict[str, Any]:
    """The cohort on which costs are measured, whose scores count like any other's."""
    folder = cohort_folder(plan, "features" if peer.features else FIRST, 0)
    return runs.job(f"{FIRST}/0", folder, 0, measure=True)


def other_jobs(plan: Plan, peer: Peer) -> list[dict[str, Any]]:
    """All but the first."""
    if peer.features:
        seeds = range(1, min(plan.feature_seeds, peer.seeds))
        return [runs.job(f"{FIRST}/{seed}", cohort_folder(plan, "features", seed), seed) for seed in seeds]
    pairs = [(setting, seed) for setting in simulate.SETTINGS for seed in range(min(plan.seeds, peer.seeds))]
    jobs = [
        runs.job(f"{setting}/{seed}", cohort_folder(plan, setting, seed), seed, peer.imputes and setting == "missing")
        for setting, seed in pairs
        if (setting, seed) != (FIRST, 0)
    ]
    if peer.study and plan.study.is_file():
        count = reader_study.FOLDS * reader_study.REPEATS
        jobs += [runs.job(f"{STUDY_NAME}/{k}", cohort_folder(plan, STUDY_NAME, k), k) for k in range(count)]
    return jobs


def measured(plan: Plan, peer: Peer, made: Environment) -> dict[str, Any]:
    """The process of a peer that nothing else runs beside."""
    wanted = runs.order(peer, [first_job(plan, peer)], SECONDS, plan.work / "answers" / f"{peer.name} costs.json")
    start = time.perf_counter()
    found = runs.run(peer, made.python, wanted, LIMIT)
    say(f"{peer.name}: measured in {taken(start, found)}")
    return found


def answered(plan: Plan, peer: Peer, made: Environment) -> tuple[str, dict[str, Any]]:
    """The process that answers about all other cohorts."""
    jobs = other_jobs(plan, peer)
    if not jobs:
        return peer.name, {"jobs": {}}
    wanted = runs.order(peer, jobs, SECONDS, plan.work / "answers" / f"{peer.name}.json")
    start = time.perf_counter()
    found = runs.run(peer, made.python, wanted, LIMIT)
    say(f"{peer.name}: {len(jobs)} cohorts in {taken(start, found)}")
    return peer.name, found


def taken(start: float, found: dict[str, Any]) -> str:
    """Seconds since, of which on a processor, and what went wrong."""
    cpu = f"{found['cpu_seconds']:.0f} s of CPU" if "cpu_seconds" in found else found.get("error", "")
    return f"{time.perf_counter() - start:.0f} s, {cpu}"


def slowest_first(peers: list[Peer], found: Found) -> list[Peer]:
    """So that none is left over at the end alone."""

    def seconds(peer: Peer) -> float:
        jobs: dict[str, Any] = found.costs[peer.name].get("jobs", {})
        return float(sum(job.get("fit_seconds", 0.0) for job in jobs.values()))

    return sorted(peers, key=seconds, reverse=True)


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
