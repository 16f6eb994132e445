"""Whether a spec fits its data: the cohort is built, targets, splits and views are looked at; nothing is trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskfusion.cases import SPLITS, Cohort
from taskfusion.errors import Keys, Problem, TaskFusionError, did_you_mean
from taskfusion.progress import Progress
from taskfusion.spec import Spec
from taskfusion.tasks.base import TaskModel


def check_data(spec: Spec, progress: Progress | None = None) -> tuple[Cohort | None, list[Problem]]:
    """The cohort, where it can be built, and every mistake, each with its place in the spec."""
    try:
        cohort = spec.reader.read(progress or Progress())
    except TaskFusionError as error:
        return None, [spec.document.problem(("cohort",), str(error))]
    found = [*_splits(spec, cohort), *_targets(spec, cohort)]
    for name, task in spec.tasks.items():
        found += [(("tasks", name), text) for text in _views(task, cohort)]
    return cohort, [spec.document.problem(keys, text) for keys, text in found]


def cohort_summary(cohort: Cohort) -> str:
    """``569 cases (train 341, validation 85, test 143); malignancy: 212 of 569 positive``."""
    parts = [f"{split} {len(cohort.rows(split))}" for split in SPLITS if len(cohort.rows(split))]
    positive = [f"{name}: {int(np.sum(cohort.label(name) == 1))} of {len(cohort)} positive" for name in cohort.targets]
    return "; ".join([f"{len(cohort)} cases ({', '.join(parts)})", *positive])


def _splits(spec: Spec, cohort: Cohort) -> list[tuple[Keys, str]]:
    if spec.evaluation.cross_validation:
        return []
    have = [split for split in SPLITS if len(cohort.rows(split))]
    if "train" not in have:
        return [(("cohort",), f"the cohort has no case in split 'train'; it has {', '.join(have) or 'none'}")]
    if have == ["train"]:
        text = "the cohort has no case in split 'test' or 'validation'; give it a split, or set"
        return [(("cohort",), f"{text} evaluation.cross_validation")]
    return []


def _targets(spec: Spec, cohort: Cohort) -> list[tuple[Keys, str]]:
    if not cohort.targets:
        return [(("cohort",), "the cohort declares no target, so there is nothing to learn")]
    given: list[tuple[Keys, str]] = [(("targets", index), name) for index, name in enumerate(spec.targets)]
    found = []
    for keys, name in given or [(("cohort",), name) for name in cohort.targets]:
        if name not in cohort.targets:
            found.append((keys, f"unknown target {name!r}{did_you_mean(name, cohort.targets)}"))
        elif text := _one_sided(spec, cohort, name):
            found.append((keys, text))
    return found


def _one_sided(spec: Spec, cohort: Cohort, target: str) -> str:
    rows: Any = np.arange(len(cohort)) if spec.evaluation.cross_validation else cohort.rows("train")
    truth = cohort.label(target)[rows]
    positive, negative = int(np.sum(truth == 1)), int(np.sum(truth == 0))
    if positive and negative:
        return ""
    return f"target {target!r} has {positive} positive and {negative} negative cases to learn from; both are needed"


def _views(task: TaskModel, cohort: Cohort) -> list[str]:
    """Views a task looks at and no case has; also whatever a task over a table says when it reads that."""
    try:
        views = task.spec.views
    except TaskFusionError as error:
        return [str(error)] if task.is_fitted else []
    if not cohort.views and task.is_fitted:  # answers about views from a table need no images
        return []
    return [
        f"looks at view {view!r}, which the cohort does not have{did_you_mean(view, cohort.views)}"
        for view in views
        if view not in cohort.views
    ]
