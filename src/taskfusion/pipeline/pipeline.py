"""The pipeline: tasks, padding and fusers fitted, asked, saved and loaded as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, Target
from taskfusion.errors import DataError, NotFittedError, UnknownNameError
from taskfusion.files import write_text
from taskfusion.fusers.base import FuseContext
from taskfusion.inference.choosing import require
from taskfusion.inference.options import InferenceOptions, Runtime
from taskfusion.outputs import TaskOutput, absent_output
from taskfusion.pipeline.describe import as_yaml
from taskfusion.pipeline.folder import Parts, load_parts, save_parts
from taskfusion.pipeline.fusing import FittedFuser, FuserPlan, Material, check_name, fit_plan
from taskfusion.pipeline.held_out import HeldOut, calibrated
from taskfusion.pipeline.kept import Keeper
from taskfusion.pipeline.results import Result
from taskfusion.pipeline.streaming import within
from taskfusion.pipeline.stress import SHARES, StressTest, importance, stress
from taskfusion.pipeline.targets import with_registered_targets
from taskfusion.pipeline.training import Problems, TrainedTask, Work, trained, training_outputs
from taskfusion.plugins import Registry, build_registry
from taskfusion.tasks.base import TaskModel

if TYPE_CHECKING:
    import pandas as pd


class FusionPipeline:
    """Tasks and fusers, run as one. Build it with :func:`taskfusion.compose`.

    Attributes:
        tasks: the task models by name; those that are not trained are trained by ``fit``.
        plans: the fusers, the first one being the answer, the others there for comparison.
        targets: names of the targets to learn; empty for all of the cohort.
        ready: the trained tasks, after ``fit``.
        fitted: the fitted fusers by (fuser, target), after ``fit``.
        held_out: by (fuser, target), answers about cases the fuser did not learn from, where ``fit`` was to hold some.
        notice: a warning of the cohort it learned from, shown wherever results are.
    """

    def __init__(self, tasks: Mapping[str, TaskModel], plans: Sequence[FuserPlan], targets: Sequence[str] = ()) -> None:
        for name in tasks:
            check_name("task", name)
        self.tasks = dict(tasks)
        self.plans = tuple(plans)
        self.targets = tuple(targets)
        self.ready: dict[str, TrainedTask] = {}
        self.fitted: dict[tuple[str, str], FittedFuser] = {}
        self.held_out: dict[tuple[str, str], HeldOut] = {}
        self.views: tuple[str, ...] = ()
        self.notice = ""

    def fit(self, cohort: Cohort, work: Work | None = None) -> Self:
        """Train the tasks that are not trained, then a fuser per plan and target.

        Tasks and fusers learn from the split ``train`` and choose on ``validation``; ``test`` is never looked at.

        Raises:
            DataError: when the cohort has no training cases.
        """
        work = work or Work()
        require(work.inference.runtime)  # told before hours of training, not after
        cohort = self._with_targets(cohort)
        targets = [cohort.target(name) for name in self.targets or cohort.targets]
        self._check(cohort, targets)
        self.views, self.notice = cohort.views, cohort.notice
        self.ready = {name: trained(name, task, cohort, work) for name, task in self.tasks.items()}
        material = self._material(cohort, work)
        with work.progress.step("fusers", total=len(self.plans) * len(targets)) as bar:
            for plan in self.plans:
                context = FuseContext(work.seed, work.progress, work.engine)
                fits = fit_plan(plan, targets, material, context)
                for fitted, held in zip(*calibrated(fits, material, context, work.inner_folds), strict=True):
                    self.fitted[plan.name, fitted.target.name] = fitted
                    self.held_out[plan.name, fitted.target.name] = held
                bar.advance(len(targets))
        return self

    def _with_targets(self, cohort: Cohort) -> Cohort:
        """The cohort with the targets that it lacks and a plugin derives."""
        if set(self.targets) <= set(cohort.targets):
            return cohort
        return with_registered_targets(cohort, self.targets, build_registry())

    def _check(self, cohort: Cohort, targets: Sequence[Target]) -> None:
        if not targets:
            raise DataError(f"cohort {cohort.name!r} declares no target, so there is nothing to learn")
        for target in targets:
            check_name("target", target.name)
        for task in self.tasks.values():
            if task.is_fitted:
                _ = task.spec  # a model file that is not there is told before hours of training, not after
        if not len(cohort.rows("train")):
            found = sorted(set(np.asarray(cohort.split).tolist())) if cohort.split is not None else []
            raise DataError(f"cohort {cohort.name!r} has no case in split 'train'; its splits: {found}")

    def _material(self, cohort: Cohort, work: Work) -> Material:
        train = training_outputs(self.tasks, self.ready, cohort, work)
        validation = cohort.part("validation").cases
        held_out = {name: task.answers(validation, work) for name, task in self.ready.items()} if validation else None
        splits = within(work.memory, train, *([] if held_out is None else [held_out]))
        keeper = None if work.folder is None else Keeper(work.folder / "fits", work.progress)
        return Material(cohort, splits[0], splits[1] if held_out is not None else None, keeper)

    def predict(
        self,
        cases: Cohort | Sequence[Case],
        work: Work | None = None,
        *,
        without: Sequence[str] = (),
        runtime: Runtime | None = None,
    ) -> Result:
        """Fused scores of these cases, with every sub-result.

        Args:
            cases: a cohort, or cases.
            work: where and how; by default nothing is kept, and an input that cannot be read is an error.
            without: tasks to do without, as if they had not answered.
            runtime: what runs the networks of the tasks; ``auto``, ``keras``, ``onnxruntime`` or ``openvino``. By
                default as ``work`` says, which is ``auto`` if it says nothing.

        Raises:
            NotFittedError: before ``fit``.
            PluginError: a runtime that is not installed.
            SpecError: a runtime that is not known.
            UnknownNameError: a task to do without that the pipeline does not have.
            DataError: for an input that cannot be read (unless ``work`` says to go on), for a case without the answer
                of a required task, and for a seen case where ``work`` says to refuse those.
        """
        if not self.fitted:
            raise NotFittedError("this pipeline is not trained; call fit first, or taskfusion.load a saved one")
        asked = tuple(cases.cases if isinstance(cases, Cohort) else cases)
        if not asked:
            raise DataError("no cases to predict")
        work = work or Work()
        if runtime is not None:
            work = attrs.evolve(work, inference=InferenceOptions(runtime, work.inference.loaders))
        problems: Problems = {}
        outputs = self._outputs(asked, work, without, problems)
        scores = {key: fitted.predict(outputs) for key, fitted in self.fitted.items()}
        return Result(tuple(case.id for case in asked), scores, outputs, self.notice, self.fitted, problems)

    def _outputs(
        self, cases: Sequence[Case], work: Work, without: Sequence[str], problems: Problems
    ) -> dict[str, TaskOutput]:
        for name in without:
            if name not in self.ready:
                raise UnknownNameError.of("task", name, self.ready)
        outputs = {}
        for name, task in self.ready.items():
            if name in without:
                outputs[name] = absent_output(task.model.spec, [case.id for case in cases])
                continue
            if work.refuse_seen:
                task.refuse_seen(cases)
            outputs[name] = task.answers(cases, work, problems)
        return within(work.memory, outputs)[0]

    def stress(self, cohort: Cohort, missing: Sequence[float] = SHARES, **how: Any) -> StressTest:
        """AUC against the share of missing inputs, task by task; see :func:`taskfusion.pipeline.stress.stress`."""
        return stress(self.predict(cohort, how.pop("work", None)), self._with_targets(cohort), missing, **how)

    def importance(self, cohort: Cohort, work: Work | None = None) -> pd.DataFrame:
        """AUC lost when a task is left out; see :func:`taskfusion.pipeline.stress.importance`."""
        return importance(self.predict(cohort, work), self._with_targets(cohort))

    def save(self, folder: str | Path, registry: Registry | None = None) -> Path:
        """Write the whole pipeline as data into a folder; it appears whole or not at all.

        Raises:
            PluginError: for a task or fuser class that nobody registered, so it could not be loaded again.
        """
        ready, fitted = tuple(self.ready.values()), tuple(self.fitted.values())
        save_parts(
            Parts(ready, self.plans, fitted, self.views, self.notice), Path(folder), registry or build_registry()
        )
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path, registry: Registry | None = None) -> Self:
        """Rebuild a saved pipeline; runs no code from the folder (law 4).

        Raises:
            ModelFolderError: no manifest, another format, or a file that is missing or was changed.
            UnknownNameError: a task or fuser whose plugin is not installed.
        """
        parts = load_parts(Path(folder), registry or build_registry())
        fitted = {(f.plan.name, f.target.name): f for f in parts.fitted}
        targets = tuple(dict.fromkeys(target for _, target in fitted))
        pipeline = cls({task.name: task.model for task in parts.tasks}, parts.plans, targets)
        pipeline.ready, pipeline.fitted = {task.name: task for task in parts.tasks}, fitted
        pipeline.views, pipeline.notice = parts.views, parts.notice
        return pipeline

    def to_yaml(self, path: str | Path | None = None, registry: Registry | None = None) -> str:
        """The composition as YAML, written to ``path`` where one is given; ``compose(path)`` gives the same one back.

        Raises:
            SpecError: for what YAML cannot say exactly, such as a class that no plugin registers.
        """
        text = as_yaml(self, registry or build_registry())
        if path is not None:
            write_text(Path(path), text)
        return text

    def summary(self) -> dict[str, Any]:
        """What was chosen and reached while training, as JSON data."""
        tasks = {name: dict(task.model.summary()) for name, task in self.ready.items()}
        fusers = {
            f"{name}/{target}": {
                "detections": f.detections,
                "searched": f.tried,
                **({} if f.calibration is None else {"calibration": f.calibration.state()}),
                **f.fuser.summary(),
            }
            for (name, target), f in self.fitted.items()
        }
        return {"tasks": tasks, "fusers": fusers}
