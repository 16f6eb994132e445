"""One fuser of a pipeline: which tasks it sees, how many detections, and its fit for each target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, get_args

import attrs
import numpy as np

from taskfusion.assembly import MISSING_POLICIES, Assembler
from taskfusion.cases import UNKNOWN, Cohort, Target
from taskfusion.errors import DataError, SpecError, UnknownNameError
from taskfusion.files import is_folder_name
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, check_fits
from taskfusion.fusers.selection import select
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Level, TaskOutput
from taskfusion.padding import Padding
from taskfusion.pipeline.calibration import Calibrate, Calibration
from taskfusion.pipeline.digests import digest
from taskfusion.pipeline.streaming import assemble, fit_padding

Outputs = Mapping[str, TaskOutput]


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be a folder, or the start of a column's name.

    Raises:
        SpecError: saying what names look like.
    """
    if not is_folder_name(name):
        raise SpecError(f"{kind} name {name!r}: expected printable text without slashes that starts with no dot")


@attrs.frozen
class FuserPlan:
    """A named fuser of a pipeline.

    Attributes:
        name: what results call it.
        fuser: an untrained fuser; every target gets a fresh one.
        padding: what stands where a view has fewer detections.
        tasks: the tasks it sees; empty for all.
        detections: how many detections per view; several are searched on validation AUC (paper III-A.4).
        missing: per task what to make of an answer that is not there: ``optional`` (the default), ``required``,
            ``neutral`` or ``zero`` (see :class:`taskfusion.assembly.Assembler`).
        joint: one fit for all targets together.
        calibrate: how the score is made a probability: ``sigmoid``, ``isotonic``, or ``none``.
    """

    name: str
    fuser: Fuser
    padding: Padding
    tasks: tuple[str, ...] = ()
    detections: tuple[int, ...] = attrs.field(default=(3,))
    missing: Mapping[str, str] = attrs.field(factory=dict)
    joint: bool = False
    calibrate: Calibrate = "none"

    @detections.validator
    def _positive(self, _: Any, value: tuple[int, ...]) -> None:
        if not value or min(value) < 1:
            raise DataError(f"fuser {self.name!r}: detections {list(value)} must be whole numbers from 1")

    def __attrs_post_init__(self) -> None:
        check_name("fuser", self.name)
        check_fits(self.name, self.fuser, self.padding, self.joint)
        for policy in self.missing.values():
            if policy not in MISSING_POLICIES:
                raise UnknownNameError.of("policy for missing answers", policy, MISSING_POLICIES)
        if self.calibrate not in get_args(Calibrate):
            raise UnknownNameError.of("calibration", self.calibrate, get_args(Calibrate))

    def sees(self, outputs: Outputs) -> dict[str, TaskOutput]:
        """The outputs of its tasks."""
        for task in self.tasks:
            if task not in outputs:
                raise UnknownNameError.of(f"task of fuser {self.name!r}", task, outputs)
        return {name: outputs[name] for name in self.tasks or outputs}

    def assembler(self, target: Target, detections: int) -> Assembler:
        """How its inputs are put together."""
        needs = self.fuser.needs_features, self.fuser.needs_instances
        return Assembler(target, detections, self.padding, *needs, missing=self.missing)


@attrs.frozen(eq=False)
class FittedFuser:
    """A plan fitted for one target.

    Attributes:
        plan: what was fitted.
        target: what it answers; which detection labels count.
        fuser: fitted; shared by all targets of a joint plan.
        assembler: how its inputs are put together, with what the padding learned.
        tried: numbers of detections that were searched, with what they reached.
        column: which of the fuser's answers this is; None where it gives one.
        calibration: what makes its score a probability; None leaves it as it is.
        seconds: how long fitting took, the search included; of a joint plan, for all targets together.
    """

    plan: FuserPlan
    target: Target
    fuser: Fuser
    assembler: Assembler
    tried: list[dict[str, Any]] = attrs.field(factory=list)
    column: int | None = None
    calibration: Calibration | None = None
    seconds: float = 0.0

    @property
    def detections(self) -> int:
        """Slots per view."""
        return self.assembler.detections

    def inputs(self, outputs: Outputs) -> FusionInput:
        """What the fuser sees of some cases."""
        return assemble(self.assembler, self.plan.sees(outputs))

    def scores(self, inputs: FusionInput) -> Array:
        """Fused score of each case, ``(cases,)``, calibrated where the plan says so."""
        raw = self.raw(inputs)
        return raw if self.calibration is None else self.calibration(raw)

    def raw(self, inputs: FusionInput) -> Array:
        """The score before calibration, ``(cases,)``."""
        answers = self.fuser.predict(inputs)
        return answers if self.column is None else answers[:, self.column]

    def predict(self, outputs: Outputs) -> Array:
        """Fused score of each case, ``(cases,)``."""
        return self.scores(self.inputs(outputs))


class Keeps(Protocol):
    """Where fits are kept and found again; see :class:`taskfusion.pipeline.kept.Keeper`."""

    def once(self, fit: Fit) -> Fit:
        """The same fit, computed once."""
        ...

    def scores(self, key: str, name: str, make: Callable[[], Array]) -> Array:
        """An array of scores, likewise."""
        ...


