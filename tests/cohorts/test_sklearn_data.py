"""Reader ``sklearn``: the bundled biopsies, malignant being 1."""

import pytest

from taskfusion.cohorts.sklearn_data import SklearnCohort, SklearnReader
from taskfusion.errors import UnknownNameError
from taskfusion.progress import Progress


def test_breast_cancer():
    cohort = SklearnReader().read(Progress())
    assert len(cohort) == 569 and cohort.ids[0] == "wdbc-0001" and cohort.ids[-1] == "wdbc-0569"
    assert cohort.label("malignancy").sum() == 212 and list(cohort.targets) == ["malignancy"]
    assert len(cohort.cases[0].metadata) == 30
    radius = [case.metadata["mean radius"] for case in cohort.cases]
    malignant = cohort.label("malignancy") == 1
    assert sum(r for r, m in zip(radius, malignant, strict=True) if m) / 212 > 17  # malignant nuclei are large
    assert {name: len(cohort.rows(name)) for name in ("train", "validation", "test")} == {
        "train": 341,
        "validation": 86,
        "test": 142,
    }


def test_seeds_and_no_split():
    first = SklearnReader(SklearnCohort(seed=1)).read(Progress())
    assert (first.split != SklearnReader(SklearnCohort(seed=2)).read(Progress()).split).any()
    assert SklearnReader(SklearnCohort(split=None)).read(Progress()).split is None


def test_unknown_dataset():
    with pytest.raises(UnknownNameError, match=r"unknown scikit-learn dataset 'breast' .*known: breast_cancer"):
        SklearnReader(SklearnCohort(dataset="breast")).read(Progress())
