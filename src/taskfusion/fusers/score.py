"""Score fusers (paper II-C.1): scikit-learn classifiers on the vector of all task scores."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from taskfusion.assembly import FusionInput
from taskfusion.errors import ContractError, NotFittedError
from taskfusion.estimators import load_estimator, make_classifier, positive_scores, save_estimator
from taskfusion.files import read_json, write_json
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, require_both_classes
from taskfusion.fusers.scaling import LogitScaler
from taskfusion.fusers.selection import one_thread, select
from taskfusion.images import Array

Params = Mapping[str, Any]


class ScoreFuser(Fuser):
    """A classifier on the score table: logits, standardised, medians for missing scores; grid chosen by AUC.

    Task scores are calibrated differently by each model; on logits a change of calibration is close to a shift
    and a scale, which standardising takes out.
    """

    config: Any

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._columns: tuple[str, ...] | None = None
        self._scaler = LogitScaler()
        self._estimator: Any = None
        self._chosen: dict[str, Any] = {}
        self._candidates: list[dict[str, Any]] = []

    @abstractmethod
    def grid(self, columns: int) -> list[Params]:
        """The candidate parameters for a table of this many columns."""

    @abstractmethod
    def build(self, params: Params, seed: int) -> Any:
        """An untrained scikit-learn classifier."""

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Fit every candidate on the training split and keep the best by validation AUC, recall breaking ties."""
        require_both_classes(train, "score fuser")
        self._columns = train.inputs.scores.columns
        self._scaler = LogitScaler().fit(train.inputs.scores.values)
        with one_thread():
            best = select(self.grid(len(self._columns)), self._fitter(context.seed), train, validation)
        self._chosen, self._candidates, self._estimator = dict(best.params), best.tried, best.model
        return self

    def _fitter(self, seed: int) -> Any:
        def fit_one(params: Params, data: FusionData) -> Any:
            return self.build(params, seed).fit(self._scaler.transform(data.inputs.scores.values), data.truth)

        def score(model: Any, inputs: FusionInput) -> Array:
            return positive_scores(model, self._scaler.transform(inputs.scores.values))

        return fit_one, score

    def predict(self, inputs: FusionInput) -> Array:
        """Probability of the target, ``(cases,)``."""
        if self._estimator is None:
            raise NotFittedError("this fuser is not trained; call fit first")
        if inputs.scores.columns != self._columns:
            raise ContractError(f"the fuser learned from columns {self._columns}, found {inputs.scores.columns}")
        return positive_scores(self._estimator, self._scaler.transform(inputs.scores.values))

    def summary(self) -> Mapping[str, Any]:
        """The chosen parameters and every candidate's AUC."""
        return {"chosen": self._chosen, "candidates": self._candidates}

    def save_state(self, folder: Path) -> None:
        """Estimator through skops, scaling and columns as JSON."""
        save_estimator(self._estimator, folder / "estimator.skops")
        state = {"columns": self._columns, "scaler": self._scaler.state(), **self.summary()}
        write_json(folder / "state.json", state)

    def load_state(self, folder: Path) -> None:
        """Read what :meth:`save_state` wrote."""
        state = read_json(folder / "state.json")
        self._columns = tuple(state["columns"])
        self._scaler = LogitScaler.from_state(state["scaler"])
        self._chosen, self._candidates = state["chosen"], state["candidates"]
        self._estimator = load_estimator(folder / "estimator.skops")


@attrs.frozen
class MlpConfig:
    """Hidden layers as multiples of the number of scores, and weight decay; lists are searched.

    The decay counts against the summed loss. Over two layers it acts like a lasso on the scores, so these values keep
    some of a few hundred cases' scores and drop the rest; weaker ones learn the training cases by heart.
    """

    hidden: tuple[str, ...] = ("1", "1 1", "1 0.5")
    alpha: tuple[float, ...] = (3.0, 10.0, 30.0)
    max_iter: int = 1000


