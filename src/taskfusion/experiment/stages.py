"""The stages of a spec: cohort, tasks, outputs, fusers, evaluation, report, model; killed anywhere, resumed."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.cases import Cohort
from taskfusion.engine import LOCAL, Engine
from taskfusion.errors import DataError, SpecError
from taskfusion.evaluation import Bootstrap
from taskfusion.experiment.comparison import Comparison, Gathered, Terms, compared, write_csv
from taskfusion.experiment.costs import fuser_costs, peak_megabytes
from taskfusion.experiment.heat import HeatFolder
from taskfusion.experiment.rounds import CROSS_VALIDATION, Answered, Clock, answer
from taskfusion.files import replacing_folder, write_json, write_text
from taskfusion.images import short_hash
from taskfusion.materialize import materialize
from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.cards import Judged, Learned, model_card
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.results import Result
from taskfusion.pipeline.targets import with_registered_targets
from taskfusion.pipeline.training import Work
from taskfusion.plugins import Registry, build_registry, installed_versions
from taskfusion.progress import Progress
from taskfusion.spec import Spec, load_spec, resolved
from taskfusion.store import in_memory
from taskfusion.tasks.base import CARD, TaskModel
from taskfusion.tasks.diagnostics import Curve
from taskfusion.yamlfile import dump_yaml

if TYPE_CHECKING:
    import pandas as pd

    from taskfusion.report import TaskSection

VERSIONS_OF = ("taskfusion", "numpy", "scikit-learn", "keras", "tensorflow", "mammo-data")


@attrs.frozen(eq=False)
class RunOutcome:
    """What a run produced, and where it is.

    Attributes:
        folder: holds ``spec.yaml``, ``tasks/``, ``outputs/``, ``fits/``, ``fusers/``, ``results.csv``,
            ``predictions.csv``, ``report.html``, ``tables/``, ``model/`` and ``run.json``.
        results: one row per fuser, target and split.
        predictions: one row per case, fuser and target, and repeat where there are several.
        main_split: the split to judge by: ``test``, or ``cross-validation``.
        seconds: per stage.
        notice: a warning of the cohort.
        task_metrics: per task its own figures on the main split.
        differences: every other fuser against the first, paired, per target on the main split.
        task_curves: per task its own ROC and FROC curves on the main split.
        comparison: all of it, as :func:`taskfusion.compare` gives it.
    """

    folder: Path
    results: pd.DataFrame
    predictions: pd.DataFrame
    main_split: str
    seconds: dict[str, float]
    notice: str
    task_metrics: dict[str, dict[str, float]]
    differences: pd.DataFrame
    task_curves: dict[str, Sequence[Curve]]
    comparison: Comparison


def run(  # noqa: PLR0913  # the face: keyword-only options
    spec: str | Path,
    *,
    overrides: Sequence[str] = (),
    folder: str | Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    seeds: int = 0,
    engine: Engine = LOCAL,
) -> RunOutcome:
    """Run a whole experiment; the same call goes on where a killed one stopped.

    Args:
        spec: path of a YAML spec.
        overrides: ``a.b=value`` texts that change it.
        folder: where the run goes; default ``runs/NAME`` in the current folder.
        progress: where to tell how far it is.
        registry: names to components; default: everything installed.
        seeds: train and judge with this many seeds, from the spec's own upwards; 0 leaves that to the spec.
        engine: who draws generated views, asks the tasks about cases and tries the candidates of a fuser; see
            :func:`taskfusion.engine.open_engine`.

    Raises:
        SpecError: every mistake of the spec at once.
        DataError: input that cannot be used.
        EngineError: workers that are lost, or do not see the files.
    """
    registry = registry or build_registry()
    checked = load_spec(spec, registry, overrides)
    if seeds < 0:
        raise SpecError(f"seeds is {seeds}; expected at least 0")
    if seeds:
        checked = attrs.evolve(checked, seeds=tuple(range(checked.seed, checked.seed + seeds)))
    target = Path(folder) if folder is not None else Path("runs") / checked.name
    return _Run(checked, target, progress or Progress(), registry, engine).go()


class _Run:
    def __init__(self, spec: Spec, folder: Path, progress: Progress, registry: Registry, engine: Engine) -> None:
        self.spec, self.folder, self.progress, self.registry = spec, folder, progress, registry
        self.clock = Clock()
        self.work = Work(
            spec.seed,
            progress,
            folder,
            cross_fit=spec.cross_fit,
            refuse_seen=spec.refuse_seen,
            unreadable=spec.unreadable,
            training=spec.training,
            memory=spec.memory,
            engine=engine,
            inference=spec.inference,
        )

    def go(self) -> RunOutcome:
        write_text(self.folder / "spec.yaml", dump_yaml(resolved(self.spec)))
        with self.clock.stage("cohort"):
            cohort = self._cohort()
        split = CROSS_VALIDATION if self.spec.evaluation.cross_validation else _judged_by(cohort)
        answered = answer(self.spec, cohort, self.work, self.clock)
        task_metrics = self._task_metrics(answered.pipeline, cohort, answered.results)
        with self.clock.stage("evaluation"):
            found = self._compared(answered, split, task_metrics)
        outcome = RunOutcome(
            folder=self.folder,
            results=found.results,
            predictions=answered.predictions,
            main_split=split,
            seconds=self.clock.seconds,
            notice=cohort.notice,
            task_metrics=task_metrics,
            differences=found.differences,
            task_curves=self._task_curves(answered.pipeline, cohort, answered.results),
            comparison=found,
        )
        self._write(outcome, answered, cohort)
        return outcome

    def _cohort(self) -> Cohort:
        cohort = self.spec.reader.read(self.progress)
        if cohort.generated:
            cohort = materialize(cohort, self.folder / "cohort", self.progress, engine=self.work.engine)
        return with_registered_targets(cohort, self.spec.targets, self.registry)

    def _task_metrics(
        self, pipeline: FusionPipeline, cohort: Cohort, results: Mapping[str, Result]
    ) -> dict[str, dict[str, float]]:
        split = _judged_by(cohort)
        if split not in results:
            return {}
        part, said = cohort.part(split), without_features(results[split].outputs)
        return {
            name: {key: float(v) for key, v in task.model.metrics(said[name], part).items()}
            for name, task in pipeline.ready.items()
        }

    def _task_curves(
        self, pipeline: FusionPipeline, cohort: Cohort, results: Mapping[str, Result]
    ) -> dict[str, Sequence[Curve]]:
        split = _judged_by(cohort)
        if split not in results:
            return {}
        part, said = cohort.part(split), without_features(results[split].outputs)
        return {name: task.model.curves(said[name], part) for name, task in pipeline.ready.items()}

    def _compared(self, answered: Answered, split: str, tasks: Mapping[str, Mapping[str, float]]) -> Comparison:
        options = self.spec.evaluation
        how = Bootstrap(options.replicates, options.seed, options.confidence)
        terms = Terms(how, options.threshold, options.alpha, self.spec.fusers[0].name)
        costs = fuser_costs(answered.pipeline, answered.outputs)
        return compared(Gathered(answered.predictions, answered.choices, costs, tasks), split, terms)

    def _write(self, outcome: RunOutcome, answered: Answered, cohort: Cohort) -> None:
        pipeline, found = answered.pipeline, outcome.comparison
        self._write_tasks(outcome, pipeline, cohort)
        with self.clock.stage("model"):
            pipeline.save(self.folder / "model", self.registry)
        write_csv(self.folder, {"predictions": outcome.predictions}, digits=10)  # read again by compare
        tables = {"results": found.results, "differences": found.differences, "comparisons": found.pairs}
        write_csv(self.folder, {**tables, "operating_points": found.points, "costs": found.costs})
        write_csv(self.folder, {"thresholds": answered.choices}, digits=10)
        found.write(self.folder / "tables")
        self._write_fusers(pipeline)
        with self.clock.stage("report"):
            write_run_report(outcome, self.spec, answered, cohort, self.progress)
        record = {
            **run_info(self.spec.seed),
            "cases": len(cohort),
            "seconds": self.clock.seconds,
            "cohort": cohort.fingerprint(),
            "main_split": outcome.main_split,
            "seeds": list(self.spec.seeds or (self.spec.seed,)),
            "peak_mb": peak_megabytes(),
            "notice": cohort.notice,
            "tasks": {
                name: {"origin": task.origin, "metrics": outcome.task_metrics.get(name, {})}
                for name, task in pipeline.ready.items()
            },
            "training": pipeline.summary(),
        }
        write_json(self.folder / "run.json", record)

    def _write_tasks(self, outcome: RunOutcome, pipeline: FusionPipeline, cohort: Cohort) -> None:
        """Plain files of each task's figures, and the model cards again, now that there are figures."""
        from taskfusion.report.tasks import write_task_files
        from taskfusion.report.training import histories

        for name, task in pipeline.ready.items():
            folder, metrics = self.folder / "tasks" / name, outcome.task_metrics.get(name, {})
            curves = outcome.task_curves.get(name, ())
            write_task_files(folder, metrics, curves, histories(task.model.summary()))
            if metrics and task.model.card and not pipeline.tasks[name].is_fitted:  # it was trained on this cohort
                learned = Learned(cohort, self.spec.seed, cohort.fingerprint())
                judged = Judged(outcome.main_split, len(cohort.rows(outcome.main_split)), metrics)
                task.model.card = model_card(name, task.model, learned, judged)
                write_text(folder / CARD, task.model.card)

    def _write_fusers(self, pipeline: FusionPipeline) -> None:
        with replacing_folder(self.folder / "fusers") as temporary:
            for (name, target), fitted in pipeline.fitted.items():
                place = temporary / name / target
                place.mkdir(parents=True)
                fitted.fuser.save(place)


