"""How time and memory grow with the cases: 1k to 1M simulated exams through the store and a score or a feature fuser.

    python benchmarks/scale.py                                  # small sizes, a minute or two
    python benchmarks/scale.py --score 1000 10000 100000 1000000 --feat 1000 10000 100000

Every size runs in a process of its own, through the same code as any pipeline: the tasks answer and their answers are
stored, the fuser learns from 80 % of the cases and chooses on 10 %, and then answers about all. Prints a Markdown
table, and writes it with the figures as JSON. Features take 90 KB a case on disk in the store, and as much again while
a feature fuser learns; what a size has written is deleted when it is done.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, Target
from taskfusion.evaluation.metrics import auc
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.score import MlpFuser
from taskfusion.images import Array
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.padding import BackgroundPadding, ZeroPadding
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import TrainedTask, Work
from taskfusion.tasks.base import FitContext, TaskModel

VIEWS = ("L-CC", "R-CC", "L-MLO", "R-MLO")
WIDTH = 1024  # of a feature vector; density has four of them
MOST = 6  # detections in a view
POSITIVE = 0.9  # cases whose severity is beyond this (in standard deviations) have a lesion: 18 %
UNANSWERED = 0.02  # of the answers are missing
BANK = 1 << 16  # random numbers that features are cut from, anew for each case


def uniform(case: Array, stream: int) -> Array:
    """``(cases,)`` in (0, 1), the same for the same case and stream: splitmix64's way of mixing bits."""
    with np.errstate(over="ignore"):
        x = case.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(stream + 1) * np.uint64(
            0xD1B54A32D192ED03
        )
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / (1 << 53) + 2.0**-54


def normal(case: Array, stream: int) -> Array:
    """``(cases,)`` standard normal."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform(case, stream)))


def severity(case: Array) -> Array:
    """What all tasks see a part of; it says whether a case has a lesion."""
    return normal(case, 0)


def score(logit: Array) -> Array:
    """Scores of logits."""
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)


@attrs.frozen
class SimulatedConfig:
    """``features``: whether feature vectors come along."""

    features: bool = False


class Simulated(TaskModel):
    """A task that answers from a case's number alone: paper-like shapes, scores that lean to the truth."""

    Config = SimulatedConfig
    salt = 0

    @property
    def is_fitted(self) -> bool:
        return True

    @property
    def width(self) -> int:
        """Of a feature vector; 0 without."""
        return WIDTH if self.config.features else 0

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        return self

    def save_weights(self, folder: Path) -> None:
        pass

    def load_weights(self, folder: Path) -> None:
        pass

    def seen(self, number: Array, cells: int, noise: float) -> Array:
        """``(cases, cells)``: severity with noise."""
        streams = range(self.salt, self.salt + cells)
        return severity(number)[:, None] + noise * np.stack([normal(number, 10 + s) for s in streams], axis=1)

    def present(self, number: Array, cells: int) -> Array:
        """``(cases, cells)``, most of them True."""
        return np.stack([uniform(number, 100 + self.salt + k) > UNANSWERED for k in range(cells)], axis=1)

    def features(self, number: Array, seen: Array, cells: int) -> Array:
        """``(rows, width)`` of ``(rows,)``: noise, and what is seen along a direction of the task's own."""
        generator = np.random.default_rng(self.salt)
        bank = generator.standard_normal(BANK + WIDTH, np.float32)
        direction = 0.2 * generator.standard_normal(WIDTH, np.float32)
        start = (uniform(number * 64 + cells, 200 + self.salt) * BANK).astype(np.int64)
        noise = np.lib.stride_tricks.sliding_window_view(bank, WIDTH)[start]
        return np.maximum(noise + seen.astype(np.float32)[:, None] * direction, 0)


class Density(Simulated):
    """Level case, four vectors side by side."""

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.CASE, ("dense",), (), 4 * self.width, 4)

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        number = numbers(cases)
        seen, present = self.seen(number, 1, 3.0)[:, 0], self.present(number, 1)[:, 0]
        scores = np.where(present, score(1.5 * seen - 1), np.nan)[:, None]
        features = None
        if self.width:
            blocks = [self.features(number, np.where(present, seen, np.nan), k) for k in range(4)]
            features = np.concatenate(blocks, axis=1)
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)


