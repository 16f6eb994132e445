"""Targets by the type of a lesion, derived from the boxes of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskfusion.cases import Cohort, Target
from taskfusion.errors import DataError
from taskfusion.targets import TargetMaker

if TYPE_CHECKING:
    from taskfusion.testing import Checking

PATHOLOGIES = ("benign", "malignant")


class _LesionType(TargetMaker):
    """A case is positive when any of its views has a box of that type, whatever its pathology."""

    type: ClassVar[str]
    description: ClassVar[str]

    @classmethod
    def checking(cls) -> Checking:
        """A few small exams for ``taskfusion check``."""
        from mammo_data.checking import tiny_cohort
        from taskfusion.testing import Checking

        return Checking(cohort=tiny_cohort())

    @property
    def target(self) -> Target:
        """Detections of that type count for it."""
        labels = tuple(f"{pathology}_{self.type}" for pathology in PATHOLOGIES)
        return Target(self.type, labels, self.description)

    def truth(self, cohort: Cohort) -> np.ndarray:
        """``(cases,)`` of 0 and 1.

        Raises:
            DataError: a cohort without boxes, or whose boxes do not say the type.
        """
        return np.asarray(cohort.view_labels(own_classes(cohort, self.type)).any(axis=1), np.int64)


class Mass(_LesionType):
    """Any mass."""

    type = "mass"
    description = "a mass, benign or malignant, with a box"


class Calcification(_LesionType):
    """Any calcifications."""

    type = "calcification"
    description = "calcifications, benign or malignant, with a box"


def own_classes(cohort: Cohort, type: str) -> Sequence[str]:
    """The cohort's box classes of this type: ``benign_mass``, ``malignant_mass``, or ``mass`` itself.

    Raises:
        DataError: naming the classes there are.
    """
    classes = cohort.annotations.classes if cohort.annotations is not None else ()
    found = [name for name in classes if name == type or name.endswith(f"_{type}")]
    if not found:
        known = ", ".join(classes) or "none"
        raise DataError(f"target {type!r}: cohort {cohort.name!r} has no boxes of that type; its box classes: {known}")
    return found
