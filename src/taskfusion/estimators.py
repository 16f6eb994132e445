"""scikit-learn classifiers by class name: find, make, ask for scores, save and load as data (no pickle).

A configuration names a class and its parameters, never an import path, so reading one imports nothing unexpected.
"""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from taskfusion.errors import (
    ContractError,
    ModelFolderError,
    NotFittedError,
    SpecError,
    UnknownNameError,
    did_you_mean,
)
from taskfusion.files import replacing
from taskfusion.images import Array

# Parts of fitted scikit-learn classifiers that skops does not trust by itself: compiled trees and neighbour searches,
# whose content it cannot check, and small helpers. All of them hold numbers and run nothing when they are built.
ALLOWED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


# What answers through a classifier it holds, and is none by itself.
HOLDERS = ("GridSearchCV", "Pipeline", "RFE", "RFECV", "RandomizedSearchCV")
# Mappings of one such key stand for what plain data have not: another estimator, a tuple, keys that are no text.
NESTED, TUPLE, PAIRS = "estimator", "tuple", "pairs"


@functools.cache
def _classifiers() -> dict[str, type]:
    from sklearn.utils import all_estimators

    return {**dict(all_estimators(type_filter="classifier")), **{name: _estimators()[name] for name in HOLDERS}}


@functools.cache
def _estimators() -> dict[str, type]:
    from sklearn.utils import all_estimators

    return dict(all_estimators())


def find_classifier(name: str) -> type:
    """A scikit-learn classifier by class name: ``"SVC"``; also what holds one: ``"Pipeline"``.

    Raises:
        UnknownNameError: with the nearest name and all that exist.
    """
    if name not in _classifiers():
        raise UnknownNameError.of("scikit-learn classifier", name, _classifiers())
    return _classifiers()[name]


def make_classifier(name: str, params: Mapping[str, Any]) -> Any:
    """A classifier with these parameters, not fitted; ``{estimator: NAME, params: {…}}`` in them makes another one.

    Raises:
        UnknownNameError: no such classifier.
        SpecError: no such parameter, with the nearest; or a classifier that wraps others, and they are not named.
    """
    return _make(find_classifier(name), params)


def _make(kind: type, params: Mapping[str, Any]) -> Any:
    values = {key: _value_of(value) for key, value in params.items()}
    known = inspect.signature(kind).parameters
    for key, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and key not in values:
            raise SpecError(f"classifier {kind.__name__!r} wraps other estimators: parameter {key!r} must name them")
    _refuse_memory(kind.__name__, values)
    estimator = kind(**{key: value for key, value in values.items() if key in known})
    return set_parameters(estimator, {key: value for key, value in values.items() if key not in known})


def set_parameters(estimator: Any, params: Mapping[str, Any]) -> Any:
    """Set parameters, nested ones as ``step__name``; returns the estimator.

    Raises:
        SpecError: no such parameter, with the nearest.
    """
    known = estimator.get_params()
    for key in params:
        if key not in known:
            name = type(estimator).__name__
            raise SpecError(f"classifier {name!r}: unknown parameter {key!r}{did_you_mean(key, known)}")
    _refuse_memory(type(estimator).__name__, params)
    return estimator.set_params(**params)


def _refuse_memory(name: str, params: Mapping[str, Any]) -> None:
    """A pipeline's memory is a folder of pickles, which would be read while fitting (law 4)."""
    for key, value in params.items():
        if key.rpartition("__")[2] == "memory" and value is not None:
            raise SpecError(f"{name!r} with a memory would read pickles from {value!r}; leave it out")


def _value_of(value: Any) -> Any:
    """A parameter from plain data."""
    if isinstance(value, Mapping):
        if NESTED in value and set(value) <= {NESTED, "params"}:
            name = value[NESTED]
            if name not in _estimators():
                raise UnknownNameError.of("scikit-learn estimator", name, _estimators())
            return _make(_estimators()[name], value.get("params", {}))
        if set(value) == {TUPLE}:
            return tuple(_value_of(item) for item in value[TUPLE])
        if set(value) == {PAIRS}:
            return {key: _value_of(item) for key, item in value[PAIRS]}
        return {key: _value_of(item) for key, item in value.items()}
    return [_value_of(item) for item in value] if isinstance(value, list) else value


