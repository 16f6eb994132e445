"""A few small exams, for ``taskfusion check`` on a mammography task."""

from __future__ import annotations

from mammo_data.readers.synthetic import SyntheticCohort, SyntheticReader
from taskfusion.cases import Cohort
from taskfusion.progress import Progress

EXAMS = SyntheticCohort(cases=32, seed=3, height=64, width=48)


def tiny_cohort() -> Cohort:
    """32 synthetic exams of 64x48 pixels with density, lesions, boxes and a split."""
    return SyntheticReader(EXAMS).read(Progress())
