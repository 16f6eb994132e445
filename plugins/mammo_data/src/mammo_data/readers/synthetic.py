"""The synthetic cohort: Table II's proportions, drawn on demand. No patient is behind any of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import Attribute, asdict, field, fields, frozen

from mammo_data.synthetic import LESION_CLASSES, VIEWS, ExamFacts, SyntheticConfig, exam_facts, generate_exam
from mammo_data.synthetic.config import check_proportions, to_floats
from taskfusion.cases import SPLITS, Annotations, Case, Cohort, Target, View
from taskfusion.errors import SpecError
from taskfusion.images import short_hash
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.splits import split_by_group

if TYPE_CHECKING:
    from taskfusion.testing import Checking

NOTICE = "SYNTHETIC: exams drawn by mammo_data; no patients, no clinical meaning"
RECIPE = 2
"""Raise whenever the same seed draws other pixels, so that stored task outputs are not taken for current."""
SMALLEST_COHORT = 16
"""With fewer exams a stratum may have none for validation or test."""
TARGETS = {
    "lesion": Target("lesion", None, "any benign or malignant lesion"),
    "malignancy": Target("malignancy", LESION_CLASSES[2:], "any malignant lesion"),
}


@frozen
class SyntheticCohort(SyntheticConfig):
    """How many exams, of which seed, shared out how; and everything about the exams themselves."""

    cases: int = field(default=600)
    seed: int = field(default=0)
    split: tuple[float, ...] = field(default=(1511.0, 290.0, 453.0), converter=to_floats, validator=check_proportions)
    """Proportions of training, validation and test (Table II)."""

    @cases.validator
    def _check_cases(self, attribute: Attribute[int], value: int) -> None:
        if value < SMALLEST_COHORT:
            raise SpecError(f"cases must be at least {SMALLEST_COHORT}, got {value}")

    @seed.validator
    def _check_seed(self, attribute: Attribute[int], value: int) -> None:
        if value < 0:
            raise SpecError(f"seed must not be negative, got {value}")

    def exam(self) -> SyntheticConfig:
        """Only what an exam depends on, so that larger cohorts begin with the same exams."""
        return SyntheticConfig(**{part.name: getattr(self, part.name) for part in fields(SyntheticConfig)})


@frozen
class SyntheticSource:
    """One view of an exam, drawn when it is read."""

    seed: int
    index: int
    view: str
    config: SyntheticConfig

    def read(self) -> np.ndarray:
        """uint16 (height, width), read-only; the exam's other views are drawn along and kept for a while."""
        return _drawn(self.seed, self.index, self.config)[self.view]

    def fingerprint(self) -> str:
        """From the recipe, without drawing."""
        recipe = tuple(sorted(asdict(self.config).items()))
        return short_hash("mammo_data.synthetic", RECIPE, self.seed, self.index, self.view, recipe)


@lru_cache(maxsize=4)
def _drawn(seed: int, index: int, config: SyntheticConfig) -> dict[str, np.ndarray]:
    images = generate_exam(seed, index, config).images
    for image in images.values():
        image.setflags(write=False)
    return images


class SyntheticReader(CohortReader):
    """Builds the table of a synthetic cohort (a millisecond an exam); pixels are drawn when a view is read."""

    Config = SyntheticCohort

    @classmethod
    def checking(cls) -> Checking:
        """Few and small exams for ``taskfusion check``."""
        from taskfusion.testing import Checking

        return Checking({"cases": 32, "height": 64, "width": 48})

    def read(self, progress: Progress) -> Cohort:
        """Labels ``lesion``, ``malignancy`` and ``density`` (0..3 for a..d); boxes of the visible lesions; a split."""
        config: SyntheticCohort = self.config
        exam = config.exam()
        facts = []
        with progress.step("synthetic exams", config.cases) as step:
            for index in range(config.cases):
                facts.append(exam_facts(config.seed, index, exam))
                step.advance()
        cases = [_case(fact, exam) for fact in facts]
        pathology = np.array([fact.pathology for fact in facts])
        labels = {
            "lesion": (pathology > 0).astype(np.int64),
            "malignancy": (pathology == 2).astype(np.int64),
            "density": np.array([fact.density for fact in facts]),
        }
        return Cohort(
            name="synthetic",
            cases=cases,
            views=VIEWS,
            labels=labels,
            targets=TARGETS,
            split=_split([case.group for case in cases], pathology, config),
            annotations=_annotations(facts),
            notice=NOTICE,
            generated=True,
        )


def _case(facts: ExamFacts, config: SyntheticConfig) -> Case:
    views = {name: View(name, SyntheticSource(facts.seed, facts.index, name, config)) for name in VIEWS}
    return Case(f"synthetic-{facts.seed}-{facts.index:05d}", views, {"age": facts.age})


def _split(groups: list[str], pathology: np.ndarray, config: SyntheticCohort) -> np.ndarray:
    shares = np.array(config.split) / sum(config.split)
    return split_by_group(np.array(groups), pathology, dict(zip(SPLITS, shares.tolist(), strict=True)), config.seed)


def _annotations(facts: list[ExamFacts]) -> Annotations:
    rows = [(row, lesion) for row, fact in enumerate(facts) for lesion in fact.lesions]
    return Annotations(
        classes=LESION_CLASSES,
        case=np.array([row for row, _ in rows], np.int64),
        view=np.array([VIEWS.index(lesion.view) for _, lesion in rows], np.int64),
        boxes=np.array([lesion.box for _, lesion in rows], np.float32),
        labels=np.array([LESION_CLASSES.index(lesion.label) for _, lesion in rows], np.int64),
    )
