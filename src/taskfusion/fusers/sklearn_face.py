"""Any score fuser as a scikit-learn classifier; the only module of the core that imports scikit-learn when imported.

For cross-validation, pipelines and grid searches over tables of scores::

    cross_val_score(FuserClassifier(SvmFuser()), scores, truth, groups=patients, cv=GroupKFold())
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from taskfusion.errors import DataError, SpecError
from taskfusion.fusers.base import FuseContext, Fuser, FusionData
from taskfusion.fusers.mlp import MlpFuser
from taskfusion.fusers.pooled import PooledFuser
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, ScoreTable


class FuserClassifier(ClassifierMixin, BaseEstimator):
    """A binary classifier on a table of scores, one column a score; NaN where a task gave none.

    Columns of a data frame may be called ``TASK/…`` as in a pipeline; else each column counts as a task of its own.

    Args:
        fuser: a fuser that sees scores alone; it is not changed. Default: the MLP (``score``).
        random_state: the fuser's seed; 0 where None, so that the same rows always give the same answer.

    Attributes:
        classes_: the two labels, the second one being the target.
        fuser_: the fitted fuser.
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.
    """

    def __init__(self, fuser: Fuser | None = None, random_state: Any = None) -> None:
        self.fuser = fuser
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Learn from scores ``(cases, columns)`` and labels ``(cases,)`` of two kinds.

        Args:
            X: numbers, NaN where a score is missing; columns within [0, 1] are taken for probabilities.
            y: the labels.
            groups: ``(cases,)`` the patient of each case, kept together where the fuser searches out of fold; each
                case on its own where None.

        Raises:
            SpecError: a fuser that needs features or instances, or no fuser at all.
            DataError: labels of one class, or what the fuser itself refuses.
        """
        fuser = self._untrained()
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        self.classes_, truth = _two_classes(y)
        check_consistent_length(X, groups)
        seed = 0 if self.random_state is None else _seed(self.random_state)
        data = FusionData(self._inputs(X), truth, np.arange(len(X)) if groups is None else np.asarray(groups))
        self.fuser_ = fuser.fit(data, None, FuseContext(seed))
        return self

    def predict_proba(self, X: Any) -> Array:
        """``(cases, 2)``: one minus the fused score, and the fused score."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        score = np.clip(self.fuser_.predict(self._inputs(X)), 0, 1)  # a maximum of what are no probabilities
        return np.stack([1 - score, score], axis=1)

    def predict(self, X: Any) -> Array:
        """The second class where its score is above 0.5, ``(cases,)``."""
        scores = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(scores, axis=1)])

    def _untrained(self) -> Fuser:
        fuser = MlpFuser() if self.fuser is None else self.fuser
        if not isinstance(fuser, Fuser):
            raise SpecError(f"not a fuser: {fuser!r}; expected an object such as SvmFuser()")
        if fuser.needs_features or fuser.needs_instances:
            raise SpecError(f"{type(fuser).__name__} needs more than scores; a FuserClassifier takes score fusers only")
        return fuser.fresh()

    def _inputs(self, X: Array) -> FusionInput:
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])])
        return FusionInput(tuple(map(str, range(len(X)))), ScoreTable(tuple(names), X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = isinstance(self.fuser, PooledFuser)  # they do not learn
        tags.input_tags.allow_nan = True
        return tags


def _two_classes(y: Array) -> tuple[Array, Array]:
    """Labels in order, and 0 or 1 for each case."""
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind != "binary":
        raise DataError(f"Only binary classification is supported. The type of the target is {kind}.")
    classes, truth = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"y has 1 class, {classes[0]!r}; two classes are needed")
    return classes, truth


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
