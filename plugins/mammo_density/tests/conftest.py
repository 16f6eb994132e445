"""A small synthetic cohort and one trained task; do not mutate either."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_data.synthetic import VIEWS, SyntheticConfig, generate_exam
from mammo_density.config import DensityConfig, PatientRecipe, ViewRecipe
from mammo_density.task import Density
from taskfusion.cases import Case, Cohort
from taskfusion.tasks.base import FitContext

SPLIT = ["train"] * 10 + ["validation"] * 6 + ["test"] * 6
TINY = DensityConfig(
    size=(32, 32), shared=True, view=ViewRecipe(epochs=1, batch_size=8), patient=PatientRecipe(epochs=1, batch_size=4)
)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    """22 synthetic exams of 64x48 pixels, every other one dense."""
    exams = [generate_exam(3, index, SyntheticConfig(64, 48)) for index in range(len(SPLIT))]
    cases = [Case.of(f"e{index}", {view: exam.images[view] for view in VIEWS}) for index, exam in enumerate(exams)]
    density = np.arange(len(cases)) % 4
    return Cohort("tiny", cases, VIEWS, {"density": density}, split=np.array(SPLIT))


@pytest.fixture(scope="session")
def trained(cohort: Cohort) -> Density:
    """Density, trained for one epoch in each stage."""
    return Density(TINY).fit(cohort, FitContext(seed=1))
