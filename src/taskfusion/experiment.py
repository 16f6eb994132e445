"""The stages of a spec: cohort, tasks, outputs, fusers, evaluation, report, model; killed anywhere, resumed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, Cohort
from taskfusion.errors import DataError
from taskfusion.files import replacing, replacing_folder, write_json, write_text
from taskfusion.materialize import materialize
from taskfusion.pipeline.describe import parts_of
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.results import Result
from taskfusion.pipeline.targets import with_registered_targets
from taskfusion.pipeline.training import Work
from taskfusion.plugins import Registry, build_registry, installed_versions
from taskfusion.progress import Progress
from taskfusion.spec import Spec, load_spec, resolved
from taskfusion.splits import group_folds
from taskfusion.yamlfile import dump_yaml

if TYPE_CHECKING:
    import pandas as pd

CROSS_VALIDATION = "cross-validation"  # the split name of out-of-fold predictions
VERSIONS_OF = ("taskfusion", "numpy", "scikit-learn", "keras", "tensorflow", "mammo-data")


@attrs.frozen(eq=False)
class RunOutcome:
    """What a run produced, and where it is.

    Attributes:
        folder: holds ``spec.yaml``, ``tasks/``, ``outputs/``, ``fusers/``, ``results.csv``, ``predictions.csv``,
            ``report.html``, ``model/`` and ``run.json``.
        results: one row per fuser, target and split.
        predictions: one row per case, fuser and target.
        main_split: the split to judge by: ``test``, or ``cross-validation``.
        seconds: per stage.
        notice: a warning of the cohort.
        task_metrics: per task its own figures on the main split.
        differences: the first fuser against every other one, paired, per target on the main split.
    """

    folder: Path
    results: pd.DataFrame
    predictions: pd.DataFrame
    main_split: str
    seconds: dict[str, float]
    notice: str
    task_metrics: dict[str, dict[str, float]]
    differences: pd.DataFrame


@attrs.define
class _Clock:
    """Seconds per stage; a stage that comes again adds up."""

    seconds: dict[str, float] = attrs.field(factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def run(
    spec: str | Path,
    *,
    overrides: Sequence[str] = (),
    folder: str | Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> RunOutcome:
    """Run a whole experiment; the same call goes on where a killed one stopped.

    Args:
        spec: path of a YAML spec.
        overrides: ``a.b=value`` texts that change it.
        folder: where the run goes; default ``runs/NAME`` in the current folder.
        progress: where to tell how far it is.
        registry: names to components; default: everything installed.

    Raises:
        SpecError: every mistake of the spec at once.
        DataError: input that cannot be used.
    """
    registry = registry or build_registry()
    checked = load_spec(spec, registry, overrides)
    target = Path(folder) if folder is not None else Path("runs") / checked.name
    return _Run(checked, target, progress or Progress(), registry).go()


class _Run:
    def __init__(self, spec: Spec, folder: Path, progress: Progress, registry: Registry) -> None:
        self.spec, self.folder, self.progress, self.registry = spec, folder, progress, registry
        self.clock = _Clock()
        how = (spec.cross_fit, spec.refuse_seen, spec.unreadable, spec.training)
        self.work = Work(spec.seed, progress, folder, *how)

    def go(self) -> RunOutcome:
        write_text(self.folder / "spec.yaml", dump_yaml(resolved(self.spec)))
        with self.clock.stage("cohort"):
            cohort = self._cohort()
        predictions, pipeline, results_of = self._answers(cohort)
        split = CROSS_VALIDATION if self.spec.evaluation.cross_validation else _judged_by(cohort)
        task_metrics = self._task_metrics(pipeline, cohort, results_of)
        with self.clock.stage("evaluation"):
            results = self._evaluate(predictions)
            differences = self._differences(predictions, split)
        outcome = RunOutcome(
            self.folder, results, predictions, split, self.clock.seconds, cohort.notice, task_metrics, differences
        )
        self._write(outcome, pipeline, cohort)
        return outcome

    def _cohort(self) -> Cohort:
        cohort = self.spec.reader.read(self.progress)
        if cohort.generated:
            cohort = materialize(cohort, self.folder / "cohort", self.progress)
        return with_registered_targets(cohort, self.spec.targets, self.registry)

    def _pipeline(self) -> FusionPipeline:
        parts = parts_of(self.spec)
        return FusionPipeline(parts.tasks, parts.plans, parts.targets)

    def _answers(self, cohort: Cohort) -> tuple[pd.DataFrame, FusionPipeline, dict[str, Result]]:
        """Predictions of every split, the pipeline to keep, and the results by split."""
        import pandas as pd

        if self.spec.evaluation.cross_validation:
            parts, pipeline = self._cross_validate(cohort)
            return pd.concat(parts, ignore_index=True), pipeline, {}
        with self.clock.stage("fit"):
            pipeline = self._pipeline().fit(cohort, self.work)
        results = {}
        with self.clock.stage("predict"):
            # whoever refuses cases that a task was trained on does not want to be told about them either
            for split in SPLITS[1:] if self.spec.refuse_seen else SPLITS:
                if len(cohort.rows(split)):
                    results[split] = pipeline.predict(cohort.part(split), self.work)
        frames = [prediction_rows(result, cohort.part(split), split) for split, result in results.items()]
        return pd.concat(frames, ignore_index=True), pipeline, results

    def _cross_validate(self, cohort: Cohort) -> tuple[list[pd.DataFrame], FusionPipeline]:
        """Every case judged by a pipeline that saw neither it nor its group; then one pipeline fitted on all."""
        options = self.spec.evaluation
        first = self.spec.targets[0] if self.spec.targets else next(iter(cohort.targets))
        folds = group_folds(cohort.groups, cohort.label(first), options.cross_validation, options.seed)
        frames = []
        for fold in range(options.cross_validation):
            part = cohort.with_split(np.where(folds == fold, "test", "train"))
            work = attrs.evolve(self.work, folder=self.folder / "folds" / str(fold))
            with self.clock.stage("fit"):
                pipeline = self._pipeline().fit(part, work)
            with self.clock.stage("predict"):
                result = pipeline.predict(part.part("test"), work)
            frames.append(prediction_rows(result, part.part("test"), CROSS_VALIDATION))
        with self.clock.stage("fit"):
            return frames, self._pipeline().fit(cohort.with_split(None), self.work)

    def _task_metrics(
        self, pipeline: FusionPipeline, cohort: Cohort, results: dict[str, Result]
    ) -> dict[str, dict[str, float]]:
        split = _judged_by(cohort)
        if split not in results:
            return {}
        part = cohort.part(split)
        return {
            name: {key: float(v) for key, v in task.model.metrics(results[split].outputs[name], part).items()}
            for name, task in pipeline.ready.items()
        }

    def _evaluate(self, predictions: pd.DataFrame) -> pd.DataFrame:
        from taskfusion.evaluation.table import evaluate

        options = self.spec.evaluation
        return evaluate(predictions, options.threshold, options.replicates, options.seed, options.confidence)

    def _differences(self, predictions: pd.DataFrame, split: str) -> pd.DataFrame:
        import pandas as pd

        from taskfusion.evaluation import Bootstrap, differences

        options = self.spec.evaluation
        how = Bootstrap(options.replicates, options.seed, options.confidence)
        first, targets = self.spec.fusers[0].name, predictions["target"].unique()
        return pd.concat([differences(predictions, first, split, t, how) for t in targets], ignore_index=True)

    def _write(self, outcome: RunOutcome, pipeline: FusionPipeline, cohort: Cohort) -> None:
        with self.clock.stage("model"):
            pipeline.save(self.folder / "model", self.registry)
        for name in ("results", "predictions", "differences"):
            with replacing(self.folder / f"{name}.csv") as temporary:
                getattr(outcome, name).to_csv(temporary, index=False, float_format="%.6g")
        self._write_fusers(pipeline)
        with self.clock.stage("report"):
            write_run_report(outcome, self.spec, pipeline, cohort)
        record = {
            **run_info(self.spec.seed),
            "cases": len(cohort),
            "seconds": self.clock.seconds,
            "cohort": cohort.fingerprint(),
            "main_split": outcome.main_split,
            "notice": cohort.notice,
            "tasks": {
                name: {"origin": task.origin, "metrics": outcome.task_metrics.get(name, {})}
                for name, task in pipeline.ready.items()
            },
            "training": pipeline.summary(),
        }
        write_json(self.folder / "run.json", record)

    def _write_fusers(self, pipeline: FusionPipeline) -> None:
        with replacing_folder(self.folder / "fusers") as temporary:
            for (name, target), fitted in pipeline.fitted.items():
                place = temporary / name / target
                place.mkdir(parents=True)
                fitted.fuser.save(place)


def prediction_rows(result: Result, part: Cohort, split: str) -> pd.DataFrame:
    """One row per case, fuser and target: ``case, group, split, fuser, target, truth, score, missing``."""
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
            }
        )
        for (fuser, target), scores in result.scores.items()
    ]
    return pd.concat(frames, ignore_index=True)


def write_run_report(outcome: RunOutcome, spec: Spec, pipeline: FusionPipeline, cohort: Cohort) -> None:
    """``report.html`` of a run."""
    from taskfusion.report import ReportData, TaskSection, write_report

    summary = pipeline.summary()["tasks"]
    sections = [
        TaskSection(
            name=name,
            level=str(task.model.spec.level),
            classes=task.model.spec.classes,
            summary=summary[name],
            metrics=outcome.task_metrics.get(name, {}),
        )
        for name, task in pipeline.ready.items()
    ]
    info = run_info(spec.seed)
    flat = {"cases": str(len(cohort)), "seed": str(spec.seed), "machine": info["machine"], **info["versions"]}
    flat |= {f"seconds: {stage}": f"{seconds:.1f}" for stage, seconds in outcome.seconds.items()}
    data = ReportData(
        title=spec.title,
        notice=cohort.notice,
        results=outcome.results,
        predictions=outcome.predictions,
        targets={name: cohort.target(name).description for name in spec.targets or cohort.targets},
        tasks=sections,
        info=flat,
        main_split=outcome.main_split,
        threshold=spec.evaluation.threshold,
        confidence=spec.evaluation.confidence,
        differences=outcome.differences,
    )
    write_report(outcome.folder / "report.html", data)


def run_info(seed: int) -> dict[str, Any]:
    """Seed, machine and versions."""
    versions = installed_versions(VERSIONS_OF)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"seed": seed, "machine": machine, "versions": versions}


def _judged_by(cohort: Cohort) -> str:
    """The split to judge by; a cohort without a test split is a mistake worth a word."""
    for split in ("test", "validation"):
        if len(cohort.rows(split)):
            return split
    raise DataError(
        f"cohort {cohort.name!r} has no case in split 'test' or 'validation'; "
        "give it a split, or set evaluation.cross_validation"
    )
