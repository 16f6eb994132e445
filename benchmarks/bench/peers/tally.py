"""What every peer reached, as numbers: per peer and setting, what it costs, and the reader study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.peers import figures, simulate
from bench.peers.catalogue import DEFAULT, PEERS, Peer
from bench.peers.figures import Interval
from bench.peers.reader_study import FOLDS

STUDY_NAME = "reader study"
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Reached:
    """Of one peer.

    Attributes:
        peer: which.
        by_setting: per measure and setting the interval over cohorts.
        against: likewise the paired difference to the default fuser.
        study: per measure the reader study's figure, and ``AUC difference``.
        costs: of the measured process.
        problem: why it could not be run at all.
        failed: per setting the first error.
    """

    peer: Peer
    by_setting: dict[str, dict[str, Interval]]
    against: dict[str, dict[str, Interval]]
    study: dict[str, Interval]
    costs: dict[str, Any]
    problem: str
    failed: dict[str, str]


def tally(raw: Raw) -> list[Reached]:
    """One entry a peer, in the catalogue's order."""
    peers = [peer for peer in PEERS if peer.name in raw["peers"]]
    values = {peer.name: by_cohort(raw, peer.name) for peer in peers}
    study = {peer.name: study_draws(raw, peer.name) for peer in peers}
    return [
        Reached(
            peer,
            {
                m: {s: figures.over_cohorts(list(v.values())) for s, v in of.items()}
                for m, of in values[peer.name].items()
            },
            _differences(values[peer.name], values.get(DEFAULT, {})),
            _study(study[peer.name], study.get(DEFAULT, {})),
            raw["costs"].get(peer.name, {}),
            problem_of(raw, peer),
            _failed(raw, peer.name),
        )
        for peer in peers
    ]


def jobs_of(raw: Raw, name: str) -> dict[str, Any]:
    """Everything a peer was asked: the measured cohort and the others."""
    parts = (raw["costs"].get(name, {}), raw["answers"].get(name, {}))
    return {job: answer for part in parts for job, answer in part.get("jobs", {}).items()}


def by_cohort(raw: Raw, name: str) -> dict[str, dict[str, dict[int, float]]]:
    """Per measure and setting, the figure of each cohort that was answered."""
    found: dict[str, dict[str, dict[int, float]]] = {measure: {} for measure in figures.MEASURES}
    for job, answer in jobs_of(raw, name).items():
        setting, _, seed = job.partition("/")
        if setting not in simulate.SETTINGS or "scores" not in answer:
            continue
        truth, scores = np.array(raw["truths"][job]), np.array(answer["scores"])
        for measure, figure in figures.MEASURES.items():
            found[measure].setdefault(setting, {})[int(seed)] = figure(truth, scores)
    return found


def study_draws(raw: Raw, name: str) -> dict[str, figures.Array]:
    """Per measure the figure of the reader study and of its resampled patients; empty where a fold is not answered."""
    known, jobs = raw["truths"].get(STUDY_NAME), jobs_of(raw, name)
    if not known or not all("scores" in jobs.get(job, {}) for job in known["rows"]):
        return {}
    truth = np.array(known["truth"])
    scores = np.zeros((len(known["rows"]) // FOLDS, len(truth)))
    for job, rows in known["rows"].items():
        scores[int(job.partition("/")[2]) // FOLDS, rows] = jobs[job]["scores"]
    groups = np.array(known["groups"])
    return {measure: figures.by_bootstrap(truth, groups, scores, measure) for measure in figures.MEASURES}


def problem_of(raw: Raw, peer: Peer) -> str:
    """Why there is nothing to tell of a peer, or ""."""
    made, costs = raw["environments"][peer.venv], raw["costs"].get(peer.name, {})
    if made["error"]:
        return f"does not install: {made['error']}"
    if "error" in costs:
        return f"does not run: {costs['error']}"
    errors = [answer["error"] for answer in costs.get("jobs", {}).values() if "error" in answer]
    return f"does not fit: {errors[0]}" if errors else ""


def _differences(own: dict[str, Any], other: dict[str, Any]) -> dict[str, dict[str, Interval]]:
    found: dict[str, dict[str, Interval]] = {}
    for measure, of in own.items():
        pairs = {setting: figures.paired(v, other.get(measure, {}).get(setting, {})) for setting, v in of.items()}
        found[measure] = {setting: interval for setting, interval in pairs.items() if interval is not None}
    return found


def _study(own: dict[str, figures.Array], other: dict[str, figures.Array]) -> dict[str, Interval]:
    found = {measure: figures.percentiles(draws) for measure, draws in own.items()}
    if own and other:
        found["AUC difference"] = figures.percentiles(own["AUC"] - other["AUC"])
    return found


def _failed(raw: Raw, name: str) -> dict[str, str]:
    """The first error of each setting; of the whole process under ``all``."""
    failed: dict[str, str] = {}
    if "error" in raw["answers"].get(name, {}):
        failed["all but the first cohort"] = raw["answers"][name]["error"]
    for job, answer in jobs_of(raw, name).items():
        if "error" in answer:
            failed.setdefault(job.partition("/")[0], answer["error"])
    return failed


def below(ours: Interval | None) -> bool:
    """Whether a difference (ours less theirs) is below 0 by more than its interval."""
    return ours is not None and not math.isnan(ours.high) and ours.high < 0
