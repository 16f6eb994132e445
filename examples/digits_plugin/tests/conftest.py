"""A small cohort and the three tasks trained on it; do not mutate any."""

from __future__ import annotations

import pytest

from taskfusion.cases import Cohort
from taskfusion.progress import Progress
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.glance import Glance
from taskfusion_digits.ink import Ink
from taskfusion_digits.reader import DigitsCohort, DigitsReader
from taskfusion_digits.windows import Windows


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    """200 slips by 20 writers."""
    return DigitsReader(DigitsCohort(cases=200, writers=20, seed=3)).read(Progress())


@pytest.fixture(scope="session")
def clean() -> Cohort:
    """Slips without strokes and noise, and with nothing lost."""
    config = DigitsCohort(cases=200, writers=20, seed=3, strokes=0, noise=0, hurry=0, lost=0)
    return DigitsReader(config).read(Progress())


@pytest.fixture(scope="session")
def trained(cohort: Cohort) -> dict[str, TaskModel]:
    """The three tasks, trained."""
    tasks = {"ink": Ink(), "glance": Glance(), "windows": Windows()}
    return {name: task.fit(cohort, FitContext(seed=1)) for name, task in tasks.items()}
