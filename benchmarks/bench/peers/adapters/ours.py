"""taskfusion's own fusers on the same outputs; ``job.option`` names the fuser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import taskfusion
from bench.peers.exams import CLASSES, MALIGNANT, VIEWS, Exams, joined
from bench.peers.wanted import Job, Predict
from taskfusion.cases import Case, Cohort, Target
from taskfusion.fusers.base import FuseContext
from taskfusion.outputs import Detections, TaskOutput, TaskSpec
from taskfusion.pipeline.compose import padding_for
from taskfusion.pipeline.fusing import FuserPlan, Material, fit_plan
from taskfusion.plugins import build_registry


# user code
def outputs_of_exams(exams: Exams, ids: Sequence[str]) -> dict[str, TaskOutput]:
    """What the three tasks said, with features where they come along."""
    size = exams.detection_features.shape[1]
    density = TaskSpec("case", ["dense"], [], 4 * size, 4)
    findings = TaskSpec("view", ["lesion"], VIEWS, size)
    localization = TaskSpec("detection", CLASSES, VIEWS, size, background=size > 0)
    features = (exams.detection_features, exams.background) if size else ()
    found = Detections(exams.offsets, exams.boxes, exams.labels, exams.scores, *features)
    there = ~np.isnan(exams.density), ~np.isnan(exams.findings)
    return {
        "density": TaskOutput(density, ids, there[0], exams.density[:, None], exams.density_features),
        "findings": TaskOutput(findings, ids, there[1], exams.findings[..., None], exams.findings_features),
        "localization": TaskOutput(localization, ids, exams.looked, detections=found),
    }


def fit(train: Exams, validation: Exams | None, job: Job) -> Predict:
    """Trained on the training split, chosen on the validation split, or out of fold where there is none."""
    exams = joined(train, validation) if validation else train
    cases = [Case(f"case {k}", group=str(patient)) for k, patient in enumerate(exams.groups)]
    split = np.where(np.arange(len(exams)) < len(train), "train", "validation")
    target = Target("malignancy", CLASSES[MALIGNANT:])
    cohort = Cohort("exams", cases, VIEWS, {"malignancy": exams.truth}, {"malignancy": target}, split)
    held_out = outputs(validation, cohort.part("validation").ids) if validation else None
    fuser = taskfusion.fuser(job.option)
    plan = FuserPlan(job.option, fuser, padding_for(fuser, None, build_registry()))
    material = Material(cohort, outputs(train, cohort.part("train").ids), held_out)
    (fitted,) = fit_plan(plan, [target], material, FuseContext(job.seed))
    return lambda exams: fitted.predict(outputs(exams))


# end of user code


def outputs(exams: Exams, ids: Sequence[str] = ()) -> Mapping[str, TaskOutput]:
    """Of exams, or of a reader study, where every model is a task."""
    names = ids or tuple(map(str, range(len(exams))))
    return outputs_of_study(exams, names) if exams.is_study else outputs_of_exams(exams, names)


def outputs_of_study(exams: Exams, ids: Sequence[str]) -> dict[str, TaskOutput]:
    """A task a column."""
    spec = TaskSpec("case", ["malignant"])
    there = ~np.isnan(exams.models)
    columns = range(exams.models.shape[1])
    return {f"model{k}": TaskOutput(spec, ids, there[:, k], exams.models[:, [k]]) for k in columns}
