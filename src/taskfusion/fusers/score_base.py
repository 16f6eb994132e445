"""What all score fusers share (paper II-C.1): a model on the vector of all task scores, chosen from a grid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import numpy as np

from taskfusion.errors import ContractError, DataError, NotFittedError
from taskfusion.estimators import load_estimator, one_thread, positive_scores, save_estimator, settled
from taskfusion.files import read_json, write_json
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, require_both_classes
from taskfusion.fusers.scaling import ROWS, LogitScaler, by_parts
from taskfusion.fusers.score_dropout import answered_tasks, with_hidden_tasks
from taskfusion.fusers.selection import Params, Selected, plain, select, some_of
from taskfusion.fusers.summaries import with_summaries
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, ScoreTable

COMPARED = 50_000  # training cases that candidates are compared on; more would settle nothing

searched: Any = attrs.validators.min_len(1)  # a list to search needs something in it


@attrs.frozen(kw_only=True)
class ScoreConfig:
    """What every score fuser can be told.

    Attributes:
        task_dropout: in training each task is hidden with this probability in copies of the training cases.
        summaries: show it also the highest score of each task of several views, and the highest of another view.
            False: the scores alone, as in the paper.
    """

    summaries: bool = True
    task_dropout: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.lt(1)])


@attrs.frozen(eq=False)
class Rows:
    """What a model is trained on.

    Attributes:
        X: ``(cases, columns)`` scaled.
        truth: ``(cases,)`` of 0 and 1.
        groups: ``(cases,)``.
        probability: ``(scores,)``, whether a score is one; the others may point either way.
        seed: of all that is random.
    """

    X: Array
    truth: Array
    groups: Array
    probability: Array
    seed: int


class ScoreFuser(Fuser):
    """A model on the score table: logits, standardised, medians for missing scores; grid chosen by AUC.

    Task scores are calibrated differently by each model; on logits a change of calibration is close to a shift
    and a scale, which standardising takes out. A case about which no task said anything gets the share of positive
    training cases.

    Attributes:
        fills: whether missing scores are replaced by medians; else the model sees NaN.
        most: training cases that are learned from at most, for a model whose time grows faster than the cases.
    """

    config: Any
    fills: ClassVar[bool] = True
    most: ClassVar[int | None] = None

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._columns: tuple[str, ...] | None = None
        self._names: tuple[str, ...] = ()
        self._scaler = LogitScaler()
        self._base_rate = 0.5
        self._model: Any = None
        self._report: dict[str, Any] = {}

    @abstractmethod
    def grid(self, columns: int) -> list[Params]:
        """The candidate parameters for a table of this many columns, the tamest first.

        The first is taken where candidates are equally good, or cannot be compared.
        """

    @abstractmethod
    def train(self, params: Params, rows: Rows) -> Any:
        """A model trained on these rows."""

    @abstractmethod
    def answer(self, model: Any, X: Array) -> Array:
        """Scores of a trained model, ``(cases,)``."""

    @abstractmethod
    def save_model(self, model: Any, folder: Path) -> None:
        """Write a trained model as data."""

    @abstractmethod
    def load_model(self, folder: Path) -> Any:
        """Read what :meth:`save_model` wrote."""

    def settle(self, model: Any) -> Any:
        """The chosen model as it will be after saving and loading."""
        return model

    def describe(self, model: Any) -> Mapping[str, Any]:
        """What else to tell of a trained model, as JSON data."""
        return {}

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Fit every candidate on the training split and keep the best by validation AUC, recall breaking ties.

        Of more than 50 000 training cases candidates see that many, drawn at random by group, and the best is fitted
        again on all: time grows no faster than the cases.

        Raises:
            DataError: training cases of one class only, no column of scores, or too few cases for the classifier.
        """
        self._model = None  # what was learned before is gone, also where this fails
        require_both_classes(train, "score fuser")
        self._columns = train.inputs.scores.columns
        if not self._columns:
            raise DataError("score fuser: the tasks have no scores")
        shown = self._shown(train.inputs)
        self._names, self._scaler = shown.columns, LogitScaler().fit(shown.values)
        self._base_rate = float(np.mean(train.truth))
        if self.most is not None:
            train = some_of(train, self.most, context.seed)
        with one_thread():
            best = self._selected(train, validation, context)
        self._model = self.settle(best.model)
        tried = {"chosen": plain(best.params), "candidates": best.tried, "compared": best.how}
        self._report = {**tried, **self.describe(best.model)}
        return self

    def _selected(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Selected:
        grid, fitter = self.grid(len(self._names)), self._fitter(context.seed)
        some = some_of(train, COMPARED, context.seed) if len(grid) > 1 else train
        best = select(grid, fitter, some, validation, context.engine)
        if some is train:
            return best
        how = f"{best.how}, learning from {len(some)} of {len(train)} cases"
        return attrs.evolve(best, model=fitter[0](best.params, train), how=how)

    def _fitter(self, seed: int) -> Any:
        def fit_one(params: Params, data: FusionData) -> Any:
            seen = with_hidden_tasks(data, self.config.task_dropout, seed)
            X, probability = self._design(seen.inputs), self._scaler.probability
            with one_thread():  # again, as a worker may be elsewhere
                return self.train(params, Rows(X, seen.truth, seen.groups, probability, seed))

        return fit_one, self._scores

    def _scores(self, model: Any, inputs: FusionInput) -> Array:
        """Answers of a model; the base rate where no task answered, or the model has nothing finite to say."""
        if not len(inputs):
            return np.zeros(0)
        if len(inputs) <= ROWS:
            return self._answered(model, inputs)
        return by_parts(lambda rows: self._answered(model, inputs.select(rows)), np.arange(len(inputs)))

    def _answered(self, model: Any, inputs: FusionInput) -> Array:
        silent = np.asarray(inputs.scores.missing.all(axis=1))
        found = self.answer(model, self._design(inputs))
        return np.where(silent | ~np.isfinite(found), self._base_rate, np.clip(found, 0, 1))

    def _shown(self, inputs: FusionInput) -> ScoreTable:
        return with_summaries(inputs.scores, inputs.levels) if self.config.summaries else inputs.scores

    def _design(self, inputs: FusionInput) -> Array:
        """What the model sees, ``(cases, columns)``.

        With task dropout and medians, each task has a column more that says whether it is missing: tried on simulated
        scores, it makes task dropout much better for all but linear models. Without task dropout it gained nothing,
        and may teach a fuser who was examined instead of what was found.
        """
        X = self._scaler.transform(self._shown(inputs).values, self.fills)
        if not (self.fills and self.config.task_dropout):
            return X
        return np.column_stack([X, ~answered_tasks(inputs.scores)])

    def predict(self, inputs: FusionInput) -> Array:
        """Probability of the target, ``(cases,)``."""
        if self._model is None:
            raise NotFittedError("this fuser is not trained; call fit first")
        if inputs.scores.columns != self._columns:
            raise ContractError(f"the fuser learned from columns {self._columns}, found {inputs.scores.columns}")
        return self._scores(self._model, inputs)

    def summary(self) -> Mapping[str, Any]:
        """The chosen parameters, every candidate's AUC, and how they were compared."""
        return self._report

    def save_state(self, folder: Path) -> None:
        """The model as data; scaling, columns and summary as JSON."""
        if self._model is None:
            raise NotFittedError("this fuser is not trained; call fit first")
        self.save_model(self._model, folder)
        state = {
            "columns": self._columns,
            "names": self._names,
            "scaler": self._scaler.state(),
            "base_rate": self._base_rate,
        }
        write_json(folder / "state.json", {**state, "report": self._report})

    def load_state(self, folder: Path) -> None:
        """Read what :meth:`save_state` wrote."""
        state = read_json(folder / "state.json")
        self._model = self.load_model(folder)
        self._scaler, self._base_rate = LogitScaler.from_state(state["scaler"]), state["base_rate"]
        self._columns, self._names = tuple(state["columns"]), tuple(state["names"])
        self._report = state["report"]


class ClassifierFuser(ScoreFuser):
    """A score fuser whose model is a scikit-learn classifier, kept through skops."""

    @abstractmethod
    def build(self, params: Params, rows: Rows) -> Any:
        """An untrained classifier for these rows."""

    def train(self, params: Params, rows: Rows) -> Any:
        """A trained classifier.

        Raises:
            DataError: with what scikit-learn has against these rows.
        """
        classifier = self.build(params, rows)
        try:
            return classifier.fit(rows.X, rows.truth)
        except (ValueError, TypeError) as error:
            what = f"classifier {type(classifier).__name__!r} cannot learn from {len(rows.X)} cases"
            raise DataError(f"{what} of {len(rows.probability)} scores: {error}") from error

    def answer(self, model: Any, X: Array) -> Array:
        """Its probability of class 1."""
        return positive_scores(model, X)

    def settle(self, model: Any) -> Any:
        """See :func:`taskfusion.estimators.settled`."""
        return settled(model)

    def save_model(self, model: Any, folder: Path) -> None:
        """``estimator.skops``."""
        save_estimator(model, folder / "estimator.skops")

    def load_model(self, folder: Path) -> Any:
        """Read ``estimator.skops``."""
        return load_estimator(folder / "estimator.skops")
