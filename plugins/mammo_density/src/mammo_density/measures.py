"""How good density's answers are: per exam, and per view for D^v (Table III, Fig. 9a)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from attrs import frozen

from mammo_density.config import DensityConfig
from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.evaluation.answers import Scored
from taskfusion.outputs import Level, TaskOutput
from taskfusion.tasks.diagnostics import Curve
from taskfusion.tasks.measures import roc_curves


@frozen(eq=False)
class Answers:
    """What was said of some samples with a known density.

    Attributes:
        model: who said it, in the paper's words.
        what: a sample.
        label: (samples,) 0..3.
        scores: (samples, classes).
    """

    model: str
    what: str
    label: np.ndarray
    scores: np.ndarray


def density_metrics(output: TaskOutput, cohort: Cohort, config: DensityConfig) -> dict[str, float]:
    """Figures of every kind of sample, those left out that truth cannot say."""
    found: dict[str, float] = {}
    for answers in _answers(output, cohort, config):
        found |= _dense(answers, config).figures(answers.what)
        if config.classes == 4 and len(answers.label):
            right = answers.scores.argmax(axis=1) == answers.label
            found[f"accuracy of a to d per {answers.what}"] = float(right.mean())
    return found


def density_curves(output: TaskOutput, cohort: Cohort, config: DensityConfig) -> Sequence[Curve]:
    """ROC curves of "dense", by the names of the models."""
    return roc_curves((a.model, _dense(a, config)) for a in _answers(output, cohort, config))


def dense_score(scores: np.ndarray, config: DensityConfig) -> np.ndarray:
    """The score of "dense" (samples,): of four classes the sum of those that count as dense."""
    if config.classes == 2:
        return scores[:, 0]
    return np.clip(scores[:, config.dense_from :].sum(axis=1), 0, 1)


def _dense(answers: Answers, config: DensityConfig) -> Scored:
    return Scored((answers.label >= config.dense_from).astype(int), dense_score(answers.scores, config))


def _answers(output: TaskOutput, cohort: Cohort, config: DensityConfig) -> Iterable[Answers]:
    if config.label not in cohort.labels or output.scores is None:
        return
    label = cohort.label(config.label)
    known = label != UNKNOWN
    if output.spec.level is Level.CASE:
        rows = known & output.present
        yield Answers("D" if config.answer == "patient" else "mean(D^v)", "exam", label[rows], output.scores[rows])
        return
    cells = known[:, None] & output.present
    yield Answers("D^v", "view", np.broadcast_to(label[:, None], cells.shape)[cells], output.scores[cells])
    rows = cells.all(axis=1)
    yield Answers("mean(D^v)", "exam", label[rows], output.scores[rows].mean(axis=1))