def describe_estimator(estimator: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parameters of an estimator that differ from its defaults, as plain data for :func:`make_classifier`.

    Returns:
        The parameters, and what plain data cannot tell: a class that is not scikit-learn's, a function, an array.
    """
    kind = type(estimator)
    if _estimators().get(kind.__name__) is not kind:
        return {}, (f"its class {kind.__module__}.{kind.__qualname__}",)
    told, untold = {}, []
    for name, value in _changed(estimator).items():
        try:
            told[name] = _plain(value)
        except SpecError as error:
            untold.append(f"{name} ({error})")
    return told, tuple(untold)


def _changed(estimator: Any) -> dict[str, Any]:
    defaults = {name: p.default for name, p in inspect.signature(type(estimator)).parameters.items()}
    return {k: v for k, v in estimator.get_params(deep=False).items() if not _same(v, defaults[k])}


def _same(value: Any, default: Any) -> bool:
    simple = isinstance(value, bool | int | float | str | tuple) and type(value) is type(default)
    return value is default or (simple and bool(value == default))


def _plain(value: Any) -> Any:
    """A parameter as plain data; raises SpecError with what it is instead."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {TUPLE: [_plain(item) for item in value]}
    if isinstance(value, Mapping):
        return {PAIRS: [[_plain(key), _plain(item)] for key, item in value.items()]}
    if not hasattr(value, "get_params") or isinstance(value, type):
        raise SpecError(type(value).__name__)
    params, untold = describe_estimator(value)
    if untold:
        raise SpecError(f"{type(value).__name__}: {untold[0]}")
    return {NESTED: type(value).__name__, "params": params}


def set_seed(estimator: Any, seed: int) -> Any:
    """Fill every ``random_state`` that was left open, nested ones too; returns the estimator."""
    free = {
        key: seed
        for key, value in estimator.get_params().items()
        if value is None and key.rpartition("__")[2] == "random_state"
    }
    return estimator.set_params(**free)


def positive_scores(estimator: Any, X: Any) -> Array:
    """Scores of class 1, ``(cases,)`` float64 in [0, 1].

    The probability where the estimator has one, else a logistic of its decision function, else its decision: 0 or 1.

    Raises:
        NotFittedError: the estimator was never fitted.
        ContractError: it was fitted on other labels than 0 and 1.
    """
    from sklearn.exceptions import NotFittedError as SklearnNotFitted
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except SklearnNotFitted as error:
        raise NotFittedError(f"{type(estimator).__name__} is not fitted") from error
    if not set(np.asarray(estimator.classes_).tolist()) <= {0, 1}:
        raise ContractError(
            f"{type(estimator).__name__} was fitted on labels {np.asarray(estimator.classes_).tolist()}; expected 0, 1"
        )
    if hasattr(estimator, "predict_proba"):
        return _column_of_one(estimator.predict_proba(X), estimator.classes_)
    if not hasattr(estimator, "decision_function"):
        return np.asarray(np.asarray(estimator.predict(X)) == 1, np.float64)
    from scipy.special import expit

    return np.asarray(expit(np.asarray(estimator.decision_function(X), np.float64)))


def _column_of_one(probabilities: Array, classes: Array) -> Array:
    """A classifier that saw one class only has one column: it is sure."""
    columns = np.flatnonzero(np.asarray(classes) == 1)
    if not len(columns):
        return np.zeros(len(probabilities))
    return np.clip(np.asarray(probabilities[:, columns[0]], np.float64), 0, 1)


def one_thread() -> AbstractContextManager[object]:
    """Keep numerical libraries on one thread: on tables this small, handing work to threads costs 10x the work."""
    import scipy.linalg  # noqa: F401  # only libraries that are loaded already are held back
    import sklearn.neighbors  # noqa: F401  # brings OpenMP
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def settled(estimator: Any) -> Any:
    """A fitted estimator as it will be after saving and loading, so that both answer alike to the last bit.

    Saving gives every array one memory layout, and a sum over another layout may differ in its last bit. What cannot be
    saved is returned as it is.
    """
    import skops.io

    try:
        data = skops.io.dumps(estimator)
        return skops.io.loads(data, trusted=list(ALLOWED_TYPES))
    except Exception:  # skops meets foreign objects, whose own code may raise anything; saving tells which
        return estimator


def save_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator as data, whole or not at all.

    Raises:
        ModelFolderError: naming the types that could not be loaded again.
    """
    import skops.io

    try:
        data = skops.io.dumps(estimator)
    except Exception as error:  # skops meets foreign objects, whose own code may raise anything
        raise ModelFolderError(f"cannot save {type(estimator).__name__} without pickle: {error}") from error
    _refuse_foreign(data, path)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def load_estimator(path: Path) -> Any:
    """Read what :func:`save_estimator` wrote; builds only the types named in this module or trusted by skops.

    Raises:
        ModelFolderError: a file that is missing, cut short or changed, or one that holds any other type.
    """
    import skops.io

    try:
        data = Path(path).read_bytes()
        _check_sums(data)
        _refuse_foreign(data, path)
        return skops.io.loads(data, trusted=list(ALLOWED_TYPES))
    except ModelFolderError:
        raise
    except FileNotFoundError as error:
        raise ModelFolderError(f"saved estimator not found: {path}") from error
    except Exception as error:  # a damaged file can fail anywhere inside skops, json, zipfile or numpy
        raise ModelFolderError(f"saved estimator is damaged: {path}: {type(error).__name__}: {error}") from error


def _check_sums(data: bytes) -> None:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if (bad := archive.testzip()) is not None:
            raise ValueError(f"checksum of {bad} differs")


def _refuse_foreign(data: bytes, path: Path) -> None:
    import skops.io

    foreign = sorted(set(skops.io.get_untrusted_types(data=data)) - set(ALLOWED_TYPES))
    if foreign:
        raise ModelFolderError(f"{path} would hold types that are not allowed: {', '.join(foreign)}")
