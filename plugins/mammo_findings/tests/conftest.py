"""A small synthetic cohort and one trained task; do not mutate either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammo_data.synthetic import LESION_CLASSES, VIEWS, SyntheticConfig, generate_exam
from mammo_findings.config import FindingsConfig, PatchRecipe, ViewRecipe
from mammo_findings.task import Findings
from taskfusion.cases import Annotations, Case, Cohort
from taskfusion.tasks.base import FitContext

SPLIT = ["train"] * 8 + ["validation"] * 5 + ["test"] * 5
TINY = FindingsConfig(
    size=(64, 32),
    patch=32,
    patches_per_lesion=3,
    patches_per_normal=2,
    patches=PatchRecipe(epochs=1, batch_size=8, steps=3),
    whole=ViewRecipe(epochs=1, batch_size=8, steps=3),
)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    """18 synthetic exams of 64x48 pixels with their boxes."""
    exams = [generate_exam(3, index, SyntheticConfig(64, 48)) for index in range(len(SPLIT))]
    cases = [Case.of(f"e{index}", {view: exam.images[view] for view in VIEWS}) for index, exam in enumerate(exams)]
    found = [(case, lesion) for case, exam in enumerate(exams) for lesion in exam.lesions]
    annotations = Annotations(
        LESION_CLASSES,
        [case for case, _ in found],
        [VIEWS.index(lesion.view) for _, lesion in found],
        [lesion.box for _, lesion in found],
        [LESION_CLASSES.index(lesion.label) for _, lesion in found],
    )
    return Cohort("tiny", cases, VIEWS, split=np.array(SPLIT), annotations=annotations)


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``trained`` kept its stages."""
    return tmp_path_factory.mktemp("stages")


@pytest.fixture(scope="session")
def trained(cohort: Cohort, stages: Path) -> Findings:
    """Findings, trained for three steps in each stage."""
    return Findings(TINY).fit(cohort, FitContext(seed=1, folder=stages))
