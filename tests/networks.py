"""Toy tasks' answers as fusers see them, and tiny networks, for the tests of the network fusers."""

from __future__ import annotations

import numpy as np
from toys import CaseToy, DetectionToy, ToyConfig, ViewToy, toy_cohort

from taskfusion.assembly import Assembler
from taskfusion.cases import Target
from taskfusion.fusers.base import FusionData
from taskfusion.inputs import FusionInput
from taskfusion.padding import BackgroundPadding
from taskfusion.tasks.base import FitContext

TINY = {"dense": 8, "batch_size": 16, "learning_rate": 0.01, "patience": 4}


def toy_data(cases: int, seed: int = 0, joint: bool = False) -> FusionData:
    """Three toy tasks with features and instances about one target (``ill``) or two (``ill``, ``bad``)."""
    cohort = toy_cohort(cases, seed)
    config = ToyConfig(noise=0.5)
    tasks = {"whole": CaseToy(config), "each": ViewToy(config), "spots": DetectionToy(config)}
    outputs = {name: toy.fit(cohort, FitContext()).predict(cohort.cases) for name, toy in tasks.items()}
    inputs = Assembler(Target("ill"), 2, BackgroundPadding(), True, True)(outputs)
    truth = np.stack([cohort.label("ill"), cohort.label("bad")], axis=1)
    return FusionData(inputs, truth if joint else truth[:, 0], np.asarray(cohort.groups))


def without_answers(inputs: FusionInput, rows: np.ndarray, tasks: tuple[str, ...] = ()) -> FusionInput:
    """The same, as if these tasks (all by default) had said nothing about the marked cases."""
    return inputs.hiding(dict.fromkeys(tasks or inputs.tasks, rows))


def auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve over the cases whose truth is known."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth[truth >= 0], scores[truth >= 0]))