class Findings(Simulated):
    """Level view."""

    salt = 20

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.VIEW, ("finding",), VIEWS, self.width)

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        number = numbers(cases)
        seen, present = self.seen(number, len(VIEWS), 2.0), self.present(number, len(VIEWS))
        scores = np.where(present, score(0.7 * seen + 1), np.nan)[..., None]
        features = None
        if self.width:
            blocks = [self.features(number, np.where(present, seen, np.nan)[:, k], k) for k in range(len(VIEWS))]
            features = np.stack(blocks, axis=1)
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)


class Localization(Simulated):
    """Level detection: none to six a view, and a background feature."""

    salt = 40

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.DETECTION, ("mass", "calcification"), VIEWS, self.width, background=bool(self.width))

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        number = numbers(cases)
        seen, present = self.seen(number, len(VIEWS), 1.5), self.present(number, len(VIEWS))
        counts = (np.clip(np.floor(-1.2 * np.log(self._luck(number)) + seen / 2), 0, MOST) * present).astype(np.int64)
        owner, rank = np.repeat(np.arange(counts.size), counts.ravel()), ranks(counts.ravel())
        case, value = np.repeat(number, len(VIEWS))[owner], seen.ravel()[owner] - rank / 2
        corner = np.stack([10.0 * rank, 10.0 * rank], axis=1) + 5 * uniform(case, 300)[:, None]
        features = background = None
        if self.width:
            features = self.features(case, value, owner % len(VIEWS) * MOST + rank)
            blocks = [self.features(number, np.where(present[:, k], 0.0, np.nan), 50 + k) for k in range(len(VIEWS))]
            background = np.stack(blocks, axis=1)
        found = Detections(
            np.concatenate([[0], np.cumsum(counts)]),
            np.concatenate([corner, corner + 40], axis=1),
            (uniform(case, 301) > 0.6).astype(np.int64),
            score(value - 1),
            features,
            background,
        )
        return TaskOutput(self.spec, [case.id for case in cases], present, detections=found)

    def _luck(self, number: Array) -> Array:
        return np.stack([uniform(number, 400 + k) for k in range(len(VIEWS))], axis=1)


def numbers(cases: Sequence[Case]) -> Array:
    """The numbers that are the cases' names."""
    return np.array([int(case.id) for case in cases], np.int64)