def write_run_report(
    outcome: RunOutcome, spec: Spec, answered: Answered, cohort: Cohort, progress: Progress | None = None
) -> None:
    """``report.html`` of a run."""
    from taskfusion.experiment.casepages import Judged as JudgedCases
    from taskfusion.experiment.page import with_cases, with_robustness
    from taskfusion.report import ReportData, write_report

    info = run_info(spec.seed)
    first = outcome.predictions["repeat"] == 0  # curves and patients are those of one repeat
    flat = {"cases": str(len(cohort)), "seed": str(spec.seed), "machine": info["machine"], **info["versions"]}
    flat |= {f"seconds: {stage}": f"{seconds:.1f}" for stage, seconds in outcome.seconds.items()}
    data = ReportData(
        title=spec.title,
        notice=cohort.notice,
        results=outcome.results,
        predictions=outcome.predictions[first],
        targets={name: cohort.target(name).description for name in spec.targets or cohort.targets},
        tasks=_task_sections(outcome, answered.pipeline),
        info=flat,
        main_split=outcome.main_split,
        threshold=spec.evaluation.threshold,
        confidence=spec.evaluation.confidence,
        differences=outcome.differences,
        comparisons=outcome.comparison.pairs,
        points=outcome.comparison.points,
    )
    heat = outcome.folder / "scratch" / "heat"
    judged = [
        JudgedCases(result, part, models_of(fitted), HeatFolder(heat, fingerprints_of(fitted)))
        for result, part, fitted in answered.judged
    ]
    options = spec.evaluation
    data = with_robustness(data, judged, spec.report, Bootstrap(options.replicates, options.seed, options.confidence))
    write_report(outcome.folder / "report.html", with_cases(data, judged, spec.report, progress))


