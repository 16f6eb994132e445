"""The answers of an experiment: one round per seed and repeat, each over the cohort's own splits or over folds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, UNKNOWN, Cohort
from taskfusion.evaluation.thresholds import CHOICE_COLUMNS, chosen, rules_of
from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.describe import parts_of
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.results import Result
from taskfusion.pipeline.training import Work
from taskfusion.spec import Spec
from taskfusion.splits import group_folds

if TYPE_CHECKING:
    import pandas as pd

Answers = tuple[Result, Cohort, FusionPipeline]
CROSS_VALIDATION = "cross-validation"  # the split name of out-of-fold predictions


@attrs.define
class Clock:
    """Seconds per stage; a stage that comes again adds up."""

    seconds: dict[str, float] = attrs.field(factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


@attrs.frozen(eq=False)
class Answered:
    """What all rounds gave.

    Attributes:
        predictions: one row per case, fuser, target and repeat; see :func:`prediction_rows`.
        choices: the thresholds, as :func:`taskfusion.evaluation.choose_thresholds` gives them.
        pipeline: the one to keep: that of the first round, under cross-validation fitted on all cases.
        results: of the first round by split; empty under cross-validation.
        outputs: the tasks' answers about some cases, to time the fusers with.
        judged: what the first round says of the cases it is judged by, fold by fold: the answers, the cases, and the
            pipeline that answered.
    """

    predictions: pd.DataFrame
    choices: pd.DataFrame
    pipeline: FusionPipeline
    results: Mapping[str, Result]
    outputs: Mapping[str, TaskOutput]
    judged: Sequence[Answers]


@attrs.frozen(eq=False)
class _Round:
    predictions: list[pd.DataFrame]
    choices: list[dict[str, Any]]
    pipeline: FusionPipeline
    results: Mapping[str, Result]
    outputs: Mapping[str, TaskOutput]
    judged: Sequence[Answers]


def answer(spec: Spec, cohort: Cohort, work: Work, clock: Clock) -> Answered:
    """Every round of a spec, one after the other; the first works in the run's own folder."""
    import pandas as pd

    judge = _Judge(spec, cohort, clock)
    seeds = spec.seeds or (spec.seed,)
    repeats = spec.evaluation.repeats if spec.evaluation.cross_validation else 1
    pairs = [(seed, spec.evaluation.seed + again) for again in range(repeats) for seed in seeds]
    rounds = [judge.round(number, _own(work, number, seed), folds) for number, (seed, folds) in enumerate(pairs)]
    predictions = pd.concat([frame for each in rounds for frame in each.predictions], ignore_index=True)
    choices = pd.DataFrame([row for each in rounds for row in each.choices], columns=list(CHOICE_COLUMNS))
    first = rounds[0]
    return Answered(predictions, choices, first.pipeline, first.results, first.outputs, first.judged)


def _own(work: Work, number: int, seed: int) -> Work:
    """The work of a round: its seed, and, after the first, a folder of its own."""
    folder = work.folder if work.folder is None or not number else work.folder / "rounds" / str(number)
    return attrs.evolve(work, seed=seed, folder=folder)