def ranks(counts: Array) -> Array:
    """0, 1, … within each cell."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


TASKS: dict[str, type[Simulated]] = {"density": Density, "findings": Findings, "localization": Localization}


def simulated_cohort(cases: int) -> Cohort:
    """Numbered cases: of ten in turn eight to train, one to validate, one to test."""
    number = np.arange(cases)
    split = np.array(["train"] * 8 + ["validation", "test"])[number % 10]
    lesion = {"lesion": (severity(number) > POSITIVE).astype(np.int64)}
    return Cohort("simulated", [Case(str(k)) for k in number], VIEWS, lesion, {"lesion": Target("lesion")}, split)


def plan_of(kind: str, epochs: int) -> FuserPlan:
    """The default score fuser, or the feature fuser with so many epochs."""
    if kind == "score":
        return FuserPlan("fuser", MlpFuser(), ZeroPadding())
    return FuserPlan("fuser", FeatFuser(FeatConfig(epochs=epochs, patience=epochs)), BackgroundPadding())


def one_size(kind: str, cases: int, folder: Path, epochs: int) -> dict[str, Any]:
    """Store, fit, predict; seconds of each, the most memory until its end in MB, and the AUC of the test split."""
    seconds: dict[str, float] = {}
    cpu: dict[str, float] = {}
    peaks: dict[str, float] = {}
    found: dict[str, Any] = {"kind": kind, "cases": cases, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peaks}

    def done(stage: str, start: float) -> None:
        seconds[stage] = round(time.perf_counter() - start, 3)
        cpu[stage] = round(time.process_time() - sum(cpu.values()), 3)
        peaks[stage] = peak_mb()

    config = SimulatedConfig(features=kind == "feat")
    start = time.perf_counter()
    cohort, work = simulated_cohort(cases), Work(folder=folder)
    pipeline = FusionPipeline(
        {name: task(config) for name, task in TASKS.items()}, [plan_of(kind, epochs)], ("lesion",)
    )
    done("cohort", start)
    start = time.perf_counter()
    for name, task in pipeline.tasks.items():
        TrainedTask(name, task, "given").answers(cohort.cases, work)
    done("store", start)
    found["disk_mb"] = round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)
    start = time.perf_counter()
    pipeline.fit(cohort, work)
    done("fit", start)
    start = time.perf_counter()
    answer = pipeline.predict(cohort, work).scores["fuser", "lesion"]
    done("predict", start)
    test = cohort.rows("test")
    found["auc"] = round(float(auc(cohort.label("lesion")[test], answer[test])), 4)
    found["summary"] = pipeline.summary()["fusers"]["fuser/lesion"]
    return found


def peak_mb() -> float:
    """The most memory this process has held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def in_a_process(kind: str, cases: int, options: argparse.Namespace) -> dict[str, Any]:
    """:func:`one_size` in a process of its own; its files are deleted."""
    folder = options.folder / f"{kind}-{cases}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [
        sys.executable,
        __file__,
        "--one",
        kind,
        str(cases),
        "--folder",
        str(folder),
        "--epochs",
        str(options.epochs),
    ]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def with_growth(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one kind, each but the first with what doubling the cases cost since the row before.

    In seconds, and in seconds of the processor, which others who use the machine disturb less.
    """
    result = []
    for before, row in zip([None, *rows], rows, strict=False):
        growth = {}
        if before is not None:
            doublings = np.log2(row["cases"] / before["cases"])
            for clock in ("seconds", "cpu_seconds"):
                growth[clock] = round(float((total(row, clock) / total(before, clock)) ** (1 / doublings)), 2)
        result.append({**row, "per_doubling": growth})
    return result


def total(row: dict[str, Any], clock: str = "seconds") -> float:
    """Seconds of all stages."""
    return float(sum(row[clock].values()))


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| fuser | cases | store s | fit s | predict s | total s | per doubling | CPU s | per doubling "
        "| peak MB | disk MB | AUC |",
        "|---|" + "---:|" * 11,
    ]
    for row in rows:
        seconds, growth = row["seconds"], row["per_doubling"]
        cells = [row["kind"], f"{row['cases']:,}", *(f"{seconds[stage]:.1f}" for stage in ("store", "fit", "predict"))]
        for clock in ("seconds", "cpu_seconds"):
            cells += [f"{total(row, clock):.1f}", f"{growth[clock]:.2f}x" if growth else ""]
        cells += [f"{max(row['peak_mb'].values()):.0f}", f"{row['disk_mb']:.0f}", f"{row['auc']:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Every size asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=int, nargs="*", default=[1000, 10000], help="numbers of cases, score fuser")
    parser.add_argument("--feat", type=int, nargs="*", default=[500, 1000], help="numbers of cases, feature fuser")
    parser.add_argument("--epochs", type=int, default=2, help="of the feature fuser, so that sizes can be compared")
    parser.add_argument("--folder", type=Path, default=Path("build/scale"), help="for the stores, on a real disk")
    parser.add_argument("--out", type=Path, default=Path("build/scale.json"), help="figures; the table lies beside it")
    parser.add_argument("--one", nargs=2, metavar=("FUSER", "CASES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_size(options.one[0], int(options.one[1]), options.folder, options.epochs)))
        return
    rows: list[dict[str, Any]] = []
    for kind, sizes in (("score", options.score), ("feat", options.feat)):
        found = []
        for cases in sorted(sizes):
            found.append(in_a_process(kind, cases, options))
            print(table_of(with_growth(found)[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
        rows += with_growth(found)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"machine": platform.machine(), "system": platform.system(), "python": platform.python_version()}
    options.out.write_text(json.dumps({**machine, "epochs": options.epochs, "rows": rows}, indent=2) + "\n")
    options.out.with_suffix(".md").write_text(table_of(rows) + "\n")
    print(table_of(rows))


if __name__ == "__main__":
    main()
