"""Task ``glance``, level view: half a slip taken in as a whole, without looking for anything."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, ModelFolderError, NotFittedError
from taskfusion.estimators import one_thread
from taskfusion.files import replacing
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.slips import HEIGHT, VIEWS, WIDTH, read_views

PIXELS = HEIGHT * WIDTH


@attrs.frozen
class GlanceConfig:
    """What to learn, and from how much of a view.

    Attributes:
        classes: targets of the cohort; a view counts as one where a box that counts for the target is in it.
        components: principal components of the pixels; they are the features too.
        C: the larger, the closer the classifier keeps to the training views.
    """

    classes: tuple[str, ...] = ("seven", "high")
    components: int = 40
    C: float = 0.1


@attrs.frozen(eq=False)
class GlanceWeights:
    """All that is learned, as arrays: what cannot run cannot do harm when it is loaded.

    Attributes:
        mean: ``(pixels,)`` of the training views.
        axes: ``(pixels, components)``; each component has standard deviation 1 on the training views.
        slopes: ``(components, classes)``.
        offsets: ``(classes,)``.
    """

    mean: Array
    axes: Array
    slopes: Array
    offsets: Array

    def __call__(self, pixels: Array) -> tuple[Array, Array]:
        """Scores ``(views, classes)`` and features ``(views, components)`` of views ``(views, pixels)``."""
        features = (pixels - self.mean) @ self.axes
        return 1 / (1 + np.exp(-(features @ self.slopes + self.offsets))), features


class Glance(TaskModel):
    """Says of each view whether it holds what counts for a target: principal components, then logistic regression."""

    Config = GlanceConfig

    def __init__(self, config: GlanceConfig | None = None) -> None:
        super().__init__(config)
        self._weights: GlanceWeights | None = None

    @property
    def spec(self) -> TaskSpec:
        """A score per view and class, and a feature vector per view."""
        return TaskSpec(Level.VIEW, self.config.classes, VIEWS, feature_size=self.config.components)

    @property
    def is_fitted(self) -> bool:
        """After ``fit`` or ``load``."""
        return self._weights is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on every view of the train split.

        Raises:
            UnknownNameError: a class that is no target of the cohort.
            DataError: a cohort without boxes, or one whose views all hold the same.
        """
        train = cohort.part("train")
        pixels, present = read_views(train.cases)
        truth = _truth(train, self.config.classes)[present]
        with context.progress.step("glance: fit", total=1) as bar, one_thread():
            self._weights = _fitted(pixels[present].reshape(len(truth), PIXELS), truth, self.config, context.seed)
            bar.advance(1)
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Scores and features of every view that is there.

        Raises:
            NotFittedError: before training.
            DataError: an image that cannot be read, naming case and view.
        """
        if self._weights is None:
            raise NotFittedError("task 'glance' is not trained; call fit, or load a trained one")
        pixels, present = read_views(cases)
        found_scores, found_features = self._weights(pixels[present].reshape(-1, PIXELS))
        scores = np.full((*present.shape, len(self.config.classes)), np.nan)
        features = np.full((*present.shape, self.config.components), np.nan)
        scores[present], features[present] = found_scores, found_features
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)

    def save_weights(self, folder: Path) -> None:
        """Plain arrays in one ``.npz``."""
        if self._weights is None:
            raise NotFittedError("task 'glance' is not trained; there are no weights to save")
        with replacing(folder / "weights.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **attrs.asdict(self._weights))

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote.

        Raises:
            ModelFolderError: a file that is missing or damaged.
        """
        path = folder / "weights.npz"
        try:
            with np.load(path, allow_pickle=False) as data:
                self._weights = GlanceWeights(**data)
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ModelFolderError(f"saved weights cannot be used: {path}: {error}") from error

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """Area under the ROC curve per class, over views."""
        from sklearn.metrics import roc_auc_score

        if cohort.annotations is None or output.scores is None:
            return {}
        truth, scores = _truth(cohort, output.spec.classes)[output.present], output.scores[output.present]
        return {
            f"AUC per view, {name}": float(roc_auc_score(truth[:, column], scores[:, column]))
            for column, name in enumerate(output.spec.classes)
            if len(np.unique(truth[:, column])) == 2
        }


def _truth(cohort: Cohort, classes: Sequence[str]) -> Array:
    """``(cases, views, classes)``: the cohort says per target which boxes count."""
    return np.stack([cohort.view_labels(cohort.target(name).labels) for name in classes], axis=-1)


def _fitted(pixels: Array, truth: Array, config: GlanceConfig, seed: int) -> GlanceWeights:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression

    for name, column in zip(config.classes, truth.T, strict=True):
        if column.all() or not column.any():
            raise DataError(f"task 'glance': {column.sum()} of {len(column)} training views hold {name!r}; need both")
    pca = PCA(config.components, whiten=True, random_state=seed).fit(pixels)
    axes = pca.components_.T / np.sqrt(pca.explained_variance_)
    features = (pixels - pca.mean_) @ axes
    models: list[Any] = [LogisticRegression(C=config.C, max_iter=1000).fit(features, column) for column in truth.T]
    slopes = np.concatenate([model.coef_ for model in models]).T
    return GlanceWeights(pca.mean_, axes, slopes, np.concatenate([model.intercept_ for model in models]))
