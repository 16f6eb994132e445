"""One fuser of a pipeline: which tasks it sees, how many detections, and its fit for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from taskfusion.assembly import Assembler, FusionInput
from taskfusion.cases import UNKNOWN, Cohort, Target
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.fusers.base import FuseContext, Fuser, FusionData
from taskfusion.fusers.selection import select, take
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput
from taskfusion.padding import Padding

Outputs = Mapping[str, TaskOutput]


@attrs.frozen
class FuserPlan:
    """A named fuser of a pipeline.

    Attributes:
        name: what results call it.
        fuser: an untrained fuser; every target gets a fresh one.
        tasks: the tasks it sees; empty for all.
        detections: how many detections per view; several are searched on validation AUC (paper III-A.4).
        padding: what stands where a view has fewer.
    """

    name: str
    fuser: Fuser
    padding: Padding
    tasks: tuple[str, ...] = ()
    detections: tuple[int, ...] = attrs.field(default=(3,))

    @detections.validator
    def _positive(self, _: Any, value: tuple[int, ...]) -> None:
        if not value or min(value) < 1:
            raise DataError(f"fuser {self.name!r}: detections {list(value)} must be whole numbers from 1")

    def sees(self, outputs: Outputs) -> dict[str, TaskOutput]:
        """The outputs of its tasks."""
        for task in self.tasks:
            if task not in outputs:
                raise UnknownNameError.of(f"task of fuser {self.name!r}", task, outputs)
        return {name: outputs[name] for name in self.tasks or outputs}

    def inputs(self, outputs: Outputs, target: Target, detections: int) -> FusionInput:
        """What the fuser sees of some cases."""
        assembler = Assembler(target, detections, self.padding, self.fuser.needs_features)
        return assembler(self.sees(outputs))


@attrs.frozen(eq=False)
class FittedFuser:
    """A plan fitted for one target."""

    plan: FuserPlan
    target: Target
    fuser: Fuser
    detections: int
    tried: list[dict[str, Any]] = attrs.field(factory=list)

    def predict(self, outputs: Outputs) -> Array:
        """Fused score of each case, ``(cases,)``."""
        return self.fuser.predict(self.plan.inputs(outputs, self.target, self.detections))


@attrs.frozen(eq=False)
class Material:
    """What fusers are fitted on: a cohort, outputs about its training split and, maybe, its validation split."""

    cohort: Cohort
    train: Outputs
    validation: Outputs | None = None


def fit_plan(plan: FuserPlan, target: Target, material: Material, context: FuseContext) -> FittedFuser:
    """Fit a fresh fuser for each number of detections and keep the best."""
    levels = [output.spec.level for output in plan.sees(material.train).values()]
    counts = plan.detections if Level.DETECTION in levels else plan.detections[:1]
    train = {n: _data(plan, target, material, n, "train") for n in counts}
    held_out = {n: _data(plan, target, material, n, "validation") for n in counts} if material.validation else {}

    def fit_one(params: Mapping[str, Any], data: FusionData) -> Fuser:
        n = params["detections"]
        return plan.fuser.fresh().fit(_rows_by_case(train[n], data.inputs.cases), held_out.get(n), context)

    if len(counts) == 1:
        return FittedFuser(plan, target, fit_one({"detections": counts[0]}, train[counts[0]]), counts[0])
    best = _search(fit_one, train, held_out)
    return FittedFuser(plan, target, best.model, best.params["detections"], best.tried)


def _search(fit_one: Any, train: dict[int, FusionData], held_out: dict[int, FusionData]) -> Any:
    """Candidates differ in their inputs, so scoring looks the rows up by case id in the inputs of that candidate."""
    first = next(iter(train))

    def fit_keeping_count(params: Mapping[str, Any], data: FusionData) -> tuple[int, Fuser]:
        return params["detections"], fit_one(params, data)

    def score(model: tuple[int, Fuser], inputs: FusionInput) -> Array:
        n, fuser = model
        pool = [data for data in (train.get(n), held_out.get(n)) if data is not None]
        source = next(data for data in pool if set(inputs.cases) <= set(data.inputs.cases))
        return fuser.predict(_rows_by_case(source, inputs.cases).inputs)

    best = select([{"detections": n} for n in train], (fit_keeping_count, score), train[first], held_out.get(first))
    return attrs.evolve(best, model=best.model[1])


def _rows_by_case(source: FusionData, cases: tuple[str, ...]) -> FusionData:
    position = {case: row for row, case in enumerate(source.inputs.cases)}
    return take(source, np.array([position[case] for case in cases], np.int64))


def _data(plan: FuserPlan, target: Target, material: Material, n: int, split: str) -> FusionData:
    """Inputs and truth of one split, without the cases whose truth nobody knows."""
    outputs = material.train if split == "train" else material.validation
    assert outputs is not None  # asked for only where there is a validation split
    part = material.cohort.part(split)
    truth = part.label(target.name)
    data = FusionData(plan.inputs(outputs, target, n), truth, part.groups)
    return take(data, np.flatnonzero(truth != UNKNOWN))
