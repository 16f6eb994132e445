"""What the two databases give together: exams, splits, and what there is to tell of them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mammo_data.harmonise import Harmonised, JoinedExam, MatchedFilm, Step
from mammo_data.matching.looking import Looked
from mammo_data.records import LesionRecord, Skipped
from mammo_data.split import ExamSummary

EXAMS_OF_THE_PAPER, LESIONS_OF_THE_PAPER = 2620, 3568


@attrs.frozen(eq=False)
class Joined:
    """Both databases, matched, harmonised and split.

    Attributes:
        whole: the DDSM.
        curated: the CBIS-DDSM.
        films: each film of the CBIS-DDSM and where it was found.
        harmonised: the exams that are kept, in the order of the DDSM, and why the others are not.
        skipped: files, rows and exams that could not be used, with the exam's id or "".
        summaries: of the exams that are kept, with their splits: what Table II is counted from.
    """

    whole: Looked
    curated: Looked
    films: tuple[MatchedFilm, ...]
    harmonised: Harmonised
    skipped: tuple[tuple[str, Skipped], ...]
    summaries: tuple[ExamSummary, ...]

    @property
    def exams(self) -> tuple[JoinedExam, ...]:
        """Those that are kept."""
        return self.harmonised.exams

    @property
    def splits(self) -> dict[str, str]:
        """Exam id to split."""
        return {one.id: one.split for one in self.summaries}

    @property
    def exam_ids(self) -> set[str]:
        """Of the DDSM's exams that could be read."""
        return {exam.record.id for exam in self.whole.exams}

    @property
    def steps(self) -> tuple[Step, ...]:
        """How many at each step, from both databases to the cohort; the exams add up."""
        readable, *others, kept = self.harmonised.steps
        lesions = sum(len(exam.record.lesions) for exam in self.curated.exams)
        return (
            Step("exams found in the DDSM", self.whole.found, EXAMS_OF_THE_PAPER),
            Step("exams that cannot be read, or whose category is unknown", self.whole.found - readable.count),
            readable,
            Step("patients of CBIS-DDSM", len(self.curated.exams)),
            Step("lesions of CBIS-DDSM, one per film that shows it", lesions, LESIONS_OF_THE_PAPER),
            *others,
            kept,
            Step("lesions kept", sum(len(exam.lesions) for exam in self.exams)),
        )

    @property
    def torn(self) -> dict[str, tuple[str, ...]]:
        """Patients that the official split has in training and test, with the exams of theirs that are kept."""
        names = (e.record.id for e in self.curated.exams if len(e.record.metadata.get("official_splits", ())) > 1)
        return {name: tuple(exam.exam.id for exam in self.exams if name in exam.patients) for name in names}

    @property
    def moved(self) -> tuple[JoinedExam, ...]:
        """Exams with an official split that none of their own patients has: they share a group with another exam."""
        own = {exam.record.id: exam.record.split for exam in self.curated.exams}
        return tuple(exam for exam in self.exams if exam.split and exam.split not in {own[p] for p in exam.patients})

    def without_training_lesions(self) -> tuple[ExamSummary, ...]:
        """Like ``summaries``, but torn patients' exams count by the lesions of their own split's tables alone."""
        torn = self.torn
        lesions = {exam.exam.id: exam.lesions for exam in self.exams if any(name in torn for name in exam.patients)}
        return tuple(_counted_by(one, lesions) for one in self.summaries)


def _counted_by(summary: ExamSummary, lesions: Mapping[str, tuple[LesionRecord, ...]]) -> ExamSummary:
    own = [one for one in lesions.get(summary.id, ()) if one.details.get("official_split") == summary.split]
    if not own:
        return summary
    return ExamSummary.of(summary.id, summary.group, summary.density, own, summary.split)