class MlpFuser(ScoreFuser):
    """The MLP of the paper (III-A.4a): hidden layers [w], [w, w] and [w, w/2] for w scores."""

    Config = MlpConfig

    def grid(self, columns: int) -> list[Params]:
        """Every hidden layout with every weight decay."""
        return [
            {"hidden_layer_sizes": layer_sizes(text, columns), "alpha": alpha}
            for text, alpha in itertools.product(self.config.hidden, self.config.alpha)
        ]

    def build(self, params: Params, seed: int) -> Any:
        """L-BFGS: a few hundred rows fit into one batch, and it needs no learning rate."""
        from sklearn.neural_network import MLPClassifier

        fixed = {"solver": "lbfgs", "activation": "tanh", "max_iter": self.config.max_iter, "tol": 1e-3}
        return MLPClassifier(random_state=seed, **fixed, **params)


def layer_sizes(text: str, columns: int) -> tuple[int, ...]:
    """``"1 0.5"`` for 8 scores: ``(8, 4)``; no layer is smaller than 2."""
    return tuple(max(2, round(float(part) * columns)) for part in text.split())


@attrs.frozen
class SvmConfig:
    """``C``: penalties to search (paper III-A.4a: 1e-4 to 1000); ``gamma`` as in scikit-learn."""

    C: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
    gamma: str | float = "scale"


class SvmFuser(ScoreFuser):
    """A support vector machine with an RBF kernel; its decision values become probabilities by Platt scaling."""

    Config = SvmConfig

    def grid(self, columns: int) -> list[Params]:
        """Every penalty."""
        return [{"C": C} for C in self.config.C]

    def build(self, params: Params, seed: int) -> Any:
        """Platt scaling on out-of-fold decision values, then the machine fitted on all."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import SVC

        machine = SVC(kernel="rbf", gamma=self.config.gamma, class_weight="balanced", **params)
        return CalibratedClassifierCV(machine, method="sigmoid", cv=3, ensemble=False)


@attrs.frozen
class ForestConfig:
    """``trees``: forest sizes to search (paper III-A.4a)."""

    trees: tuple[int, ...] = (3, 5, 7, 10, 15, 20)
    max_depth: int | None = None


class ForestFuser(ScoreFuser):
    """A random forest."""

    Config = ForestConfig

    def grid(self, columns: int) -> list[Params]:
        """Every forest size."""
        return [{"n_estimators": trees} for trees in self.config.trees]

    def build(self, params: Params, seed: int) -> Any:
        """A forest with scikit-learn's defaults besides its size and depth."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(max_depth=self.config.max_depth, random_state=seed, **params)


@attrs.frozen
class SklearnFuserConfig:
    """``estimator``: a scikit-learn classifier by name; ``params``: its parameters; ``grid``: lists to search."""

    estimator: str = "LogisticRegression"
    params: dict[str, Any] = attrs.field(factory=dict)
    grid: dict[str, list[Any]] = attrs.field(factory=dict)

    def check(self) -> None:
        """Refuse a classifier or a parameter that does not exist (UnknownNameError, SpecError)."""
        make_classifier(self.estimator, {**self.params, **self.grid})


class SklearnFuser(ScoreFuser):
    """Any scikit-learn classifier, by name from a spec or as an object from Python."""

    Config = SklearnFuserConfig

    def __init__(self, config: Any = None, template: Any = None) -> None:
        super().__init__(config)
        self._template = template

    @classmethod
    def of(cls, estimator: Any) -> SklearnFuser:
        """Wrap a classifier object; it is cloned for every fit."""
        return cls(SklearnFuserConfig(type(estimator).__name__), estimator)

    @property
    def template(self) -> Any:
        """The object given from Python, or None where the configuration says all."""
        return self._template

    def fresh(self) -> Self:
        """An untrained fuser of the same configuration and template."""
        return type(self)(self.config, self._template)

    def grid(self, columns: int) -> list[Params]:
        """The product of the lists in ``grid``; one candidate without any."""
        names = list(self.config.grid)
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*self.config.grid.values())]

    def build(self, params: Params, seed: int) -> Any:
        """A clone of the template, or the named classifier, seeded where it can be."""
        from sklearn.base import clone

        if self._template is None:
            model = make_classifier(self.config.estimator, {**self.config.params, **params})
        else:
            model = clone(self._template).set_params(**params)
        if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
            model.set_params(random_state=seed)
        return model
