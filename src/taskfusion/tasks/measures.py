"""What any task can say of its own answers where the cohort knows the truth: figures and curves, level by level.

The truth about a class is the cohort's label of the same name, its boxes of that name, or what the task's options name.
Where a cohort knows none of these, nothing is compared and nothing returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.evaluation import answers
from taskfusion.evaluation.answers import Scored
from taskfusion.evaluation.boxes import Array, Boxes
from taskfusion.evaluation.coco_ap import average_precision, is_installed
from taskfusion.evaluation.froc import ANY, froc, froc_by_class, with_boxes
from taskfusion.outputs import Level, TaskOutput
from taskfusion.tasks.diagnostics import Curve

Truth = Mapping[str, str]
AT = 1.0  # false detections per image, as in Table IV


def own_metrics(output: TaskOutput, cohort: Cohort, truth: Truth | None = None) -> dict[str, float]:
    """``AUC per case``, ``AUC per view`` and, of detections, TPR at one false one per image and COCO's AP.

    Args:
        output: the task's answers about the cohort, in its order.
        cohort: which may know the truth.
        truth: class to the label that is the truth about it; a class that is left out, to the label of its own name.
    """
    figures = {f"AUC {name}": pair.auc for name, pair in compared(output, cohort, truth or {})}
    return {**detection_metrics(output, cohort), **answers.finite(figures)}


def own_curves(output: TaskOutput, cohort: Cohort, truth: Truth | None = None) -> list[Curve]:
    """A ROC curve for each AUC of :func:`own_metrics` and, of detections, a FROC curve per class and over all."""
    return [*detection_curves(output, cohort), *roc_curves(compared(output, cohort, truth or {}))]


def roc_curves(named: Iterable[tuple[str, Scored]]) -> list[Curve]:
    """A ROC curve for each name and its answers; none for answers of one class only."""
    curves = [Curve(name, "roc", *pair.roc()) for name, pair in named]
    return [curve for curve in curves if len(curve.x)]


def compared(output: TaskOutput, cohort: Cohort, truth: Truth) -> Iterator[tuple[str, Scored]]:
    """Name and answers of every comparison: ``per view``, ``per case``, with the class where there are several."""
    of_level = {Level.CASE: _of_cases, Level.VIEW: _of_views}.get(output.spec.level)
    return _of_detections(output, cohort) if of_level is None else of_level(output, cohort, truth)


def sensitivities(output: TaskOutput, cohort: Cohort) -> dict[str, float]:
    """TPR at one false detection per image: over all classes (``any``), and of each; those without truth left out."""
    known = _known_boxes(output, cohort)
    if known is None:
        return {}
    found, true, images, classes = known
    return answers.finite({n: f.sensitivity(AT) for n, f in froc_by_class(found, true, images, classes).items()})


def detection_metrics(output: TaskOutput, cohort: Cohort) -> dict[str, float]:
    """TPR at one false detection per image, with those in images without any true box alone too, and COCO's AP."""
    known = _known_boxes(output, cohort)
    if known is None:
        return {}
    found, true, images, classes = known
    figures = {f"TPR at 1 FP per image, {name}": value for name, value in sensitivities(output, cohort).items()}
    clear = ~with_boxes(true, images)
    figures[f"TPR at 1 FP per image without boxes, {ANY}"] = froc(found, true, images, clear).sensitivity(AT)
    if is_installed():
        figures |= average_precision(found, true, images, classes)
    return answers.finite(figures)


def detection_curves(output: TaskOutput, cohort: Cohort) -> list[Curve]:
    """FROC over all classes (``any``), then per class; classes without a true box are left out."""
    known = _known_boxes(output, cohort)
    if known is None:
        return []
    curves = [Curve(name, "froc", *result.curve()) for name, result in froc_by_class(*known).items()]
    return [curve for curve in curves if len(curve.x)]


def _known_boxes(output: TaskOutput, cohort: Cohort) -> tuple[Boxes, Boxes, int, Sequence[str]] | None:
    """Detections and true boxes of the classes that both know, the number of images, and the task's classes.

    A detection of a class that the cohort's boxes cannot have would count as false, whatever it shows.
    """
    if output.detections is None or cohort.annotations is None or not len(cohort.annotations):
        return None
    classes = output.spec.classes
    shared = np.isin(classes, cohort.annotations.classes)
    if not shared.any():
        return None
    found, true, images = answers.shared_boxes(output, cohort)
    return found.where(shared[found.labels]), true, images, classes


def _of_cases(output: TaskOutput, cohort: Cohort, truth: Truth) -> Iterator[tuple[str, Scored]]:
    classes = output.spec.classes
    for column, name in enumerate(classes):
        label = _binary(cohort, truth.get(name, name))
        if label is not None and output.scores is not None:
            yield _named("per case", name, classes), answers.scored(label, output.scores[:, column], output.present)


def _of_views(output: TaskOutput, cohort: Cohort, truth: Truth) -> Iterator[tuple[str, Scored]]:
    classes = output.spec.classes
    for column, name in enumerate(classes):
        counts = np.arange(len(classes)) == column
        of_views, of_case = _view_truth(output, cohort, truth.get(name, name)), _binary(cohort, truth.get(name, name))
        if of_views is not None:
            scores = answers.view_scores(output, counts)
            yield _named("per view", name, classes), answers.scored(of_views, scores, output.present)
        if of_case is not None:
            scores = answers.case_scores(output, counts)
            yield _named("per case", name, classes), answers.scored(of_case, scores, ~np.isnan(scores))


def _of_detections(output: TaskOutput, cohort: Cohort) -> Iterator[tuple[str, Scored]]:
    """Per view by the boxes, per case by every target that counts a class of ours: the highest score, as max(p_L)."""
    classes = output.spec.classes
    known = cohort.annotations
    if known is not None and (shared := [name for name in classes if name in known.classes]):
        truth = answers.view_truth(output, cohort, shared)
        yield "per view", answers.scored(truth, answers.view_scores(output, np.isin(classes, shared)), output.present)
    for name, target in cohort.targets.items():
        counts, label = target.counts(classes), _binary(cohort, name)
        if counts.any() and label is not None:
            scores = answers.case_scores(output, counts)
            yield _named("per case", name, tuple(cohort.targets)), answers.scored(label, scores, ~np.isnan(scores))


def _named(what: str, name: str, among: Sequence[str]) -> str:
    return what if len(among) == 1 else f"{what}, {name}"


def _binary(cohort: Cohort, name: str) -> Array | None:
    """A label of 0, 1 and -1; None where the cohort has none of that name, or one of more values."""
    if name not in cohort.labels:
        return None
    values = cohort.label(name)
    return values if np.isin(values, (UNKNOWN, 0, 1)).all() else None


def _view_truth(output: TaskOutput, cohort: Cohort, name: str) -> Array | None:
    """Per view by boxes of that class, or of the classes that count for the target of that name.

    None for a target of which the boxes say something else than the label, such as a cancer that nobody drew.
    """
    known = cohort.annotations
    if known is None:
        return None
    if name in known.classes:
        return answers.view_truth(output, cohort, [name])
    if name not in cohort.targets:
        return None
    labels, of_case = cohort.targets[name].labels, _binary(cohort, name)
    drawn = cohort.view_labels(labels).any(axis=1)
    if of_case is None or (drawn != (of_case == 1))[of_case != UNKNOWN].any():
        return None
    return np.where((of_case == UNKNOWN)[:, None], UNKNOWN, answers.view_truth(output, cohort, labels))
