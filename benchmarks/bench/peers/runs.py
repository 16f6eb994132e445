"""Orders to the harness: which cohorts a peer answers about, and running it in its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.peers.catalogue import OURS, Peer

BENCHMARKS = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
Order = dict[str, Any]


def job(name: str, folder: Path, seed: int, impute: bool = False, measure: bool = False) -> dict[str, Any]:
    """One fit and its answers."""
    return {"name": name, "folder": str(folder), "seed": seed, "impute": impute, "measure": measure}


def order(peer: Peer, jobs: Sequence[dict[str, Any]], seconds: float, answers: Path) -> Order:
    """What the harness is to do for a peer."""
    return {
        "module": f"bench.peers.adapters.{peer.module}",
        "function": peer.function,
        "option": peer.option,
        "seconds": seconds,
        "answers": str(answers),
        "jobs": list(jobs),
    }


def run(peer: Peer, python: str, wanted: Order, limit: float) -> dict[str, Any]:
    """The harness's answers; ``{"error": …}`` where it did not come to any.

    Answers to the very same order that are there already are taken as they are.
    """
    answers = Path(wanted["answers"])
    path = answers.with_suffix(".order.json")
    if answers.is_file() and path.is_file() and json.loads(path.read_text()) == wanted:
        return dict(json.loads(answers.read_text()))
    answers.parent.mkdir(parents=True, exist_ok=True)
    answers.unlink(missing_ok=True)
    path.write_text(json.dumps(wanted))
    command = [python, "-m", "bench.peers.harness", str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment(peer), check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {limit:.0f} s"}
    answers.with_suffix(".log").write_text(done.stdout + done.stderr)
    if not answers.is_file():
        return {"error": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1][:200]}
    found: dict[str, Any] = json.loads(answers.read_text())
    return found


def environment(peer: Peer) -> dict[str, str]:
    """Ours with the benchmarks on the path; a peer sees nothing but them, so that it needs no taskfusion.

    Everybody has one thread: tables are so small that handing out work costs more than it brings, and two run at once.
    """
    limits = dict.fromkeys(THREADS, "1")
    running = [entry for entry in sys.path if entry] if peer.venv == OURS else []
    own = {"PYTHONPATH": os.pathsep.join([str(BENCHMARKS), *running]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **limits, **own}


def side_by_side(calls: Sequence[Any], workers: int) -> list[Any]:
    """The results of calls without arguments, some at a time, in order."""
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
