"""Score fuser ``logistic``: one weight per score, of either sign."""

from __future__ import annotations

from typing import Any

import attrs

from taskfusion.fusers.score_base import ClassifierFuser, Rows, ScoreConfig, searched
from taskfusion.fusers.selection import Params


@attrs.frozen
class LogisticConfig(ScoreConfig):
    """``C``: inverse strengths of the squared penalty to search."""

    C: tuple[float, ...] = attrs.field(default=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0), validator=searched)


class LogisticFuser(ClassifierFuser):
    """Logistic regression on standardised logits."""

    Config = LogisticConfig

    def grid(self, columns: int) -> list[Params]:
        """Every strength, the strongest first."""
        return [{"C": C} for C in sorted(self.config.C)]

    def build(self, params: Params, rows: Rows) -> Any:
        """scikit-learn's, with a squared penalty."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1000, random_state=rows.seed, **params)