class _Judge:
    def __init__(self, spec: Spec, cohort: Cohort, clock: Clock) -> None:
        self.spec, self.cohort, self.clock = spec, cohort, clock
        self.rules = rules_of(spec.evaluation.thresholds)

    def round(self, number: int, work: Work, fold_seed: int) -> _Round:
        if self.spec.evaluation.cross_validation:
            return self._cross_validated(number, work, fold_seed)
        return self._on_splits(number, work)

    def _on_splits(self, number: int, work: Work) -> _Round:
        pipeline = self._fitted(self.cohort, work)
        results = {}
        with self.clock.stage("predict"):
            # whoever refuses cases that a task was trained on does not want to be told about them either
            for split in SPLITS[1:] if self.spec.refuse_seen else SPLITS:
                if len(self.cohort.rows(split)):
                    results[split] = pipeline.predict(self.cohort.part(split), work)
        frames = [prediction_rows(r, self.cohort.part(split), split, number) for split, r in results.items()]
        outputs = list(results.values())[-1].outputs if results else {}
        validation = results.get("validation")
        choices = self._on_held_out(pipeline, number, 0) if validation is None else self._on(validation, number)
        judged = [(results[s], self.cohort.part(s), pipeline) for s in ("test", "validation") if s in results][:1]
        return _Round(frames, choices, pipeline, results, outputs, judged)

    def _cross_validated(self, number: int, work: Work, fold_seed: int) -> _Round:
        """Every case judged by a pipeline that saw neither it nor its group; then, once, one fitted on all."""
        count = self.spec.evaluation.cross_validation
        first = self.spec.targets[0] if self.spec.targets else next(iter(self.cohort.targets))
        folds = group_folds(self.cohort.groups, self.cohort.label(first), count, fold_seed)
        frames, choices, judged = [], [], []
        for fold in range(count):
            part = self.cohort.with_split(np.where(folds == fold, "test", "train"))
            folder = None if work.folder is None else work.folder / "folds" / str(fold)
            inside = attrs.evolve(work, folder=folder, inner_folds=self._inner_folds())
            pipeline = self._fitted(part, inside)
            with self.clock.stage("predict"):
                result = pipeline.predict(part.part("test"), inside)
            frames.append(prediction_rows(result, part.part("test"), CROSS_VALIDATION, number, fold + 1))
            choices += self._on_held_out(pipeline, number, fold + 1)
            if not number:  # the pipelines of later rounds need not stay in memory
                judged.append((result, part.part("test"), pipeline))
        whole = pipeline if number else self._fitted(self.cohort.with_split(None), work)
        return _Round(frames, choices, whole, {}, result.outputs, judged)

    def _inner_folds(self) -> int:
        """None are needed where every threshold is a number."""
        return 0 if all(rule.fixed for rule in self.rules) else self.spec.evaluation.inner_folds

    def _fitted(self, cohort: Cohort, work: Work) -> FusionPipeline:
        parts = parts_of(self.spec)
        with self.clock.stage("fit"):
            return FusionPipeline(parts.tasks, parts.plans, parts.targets).fit(cohort, work)

    def _on(self, validation: Result, number: int) -> list[dict[str, Any]]:
        """The thresholds chosen on the validation split."""
        part, rows = self.cohort.part("validation"), []
        for (fuser, target), score in validation.scores.items():
            known = part.label(target) != UNKNOWN
            found = chosen(part.label(target)[known], score[known], self.rules, "validation")
            rows += [_row(fuser, target, number, 0) | row for row in found]
        return rows

    def _on_held_out(self, pipeline: FusionPipeline, number: int, fold: int) -> list[dict[str, Any]]:
        """The thresholds chosen on what was held out of training, if anything was."""
        rows = []
        for (fuser, target), held in pipeline.held_out.items():
            found = chosen(held.truth, held.score, self.rules, held.where)
            rows += [_row(fuser, target, number, fold) | row for row in found]
        return rows


def _row(fuser: str, target: str, repeat: int, fold: int) -> dict[str, Any]:
    return {"fuser": fuser, "target": target, "repeat": repeat, "fold": fold}


def prediction_rows(result: Result, part: Cohort, split: str, repeat: int = 0, fold: int = 0) -> pd.DataFrame:
    """One row per case, fuser and target:
    ``case, group, split, fuser, target, truth, score, missing, repeat, fold, raw``.
    """
    import pandas as pd

    missing = [" ".join(names) for names in result.missing]
    frames = [
        pd.DataFrame(
            {
                "case": result.cases,
                "group": part.groups,
                "split": split,
                "fuser": fuser,
                "target": target,
                "truth": part.label(target),
                "score": scores,
                "missing": missing,
                "repeat": repeat,
                "fold": fold,
                "raw": _raw(result, (fuser, target)),
            }
        )
        for (fuser, target), scores in result.scores.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _raw(result: Result, key: tuple[str, str]) -> np.ndarray:
    """The scores before calibration; asked for again only where there is one."""
    fitted = result.fitted[key]
    return result.scores[key] if fitted.calibration is None else fitted.raw(result.inputs[key])
