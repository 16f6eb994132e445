"""Task ``ink``, level case: what a slip as a whole says, without reading a single digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Case, Cohort
from taskfusion.errors import DataError, NotFittedError
from taskfusion.estimators import load_estimator, one_thread, positive_scores, save_estimator
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.slips import VIEWS, read_views

STATISTICS = ("total", "ink", "dark", "spread", "total per ink")


@attrs.frozen
class InkConfig:
    """What to learn.

    Attributes:
        classes: labels of the cohort, each of 0 and 1.
        C: the larger, the closer the classifier keeps to the training slips.
        dark: from this brightness on a pixel counts as ink (1 is white).
    """

    classes: tuple[str, ...] = ("seven", "high")
    C: float = 0.3
    dark: float = 0.5


class Ink(TaskModel):
    """Scores a slip by its noted total and by statistics of its ink; the statistics, standardised, are its features.

    A slip without a total is not asked about; a view that is not there is left out of the statistics.
    """

    Config = InkConfig

    def __init__(self, config: InkConfig | None = None) -> None:
        super().__init__(config)
        self._models: list[Any] = []
        self._figures: dict[str, Any] = {}

    @property
    def spec(self) -> TaskSpec:
        """A score per class; ``required`` keeps slips without a total away from ``predict``."""
        classes = self.config.classes
        return TaskSpec(Level.CASE, classes, VIEWS, feature_size=len(STATISTICS), required=("total",))

    @property
    def is_fitted(self) -> bool:
        """After ``fit`` or ``load``."""
        return bool(self._models)

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """One classifier per class, on the slips of the train split that have a total and a known label.

        Raises:
            UnknownNameError: a class that is no label of the cohort.
            DataError: labels that are not both 0 and 1.
        """
        train = cohort.part("train")
        train = train.select([row for row, case in enumerate(train.cases) if self.spec.can_answer(case)])
        values = statistics(train.cases, self.config.dark)
        models = []
        with context.progress.step("ink: fit", total=len(self.config.classes)) as bar, one_thread():
            for name in self.config.classes:
                truth = train.label(name)
                models.append(_fitted(values[truth != UNKNOWN], truth[truth != UNKNOWN], name, self.config.C))
                bar.advance(1)
        self._models = models
        self._figures = {"slips": len(train), "features": list(STATISTICS)}
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Scores and features of these slips.

        Raises:
            NotFittedError: before training.
            DataError: an image that cannot be read, naming case and view.
        """
        if not self.is_fitted:
            raise NotFittedError("task 'ink' is not trained; call fit, or load a trained one")
        present = np.array([self.spec.can_answer(case) for case in cases], bool)
        scores = np.full((len(cases), len(self.config.classes)), np.nan)
        features = np.full((len(cases), len(STATISTICS)), np.nan)
        if present.any():
            values = statistics([case for case in cases if self.spec.can_answer(case)], self.config.dark)
            scores[present] = np.stack([positive_scores(model, values) for model in self._models], axis=1)
            features[present] = self._models[0][:2].transform(values)
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)

    def save_weights(self, folder: Path) -> None:
        """A classifier per class through skops (no pickle), and the figures as JSON."""
        if not self.is_fitted:
            raise NotFittedError("task 'ink' is not trained; there are no weights to save")
        for number, model in enumerate(self._models):
            save_estimator(model, folder / f"{number}.skops")
        write_json(folder / "figures.json", self._figures)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        self._models = [load_estimator(folder / f"{number}.skops") for number in range(len(self.config.classes))]
        self._figures = read_json(folder / "figures.json")

    def summary(self) -> Mapping[str, Any]:
        """How many slips it learned from."""
        return self._figures

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """Area under the ROC curve per class, over the slips with an answer and a known label."""
        from sklearn.metrics import roc_auc_score

        figures = {}
        for column, name in enumerate(output.spec.classes):
            known = output.present & (cohort.label(name) != UNKNOWN)
            truth = cohort.label(name)[known]
            if output.scores is not None and len(np.unique(truth)) == 2:
                figures[f"AUC {name}"] = float(roc_auc_score(truth, output.scores[known, column]))
        return figures


def statistics(cases: Sequence[Case], dark: float) -> Array:
    """``(cases, STATISTICS)``, of all cases at once; NaN where none of a slip's views is there."""
    pixels, present = read_views(cases)
    total = np.array([case.metadata["total"] for case in cases], float)
    seen = np.where(present.any(axis=1), present.mean(axis=1), np.nan)  # the share of the slip in sight
    columns = pixels.sum(axis=2).reshape(len(cases), -1)  # ink per column of pixels; NaN out of sight
    ink = np.nansum(columns, axis=1) / seen
    darkness = (pixels > dark).sum(axis=(1, 2, 3)) / seen
    mean = ink / columns.shape[1]
    spread = np.sqrt(np.nansum((columns - mean[:, None]) ** 2, axis=1) / (seen * columns.shape[1]))
    return np.stack([total, ink, darkness, spread, total / np.maximum(ink, 1)], axis=1)


def _fitted(values: Array, truth: Array, name: str, C: float) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    found = np.unique(truth).tolist()
    if found != [0, 1]:
        raise DataError(f"task 'ink' learns 0 against 1; label {name!r} in the train split has {found or 'none'}")
    squares = PolynomialFeatures(2, include_bias=False)
    steps = SimpleImputer(), StandardScaler(), squares, LogisticRegression(C=C, max_iter=1000)
    return make_pipeline(*steps).fit(values, truth)