def _task_sections(outcome: RunOutcome, pipeline: FusionPipeline) -> list[TaskSection]:
    """What the report says of each task."""
    from taskfusion.report import TaskSection
    from taskfusion.report.markdown import markdown_html
    from taskfusion.report.training import histories, plain_figures

    summary = pipeline.summary()["tasks"]
    return [
        TaskSection(
            name=name,
            level=str(task.model.spec.level),
            classes=task.model.spec.classes,
            summary=plain_figures(summary[name]),
            metrics=outcome.task_metrics.get(name, {}),
            curves=outcome.task_curves.get(name, ()),
            histories=histories(summary[name]),
            card=markdown_html(task.model.card) if task.model.card else "",
        )
        for name, task in pipeline.ready.items()
    ]


def without_features(outputs: Mapping[str, TaskOutput]) -> dict[str, TaskOutput]:
    """The outputs in memory; the features of those on disk, which no figure needs, stay there."""
    return {name: in_memory(output, features=False) for name, output in outputs.items()}


def models_of(pipeline: FusionPipeline) -> dict[str, TaskModel]:
    """The trained tasks of a pipeline, by name."""
    return {name: task.model for name, task in pipeline.ready.items()}


def fingerprints_of(pipeline: FusionPipeline) -> dict[str, str]:
    """What stands for each task's model and for the version of what draws its maps."""
    versions = installed_versions(VERSIONS_OF)
    return {name: short_hash(task.fingerprint, versions) for name, task in pipeline.ready.items()}


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
