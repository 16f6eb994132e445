"""Score fuser ``sklearn``: any scikit-learn classifier, by name from a spec or as an object from Python."""

from __future__ import annotations

import itertools
from typing import Any, Self

import attrs

from taskfusion.errors import SpecError
from taskfusion.estimators import describe_estimator, make_classifier, set_parameters, set_seed
from taskfusion.fusers.score_base import ClassifierFuser, Rows, ScoreConfig
from taskfusion.fusers.selection import Params


@attrs.frozen
class SklearnFuserConfig(ScoreConfig):
    """A classifier, its parameters, and lists to search.

    Attributes:
        estimator: class name of a scikit-learn classifier, or of what holds one (``Pipeline``).
        params: its parameters; ``{estimator: NAME, params: {…}}`` stands for another estimator in one of them.
        grid: per parameter a list to search; ``step__name`` reaches into another estimator.
        untold: parameters of a classifier object that a configuration cannot tell; without the object such a fuser
            answers, once fitted, and cannot be fitted again.
    """

    estimator: str = "LogisticRegression"
    params: dict[str, Any] = attrs.field(factory=dict)
    grid: dict[str, list[Any]] = attrs.field(factory=dict)
    untold: tuple[str, ...] = ()

    @grid.validator
    def _something_to_search(self, _: Any, value: dict[str, list[Any]]) -> None:
        for name, choices in value.items():
            if not choices:
                raise ValueError(f"grid of parameter {name!r} is empty")

    def check(self) -> None:
        """Refuse a classifier or a parameter that does not exist (UnknownNameError, SpecError)."""
        if not self.untold:
            set_parameters(make_classifier(self.estimator, self.params), {k: v[0] for k, v in self.grid.items()})


class SklearnFuser(ClassifierFuser):
    """Any scikit-learn classifier on standardised logits; one without probabilities answers by its decision function.

    A classifier object becomes part of the configuration where its parameters are numbers, text, lists or other
    scikit-learn estimators; then a saved fuser can also be fitted again.
    """

    Config = SklearnFuserConfig

    def __init__(self, config: Any = None, template: Any = None) -> None:
        super().__init__(config)
        self._template = template

    @classmethod
    def of(cls, estimator: Any, **options: Any) -> SklearnFuser:
        """Wrap a classifier object; it is cloned for every fit. Options: ``grid``, ``task_dropout``."""
        params, untold = describe_estimator(estimator)
        config = SklearnFuserConfig(type(estimator).__name__, params, untold=untold, **options)
        return cls(config, estimator)

    def fresh(self) -> Self:
        """An untrained fuser of the same configuration and template."""
        return type(self)(self.config, self._template)

    def grid(self, columns: int) -> list[Params]:
        """The product of the lists in ``grid``; one candidate without any."""
        names = list(self.config.grid)
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*self.config.grid.values())]

    def build(self, params: Params, rows: Rows) -> Any:
        """A clone of the template, or the named classifier, seeded where that was left open.

        Raises:
            SpecError: a parameter that does not exist, or a classifier whose configuration does not tell all of it.
        """
        return set_seed(set_parameters(self._unfitted(), params), rows.seed)

    def _unfitted(self) -> Any:
        if self._template is not None:
            from sklearn.base import clone

            return clone(self._template)
        if self.config.untold:
            raise SpecError(
                f"classifier {self.config.estimator!r} was an object, and the configuration does not tell "
                f"{', '.join(self.config.untold)}; to fit it again, make the fuser with SklearnFuser.of"
            )
        return make_classifier(self.config.estimator, self.config.params)
