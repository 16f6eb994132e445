"""Task ``sklearn``: a scikit-learn classifier on columns of the cases' metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Case, Cohort
from taskfusion.errors import DataError, ModelFolderError, NotFittedError, SpecError
from taskfusion.estimators import load_estimator, make_classifier, positive_scores, save_estimator, set_seed, settled
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tables import METADATA, find_columns, metadata_frame, need_columns, numbers, refuse
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.diagnostics import Curve

if TYPE_CHECKING:
    import pandas as pd

ANY = ("*",)


@attrs.frozen
class SklearnConfig:
    """A classifier and what it sees.

    Attributes:
        estimator: class name of a scikit-learn classifier.
        params: its parameters.
        columns: names or patterns of metadata columns of numbers; a pattern takes columns of numbers only.
        categories: metadata columns of words or codes (family history yes or no, density A to D): each value of the
            train split becomes a column of 0 and 1. A value that is missing, or not seen in training, is 0 in all.
        label: the label to learn; by default that of the cohort's first target.
        scale: standardise the columns on the training split.
        impute: put the training split's median where a value is missing; else the classifier must take NaN.
    """

    estimator: str = "LogisticRegression"
    params: Mapping[str, Any] = attrs.field(factory=dict)
    columns: tuple[str, ...] = ANY
    categories: tuple[str, ...] = ()
    label: str | None = None
    scale: bool = True
    impute: bool = True

    def check(self) -> None:
        """Refuse a classifier or a parameter that does not exist (UnknownNameError, SpecError)."""
        make_classifier(self.estimator, self.params)


class SklearnTask(TaskModel):
    """Scores cases by their metadata; its features are the columns the classifier sees, imputed and scaled."""

    Config = SklearnConfig
    level = Level.CASE  # known before training, when ``spec`` is not

    def __init__(self, config: SklearnConfig | None = None) -> None:
        super().__init__(config)
        self._pipeline: Any = None
        self._learned: dict[str, Any] = {}  # columns, categories, label, cases, positives

    @property
    def spec(self) -> TaskSpec:
        """One class, named like the label; as many features as columns and categories were found in training."""
        self._need_fit()
        size = len(self._learned["columns"]) + sum(map(len, self._learned["categories"].values()))
        return TaskSpec(Level.CASE, (self._learned["label"],), feature_size=size)

    @property
    def is_fitted(self) -> bool:
        """After ``fit`` or ``load``."""
        return self._pipeline is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on the cases of the train split whose label is known.

        Raises:
            SpecError: a classifier, a parameter or a label that does not exist or does not fit the data.
            DataError: no usable columns, or labels that are not both 0 and 1.
        """
        label = self._label(cohort)
        train = cohort.part("train")
        train = train.select(np.flatnonzero(train.label(label) != UNKNOWN))
        truth = _binary(train.label(label), label)
        columns, categories = self._found(train.cases)
        values, _ = _seen(train.cases, columns, categories)
        if self.config.impute:
            _refuse_empty(values[:, : len(columns)], columns)
        with context.progress.step(f"{self.config.estimator} on {values.shape[1]} columns", 1) as step:
            pipeline = self._fitted(values, truth, context.seed)
            step.advance(1)
        self._pipeline = settled(pipeline)
        self._learned = {
            "columns": list(columns),
            "categories": categories,
            "label": label,
            "cases": len(truth),
            "positives": int(truth.sum()),
        }
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Scores and features; a case with none of the columns gets no answer.

        Raises:
            DataError: a value that is no number.
        """
        spec = self.spec
        values, present = _seen(cases, self._learned["columns"], self._learned["categories"])
        scores, features = np.full((len(cases), 1), np.nan), np.full(values.shape, np.nan)
        if present.any():
            features[present] = self._prepared(values[present])
            scores[present, 0] = self._scores(features[present])
        return TaskOutput(spec, [case.id for case in cases], present, scores, features)

    def save_weights(self, folder: Path) -> None:
        """The pipeline through skops, what it was trained on as JSON."""
        self._need_fit()
        save_estimator(self._pipeline, folder / "pipeline.skops")
        write_json(folder / "learned.json", self._learned)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote.

        Raises:
            ModelFolderError: a part is missing or was changed.
        """
        try:
            learned = read_json(folder / "learned.json")
            if not {"columns", "label"} <= set(learned):
                raise ValueError("columns and label are not in it")
            learned = {"categories": {}, **learned}  # models of before there were any
        except (OSError, ValueError, TypeError) as error:
            raise ModelFolderError(f"saved task cannot be used: {folder / 'learned.json'}: {error}") from error
        self._pipeline, self._learned = load_estimator(folder / "pipeline.skops"), learned

    def summary(self) -> Mapping[str, Any]:
        """What it was trained on."""
        return dict(self._learned)

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """AUC per case of the label it learned, where the cohort knows it."""
        from taskfusion.tasks.measures import own_metrics

        return own_metrics(output, cohort)

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """Its ROC curve."""
        from taskfusion.tasks.measures import own_curves

        return own_curves(output, cohort)

    def _need_fit(self) -> None:
        if not self.is_fitted:
            raise NotFittedError("task 'sklearn' is not trained; call fit first")

    def _label(self, cohort: Cohort) -> str:
        if self.config.label is not None:
            return self.config.label
        if not cohort.targets:
            raise SpecError(f"task 'sklearn' needs a label to learn: cohort {cohort.name!r} has no targets")
        return next(iter(cohort.targets))

    def _found(self, cases: Sequence[Case]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
        """Columns of numbers, and the values of each column of categories."""
        frame, wanted = metadata_frame(cases), self.config.categories
        if twice := set(wanted) & set(self.config.columns):
            raise SpecError(
                f"task 'sklearn': column {min(twice)!r} is in columns and in categories; expected one of both"
            )
        need_columns(frame.columns, wanted, METADATA)
        categories = {name: sorted({_word(case, name) for case in cases} - {""}) for name in wanted}
        for name, values in categories.items():
            if not values:
                raise DataError(f"{METADATA}: category {name!r} has no value in the train split; leave it out")
        rest = frame.drop(columns=list(wanted))
        if wanted and self.config.columns == ANY and not _usable(ANY, rest):
            return (), categories
        return _columns(self.config.columns, rest), categories

    def _fitted(self, values: Array, truth: Array, seed: int) -> Any:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler

        classifier = set_seed(make_classifier(self.config.estimator, self.config.params), seed)
        impute = SimpleImputer(strategy="median") if self.config.impute else "passthrough"
        scale = StandardScaler() if self.config.scale else "passthrough"
        pipeline = Pipeline([("impute", impute), ("scale", scale), ("classify", classifier)])
        try:
            return pipeline.fit(values, truth)
        except (ValueError, TypeError) as error:
            raise SpecError(f"classifier {self.config.estimator!r} cannot be trained: {error}") from error

    def _prepared(self, values: Array) -> Array:
        """The columns as the classifier sees them, ``(cases, columns)``."""
        return np.asarray(self._pipeline[:-1].transform(values))

    def _scores(self, features: Array) -> Array:
        try:
            return positive_scores(self._pipeline[-1], features)
        except ValueError as error:
            raise DataError(f"classifier {self.config.estimator!r} cannot answer: {error}") from error


def _binary(labels: Array, name: str) -> Array:
    found = np.unique(labels).tolist()
    if found != [0, 1]:
        raise DataError(f"task 'sklearn' learns 0 against 1; label {name!r} in the train split has {found or 'none'}")
    return labels


def _columns(patterns: Sequence[str], frame: pd.DataFrame) -> tuple[str, ...]:
    return find_columns(patterns, _usable(patterns, frame), METADATA)


def _usable(patterns: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """Names take any column, patterns those of numbers."""
    import pandas as pd

    return [name for name in map(str, frame) if name in patterns or pd.api.types.is_numeric_dtype(frame[name])]


def _seen(
    cases: Sequence[Case], columns: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> tuple[Array, Array]:
    """What a classifier sees, ``(cases, columns + values)``, NaN where a number is missing; and who has any of it."""
    numbers_of = _values(metadata_frame(cases, list(columns)), columns)
    words = np.array([[_word(case, name) for name in categories] for case in cases], object)
    words = words.reshape(len(cases), len(categories))
    parts = [words[:, [k]] == np.array([values], object) for k, values in enumerate(categories.values())]
    present = ~np.isnan(numbers_of).all(axis=1) | (words != "").any(axis=1)
    return np.concatenate([numbers_of, *parts], axis=1, dtype=np.float64), present


def _word(case: Case, name: str) -> str:
    """A value as a category: 2 and 2.0 are one, as tables store whole numbers with a gap in the column as 2.0."""
    value = case.metadata.get(name)
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _values(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    values = numbers(frame, columns, METADATA)
    refuse(frame, np.isinf(values), columns, METADATA, "is {value}; expected a finite number")
    return values


def _refuse_empty(values: Array, columns: Sequence[str]) -> None:
    empty = np.isnan(values).all(axis=0)
    if empty.any():
        name = columns[int(np.argmax(empty))]
        raise DataError(f"{METADATA}: column {name!r} has no value in the train split; leave it out of columns")
