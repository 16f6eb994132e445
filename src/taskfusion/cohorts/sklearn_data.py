"""Reader ``sklearn``: measurements that come with scikit-learn, for trying things out without any download."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, Target
from taskfusion.cohorts.table import FRACTIONS, draw_split
from taskfusion.errors import UnknownNameError
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader

DATASETS = ("breast_cancer",)


@attrs.frozen
class SklearnCohort:
    """Which data set and how to split it.

    Attributes:
        dataset: ``breast_cancer``: the Wisconsin diagnostic data, 30 measurements of cell nuclei in 569 biopsies.
        split: fractions of train, validation and test, drawn alike in the label; null for no split.
        seed: of the split.
    """

    dataset: str = DATASETS[0]
    split: Mapping[str, float] | None = attrs.field(factory=lambda: dict(FRACTIONS))
    seed: int = 0


class SklearnReader(CohortReader):
    """Cases without views; their metadata are the measurements."""

    Config = SklearnCohort

    def read(self, progress: Progress) -> Cohort:
        """The cohort with label and target ``malignancy``.

        Raises:
            UnknownNameError: no such data set.
        """
        from sklearn.datasets import load_breast_cancer

        config = self.config
        if config.dataset not in DATASETS:
            raise UnknownNameError.of("scikit-learn dataset", config.dataset, DATASETS)
        data = load_breast_cancer()
        names = [str(name) for name in data.feature_names]
        malignant = (data.target == list(data.target_names).index("malignant")).astype(np.int64)  # there it is coded 0
        ids = [f"wdbc-{number:04d}" for number in range(1, len(malignant) + 1)]
        rows = data.data.tolist()
        split = None if config.split is None else draw_split(np.array(ids), malignant, config.split, config.seed)
        return Cohort(
            name="wdbc",
            cases=[
                Case(name, metadata=dict(zip(names, row, strict=True))) for name, row in zip(ids, rows, strict=True)
            ],
            labels={"malignancy": malignant},
            targets={"malignancy": Target("malignancy", description="the biopsy is malignant")},
            split=split,
        )
