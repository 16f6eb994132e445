"""The contract of a target that a plugin derives from what a cohort has: labels, boxes, metadata."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import attrs

from taskfusion.cases import Cohort, Target
from taskfusion.images import Array


@attrs.frozen
class TargetConfig:
    """A target has no options unless it names its own configuration."""


class TargetMaker(ABC):
    """A target for cohorts that do not bring it themselves, named in a spec's ``targets`` like any other.

    The answer about a case must depend on that case alone, so that a part of a cohort has the same truth as the whole.
    """

    Config: ClassVar[type] = TargetConfig

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @property
    @abstractmethod
    def target(self) -> Target:
        """Its name (the registered one), the detection labels that count for it, and a line for reports."""

    @abstractmethod
    def truth(self, cohort: Cohort) -> Array:
        """``(cases,)`` integers: 1, 0, or -1 where nobody knows.

        Raises:
            DataError: when the cohort lacks what the target is derived from.
        """
