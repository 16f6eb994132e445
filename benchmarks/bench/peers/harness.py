"""Runs one peer in its own environment: ``python -m bench.peers.harness ORDER.json``, which names where to answer.

The order is ``{"module", "function", "option", "seconds", "answers", "jobs": [{"name", "folder", "seed", "impute",
"measure"}]}``. Each job's folder holds ``train``, ``test`` and, but for a reader study, ``validation``.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.peers.exams import Array, Exams, read
from bench.peers.probes import outcome, probes, said
from bench.peers.wanted import Fit, Job, Predict

BATCH = 10_000  # exams answered together; of those with features as many as the split has
FIT_TRIES, FIT_BUDGET = 3, 8.0  # fits of the measured job, as long as they take no more than this many seconds
LONG = 20.0  # seconds of a fit that is not repeated
ONE_BUDGET = 2.0  # seconds of answering one exam over and over


def main() -> None:
    """Do what the order says."""
    order = json.loads(Path(sys.argv[1]).read_text())
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    fit: Fit = getattr(importlib.import_module(order["module"]), order["function"])
    answers: dict[str, Any] = {"import_seconds": time.perf_counter() - start, "jobs": {}}
    with tempfile.TemporaryDirectory(dir=Path(order["answers"]).parent) as scratch:
        for job in order["jobs"]:
            answers["jobs"][job["name"]] = done(fit, job, {**order, "scratch": scratch})
    answers["peak_megabytes"] = peak_megabytes()
    answers["cpu_seconds"] = time.process_time()
    whole = Path(order["answers"]).with_suffix(".part")
    whole.write_text(json.dumps(answers))
    whole.replace(order["answers"])


def peak_megabytes() -> float:
    """The most this process has held. Not ``ru_maxrss``, which starts from what the process that started it held."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def done(fit: Fit, job: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    """What came of one job; an error is an answer too."""
    folder = Path(job["folder"])
    train, test = read(folder / "train"), read(folder / "test")
    validation = read(folder / "validation") if (folder / "validation").is_dir() else None

    def fitted(impute: bool) -> Predict:
        scratch = tempfile.mkdtemp(dir=order["scratch"])
        return fit(train, validation, Job(job["seed"], impute, order["seconds"], scratch, order["option"]))

    try:
        predict, seconds = timed(lambda: fitted(job["impute"]))
        answer: dict[str, Any] = {"scores": scores_of(predict, test).tolist(), "fit_seconds": seconds}
        if job["measure"]:
            answer |= costs(predict, test) | {"fit_seconds": fit_seconds(lambda: fitted(job["impute"]), seconds)}
            answer["probes"] = probed(predict, lambda: fitted(True), test)
        return answer
    except Exception as error:  # the page tells what a peer raised; the other jobs go on
        return {"error": said(error)}


def scores_of(predict: Predict, exams: Exams) -> Array:
    """Fused scores, refused where they are none."""
    scores = np.asarray(predict(exams), float)
    if scores.shape != (len(exams),) or not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} of {scores.shape} scores are not finite")
    return scores


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returned, and its seconds."""
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


def fit_seconds(fitted: Callable[[], Any], first: float) -> float:
    """Median over some fits; the first, which loads what is loaded late, counts only where one takes long."""
    tries = min(FIT_TRIES, max(int(FIT_BUDGET / max(first, 1e-3)), int(first < LONG)))
    return median([timed(fitted)[1] for _ in range(tries)] or [first])


def costs(predict: Predict, exams: Exams) -> dict[str, float]:
    """Milliseconds of one exam and microseconds an exam of many, from task outputs to score."""
    one = exams.select(np.array([0]))
    large = exams.detection_features.shape[1] > 0
    many = exams if large else exams.select(np.arange(BATCH) % len(exams))
    single = repeated(lambda: predict(one), 300, ONE_BUDGET)
    batch = repeated(lambda: predict(many), 9, 2 * ONE_BUDGET)
    return {"one_ms": 1e3 * single, "batch_us": 1e6 * batch / len(many), "batch": len(many)}


def repeated(call: Callable[[], Any], most: int, budget: float) -> float:
    """Median seconds of a call after one to warm up, at least three times."""
    call()
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < most and sum(taken) < budget):
        taken.append(timed(call)[1])
    return median(taken)


def probed(predict: Predict, imputing: Callable[[], Predict], exams: Exams) -> dict[str, dict[str, str]]:
    """Per probe what happens, and what does where the user has written an imputation, if that is needed."""
    plain = {name: outcome(predict, altered) for name, altered in probes(exams).items()}
    if all(found == "answers" for found in plain.values()):
        return {"plain": plain}
    helped = imputing()
    return {"plain": plain, "imputed": {name: outcome(helped, altered) for name, altered in probes(exams).items()}}


if __name__ == "__main__":
    main()