@attrs.frozen(eq=False)
class Material:
    """What fusers are fitted on: a cohort, outputs about its training split and, maybe, its validation split.

    Fits on it are kept and found again where there is a ``keeper``.
    """

    cohort: Cohort
    train: Outputs
    validation: Outputs | None = None
    keeper: Keeps | None = None

    def truth(self, targets: Sequence[Target], split: str) -> Array:
        """``(cases,)`` of one target, ``(cases, targets)`` of several."""
        part = self.cohort.part(split)
        columns = [part.label(target.name) for target in targets]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    @cached_property
    def digests(self) -> dict[str, list[str]]:
        """Per task what stands for the content of its outputs, split by split."""
        splits = [self.train, *([self.validation] if self.validation else [])]
        return {task: [digest(outputs[task]) for outputs in splits] for task in self.train}


Fit = Callable[[FuserPlan, Sequence[Target], Material, FuseContext], FittedFuser]


@attrs.frozen(eq=False)
class _Candidate:
    """One number of detections: how inputs are put together, and the data of both splits that come of it."""

    assembler: Assembler
    train: FusionData
    validation: FusionData | None

    def rows(self, cases: tuple[str, ...]) -> FusionData:
        """The data about these cases, of whichever split they are."""
        pool = [data for data in (self.train, self.validation) if data is not None]
        for data in pool:
            if data.inputs.cases is cases:  # all of them, as they are: nothing to look up
                return data
        source = next(data for data in pool if set(cases) <= set(data.inputs.cases))
        position = {case: row for row, case in enumerate(source.inputs.cases)}
        return source.select(np.array([position[case] for case in cases], np.int64))


def fit_plan(plan: FuserPlan, targets: Sequence[Target], material: Material, context: FuseContext) -> list[FittedFuser]:
    """Fit a plan for every target: together where the plan is joint, else one by one."""
    fit = _fit_best if material.keeper is None else material.keeper.once(_fit_best)
    if plan.joint and len(targets) > 1:
        best = fit(plan, targets, material, context)
        return [attrs.evolve(best, target=target, column=k) for k, target in enumerate(targets)]
    return [fit(plan, [target], material, context) for target in targets]


def _fit_best(plan: FuserPlan, targets: Sequence[Target], material: Material, context: FuseContext) -> FittedFuser:
    """Fit a fresh fuser for each number of detections and keep the best."""
    start = time.perf_counter()
    levels = [output.spec.level for output in plan.sees(material.train).values()]
    counts = plan.detections if Level.DETECTION in levels else plan.detections[:1]
    candidates = {n: _candidate(plan, targets, material, n) for n in counts}
    inner = context.sent() if len(counts) > 1 else context  # one candidate stays here, and its own grid is sent

    def fit_one(params: Mapping[str, Any], data: FusionData) -> tuple[int, Fuser]:
        candidate = candidates[params["detections"]]
        rows = candidate.rows(data.inputs.cases)
        return params["detections"], plan.fuser.fresh().fit(rows, candidate.validation, inner)

    def score(model: tuple[int, Fuser], inputs: FusionInput) -> Array:
        # Candidates differ in their inputs, so the rows are looked up by case id in the inputs of that candidate.
        return model[1].predict(candidates[model[0]].rows(inputs.cases).inputs)

    first = candidates[counts[0]]
    grid = [{"detections": n} for n in counts]
    best = select(grid, (fit_one, score), first.train, first.validation, context.engine)
    n, fuser = best.model
    seconds = time.perf_counter() - start
    return FittedFuser(plan, targets[0], fuser, candidates[n].assembler, best.tried, seconds=seconds)


def _candidate(plan: FuserPlan, targets: Sequence[Target], material: Material, n: int) -> _Candidate:
    truth = material.truth(targets, "train")
    known = _known(truth)
    outputs = plan.sees(material.train)
    any_truth = truth if truth.ndim == 1 else truth.max(axis=1)
    learned = {name: output.select(np.flatnonzero(known)) for name, output in outputs.items()}
    assembler = fit_padding(plan.assembler(_joined(targets), n), learned, any_truth[known])
    train = _data(assembler, outputs, truth, material.cohort.part("train"))
    if not material.validation:
        return _Candidate(assembler, train, None)
    truth = material.truth(targets, "validation")
    held_out = _data(assembler, plan.sees(material.validation), truth, material.cohort.part("validation"))
    return _Candidate(assembler, train, held_out)


def _data(assembler: Assembler, outputs: Outputs, truth: Array, part: Cohort) -> FusionData:
    """Inputs and truth of one split, without the cases whose truth nobody knows."""
    data, known = FusionData(assemble(assembler, outputs), truth, part.groups), _known(truth)
    return data if known.all() else data.select(np.flatnonzero(known))


def _known(truth: Array) -> Array:
    """``(cases,)``, True where the truth of any target is known."""
    return np.asarray(truth != UNKNOWN if truth.ndim == 1 else (truth != UNKNOWN).any(axis=1))


def _joined(targets: Sequence[Target]) -> Target:
    """One target that counts every detection label that any of these does."""
    if len(targets) == 1:
        return targets[0]
    labels = [target.labels for target in targets]
    names = None if None in labels else tuple(sorted({name for group in labels for name in group or ()}))
    return Target("+".join(target.name for target in targets), names)
