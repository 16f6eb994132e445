"""Task ``windows``, level detection: which digit stands where, by looking through a small window everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from taskfusion.cases import Annotations, Case, Cohort
from taskfusion.errors import DataError, NotFittedError
from taskfusion.estimators import load_estimator, one_thread, save_estimator
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.slips import DIGITS, HEIGHT, SIDE, VIEWS, WIDTH, read_views

ROWS, COLUMNS = HEIGHT - SIDE + 1, WIDTH - SIDE + 1  # places for a window
NOTHING = len(DIGITS)  # the classifier's class of windows without a digit
NEAR = 3  # pixels: a window this close to a surer one shows the same digit


@attrs.frozen
class WindowsConfig:
    """How to look through a window, and what to report.

    Attributes:
        components: principal components of a window's pixels; they are the features too.
        C: the larger, the closer the classifier keeps to the training windows.
        empty: windows without a digit to learn from, as a multiple of those with one.
        threshold: the lowest score that is reported.
    """

    components: int = 32
    C: float = 0.1
    empty: float = 3.0
    threshold: float = 0.02


class Windows(TaskModel):
    """Names the digit in every window and reports the best places of each digit: any number, none too.

    The background feature is that of the window that shows a digit least: what the task sees where it sees nothing.
    """

    Config = WindowsConfig

    def __init__(self, config: WindowsConfig | None = None) -> None:
        super().__init__(config)
        self._model: Any = None
        self._figures: dict[str, Any] = {}

    @property
    def spec(self) -> TaskSpec:
        """Detections of ten classes; targets of the cohort say which of them count."""
        return TaskSpec(Level.DETECTION, DIGITS, VIEWS, self.config.components, background=True)

    @property
    def is_fitted(self) -> bool:
        """After ``fit`` or ``load``."""
        return self._model is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on windows at the true boxes of the train split, and on others.

        Raises:
            DataError: a cohort without boxes of digits.
        """
        train = cohort.part("train")
        pixels, present = read_views(train.cases)
        windows, labels = _examples(pixels, present, _boxes(train), self.config, context.seed)
        with context.progress.step("windows: fit", total=1) as bar, one_thread():
            self._model = _fitted(windows, labels, self.config, context.seed)
            bar.advance(1)
        self._figures = {"windows": len(labels), "windows with a digit": int((labels != NOTHING).sum())}
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Detections in every view that is there, boxes in its pixels.

        Raises:
            NotFittedError: before training.
            DataError: an image that cannot be read, naming case and view.
        """
        if self._model is None:
            raise NotFittedError("task 'windows' is not trained; call fit, or load a trained one")
        pixels, present = read_views(cases)
        features, chances = self._look(pixels[present])
        found = _detections(features, chances, present, self.config.threshold)
        return TaskOutput(self.spec, [case.id for case in cases], present, detections=found)

    def _look(self, views: Array) -> tuple[Array, Array]:
        """Features ``(views, ROWS, COLUMNS, components)`` and chances of ten digits and nothing, likewise."""
        if not len(views):
            shape = (0, ROWS, COLUMNS)
            return np.zeros((*shape, self.config.components)), np.zeros((*shape, NOTHING + 1))
        windows = _windows(views)
        with one_thread():
            features = self._model[:1].transform(windows.reshape(-1, SIDE * SIDE))
            chances = np.zeros((len(features), NOTHING + 1))
            chances[:, self._model.classes_] = self._model[1:].predict_proba(features)
        return features.reshape(*windows.shape[:3], -1), chances.reshape(*windows.shape[:3], -1)

    def save_weights(self, folder: Path) -> None:
        """The classifier through skops (no pickle), and the figures as JSON."""
        if self._model is None:
            raise NotFittedError("task 'windows' is not trained; there are no weights to save")
        save_estimator(self._model, folder / "model.skops")
        write_json(folder / "figures.json", self._figures)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        self._model = load_estimator(folder / "model.skops")
        self._figures = read_json(folder / "figures.json")

    def summary(self) -> Mapping[str, Any]:
        """How many windows it learned from."""
        return self._figures

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """Of the true digits, the share that the best detection near them names rightly."""
        truth = cohort.annotations
        if truth is None or output.detections is None:
            return {}
        named = _named_rightly(output.detections, truth)[output.present[truth.case, truth.view]]
        return {"digits named rightly": float(named.mean())} if len(named) else {}


def _boxes(cohort: Cohort) -> Annotations:
    found = cohort.annotations
    if found is None or not len(found) or found.classes != DIGITS:
        raise DataError(f"task 'windows' learns from boxes of the digits; cohort {cohort.name!r} has none of those")
    return found


def _windows(views: Array) -> Array:
    """``(views, ROWS, COLUMNS, SIDE, SIDE)`` of views ``(views, HEIGHT, WIDTH)``; a look, not a copy."""
    return sliding_window_view(views, (SIDE, SIDE), axis=(-2, -1))


def _examples(
    pixels: Array, present: Array, truth: Annotations, config: WindowsConfig, seed: int
) -> tuple[Array, Array]:
    """Windows ``(n, SIDE * SIDE)`` and their labels ``(n,)``: all with a digit, and some of those with nothing."""
    seen = present[truth.case, truth.view]
    column, row = truth.boxes[seen, :2].astype(np.int64).T
    shown = np.stack([truth.case[seen], truth.view[seen], row, column])
    empty = np.argwhere(_empty(present, shown)).T
    wanted = min(round(config.empty * len(row)), empty.shape[1])
    empty = empty[:, np.random.default_rng(seed).choice(empty.shape[1], wanted, replace=False)]
    labels = np.concatenate([truth.labels[seen], np.full(wanted, NOTHING)])
    windows = _windows(pixels)[tuple(np.concatenate([shown, empty], axis=1))]
    return windows.reshape(len(labels), SIDE * SIDE), labels


def _empty(present: Array, shown: Array) -> Array:
    """``(cases, views, ROWS, COLUMNS)``: windows to call empty, for no digit begins within a pixel of them.

    Half a digit is nothing: that teaches the classifier to be sure only where a digit fits the window.
    """
    case, view, row, column = shown
    down = np.abs(np.arange(ROWS) - row[:, None]) > 1
    right = np.abs(np.arange(COLUMNS) - column[:, None]) > 1
    result = np.tile(present[:, :, None, None], (1, 1, ROWS, COLUMNS))
    np.logical_and.at(result, (case, view), down[:, :, None] | right[:, None, :])
    return result


def _fitted(windows: Array, labels: Array, config: WindowsConfig, seed: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pca = PCA(config.components, whiten=True, random_state=seed)
    model = make_pipeline(pca, LogisticRegression(C=config.C, max_iter=1000)).fit(windows, labels)
    # In memory as it will be when loaded: sums in another order would differ in the last bit.
    pca.components_ = np.ascontiguousarray(pca.components_)
    return model


def _detections(features: Array, chances: Array, present: Array, threshold: float) -> Detections:
    """What was found in the views that are there, ragged over all views; those that are not there have none."""
    view, row, column, label = np.nonzero(_peaks(chances[..., :NOTHING], threshold))
    counts = np.zeros(present.shape, np.int64)
    counts[present] = np.bincount(view, minlength=len(features))
    background = np.full((*present.shape, features.shape[-1]), np.nan)
    emptiest = chances[..., NOTHING].reshape(-1, ROWS * COLUMNS).argmax(axis=1)
    background[present] = features[np.arange(len(features)), *np.divmod(emptiest, COLUMNS)]
    corner = np.stack([column, row], axis=1)
    return Detections(
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        boxes=np.concatenate([corner, corner + SIDE], axis=1),
        labels=label,
        scores=chances[view, row, column, label],
        features=features[view, row, column],
        background=background,
    )


def _peaks(chances: Array, threshold: float) -> Array:
    """Where a digit's chance is the best of all windows near: booleans like ``(views, ROWS, COLUMNS, digits)``."""
    around = np.pad(chances, ((0, 0), (NEAR, NEAR), (NEAR, NEAR), (0, 0)))
    best = sliding_window_view(around, (2 * NEAR + 1, 2 * NEAR + 1), axis=(1, 2)).max(axis=(-2, -1))
    return np.asarray((chances == best) & (chances >= threshold))


def _named_rightly(found: Detections, truth: Annotations) -> Array:
    """``(true boxes,)``: does the best detection near each have its label?"""
    rows = zip(truth.case * len(VIEWS) + truth.view, truth.boxes, truth.labels, strict=True)
    return np.array([_best_label(found, int(cell), box) == label for cell, box, label in rows], bool)


def _best_label(found: Detections, cell: int, box: Array) -> int:
    rows = found.of(cell)
    near = np.abs(found.boxes[rows] - box).max(axis=1) <= NEAR
    return int(found.labels[rows][near][found.scores[rows][near].argmax()]) if near.any() else NOTHING
