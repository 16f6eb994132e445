"""The synthetic cohort as a source of exams, for the way from raw files to a cohort folder; needs no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from mammo_data.readers.synthetic import NOTICE, RECIPE
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, Skipped, ViewRecord
from mammo_data.synthetic import VIEWS, SyntheticConfig, generate_exam


@attrs.frozen
class SyntheticExams:
    """Drawn exams, the same ones as the reader ``synthetic`` gives.

    Attributes:
        cases: how many.
        seed: draws everything.
        config: size and proportions.
    """

    cases: int = attrs.field(default=600, validator=attrs.validators.ge(1))
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    config: SyntheticConfig = attrs.field(factory=SyntheticConfig)
    name: str = "synthetic"
    notice: str = NOTICE

    def plans(self) -> Iterator[ExamPlan]:
        """One per exam, without drawing."""
        for index in range(self.cases):
            yield ExamPlan(f"synthetic-{self.seed}-{index:05d}", (), (RECIPE, self.seed, index, self.config))

    def read(self, plan: ExamPlan) -> tuple[ExamRecord, Sequence[Skipped]]:
        """Draw an exam."""
        _, seed, index, config = plan.payload
        exam = generate_exam(seed, index, config)
        lesions = [
            LesionRecord(lesion.view, kind, pathology, lesion.box, {"number": lesion.number})
            for lesion in exam.lesions
            for pathology, kind in [lesion.label.split("_")]
        ]
        views = [ViewRecord(name, exam.images[name], Path(f"{plan.id}/{name}")) for name in VIEWS]
        metadata = {"age": exam.age}
        return ExamRecord(plan.id, plan.id, tuple(views), tuple(lesions), exam.density, metadata=metadata), ()
