"""The contract of a cohort reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from taskfusion.cases import Cohort
from taskfusion.progress import Progress


class CohortReader(ABC):
    """Turns files, a database or a recipe into a cohort.

    A subclass names its configuration (an attrs class). Reading gives labels, boxes and splits at once; pixels stay
    where they are until a view is read.
    """

    Config: ClassVar[type]

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def read(self, progress: Progress) -> Cohort:
        """The cohort; raises DataError naming file and row for anything that cannot be used."""
