"""Both databases as one source: exams of the DDSM with lesions and split of the CBIS-DDSM (II-A.2, II-A.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from mammo_data.cbis.source import NOTICE as CBIS
from mammo_data.cbis.source import CbisSource
from mammo_data.harmonise import CATEGORIES, JoinedExam, WholeExam, harmonise
from mammo_data.matching.joined import Joined
from mammo_data.matching.looking import Looked, LookedAt, list_exams, look_at_all
from mammo_data.matching.placing import match_all
from mammo_data.matching.report import console_lines, report_files, report_text
from mammo_data.matching.search import MatchConfig
from mammo_data.records import ExamPlan, ExamRecord, ExamSource, LesionRecord, Skipped
from mammo_data.split import ExamSummary, split_exams
from mammo_data.survey import Desk, Survey

DDSM = "DDSM: M. Heath and others, The Digital Database for Screening Mammography, IWDM 2000"


@attrs.frozen
class MatchedSource:
    """DDSM and CBIS-DDSM, matched film by film.

    Unlike other sources it must look at every film of both databases before it knows its exams: names say nothing of
    which film is which. It keeps what it has seen, and has a report (:mod:`mammo_data.survey`).

    Attributes:
        ddsm: the DDSM's folder, or any source whose exams have a ``category`` in their details.
        cbis: the CBIS-DDSM's folder, or any source like it.
        seed: of the split.
        config: how sure a match must be.
    """

    name = "match"
    notice = f"{DDSM}; lesions: {CBIS}"

    ddsm: Path | ExamSource
    cbis: Path | ExamSource
    seed: int = 0
    config: MatchConfig = attrs.field(factory=MatchConfig)

    @property
    def _whole(self) -> ExamSource:
        if isinstance(self.ddsm, (str, Path)):
            from mammo_data.ddsm.source import DdsmSource

            source: ExamSource = DdsmSource(self.ddsm, outlines=False)
            return source
        return self.ddsm

    @property
    def _curated(self) -> ExamSource:
        return CbisSource(Path(self.cbis), validation=0) if isinstance(self.cbis, (str, Path)) else self.cbis

    def join(self, desk: Desk | None = None) -> Joined:
        """Look at every film of both, match, harmonise and split."""
        desk = desk or Desk()
        listed = list_exams(self._whole, "ddsm", desk), list_exams(self._curated, "cbis", desk)
        whole, curated = (look_at_all(one, desk) for one in listed)
        exams = [exam for exam in whole.exams if exam.category in CATEGORIES]
        films = match_all(exams, curated.exams, self.config, desk)
        harmonised = harmonise([_whole_exam(exam) for exam in exams], films)
        densities = {exam.record.id: exam.record.density for exam in exams}
        summaries = [_summary(exam, densities[exam.exam.id]) for exam in harmonised.exams]
        splits = split_exams(summaries, self.seed)
        return Joined(
            whole=whole,
            curated=curated,
            films=tuple(films),
            harmonised=harmonised,
            skipped=_lost(whole, curated, {exam.exam.id for exam in harmonised.exams}),
            summaries=tuple(attrs.evolve(one, split=splits[one.id]) for one in summaries),
        )

    def survey(self, desk: Desk) -> Survey:
        """A plan for each exam that is kept, in the DDSM's order; everything else with its reason; the report."""
        joined = self.join(desk)
        excluded = ((_exam_of(one, joined), one) for one in joined.harmonised.excluded)
        return Survey(
            plans=tuple(self._plans(joined)),
            listed=(*joined.skipped, *excluded),
            report=report_text(joined, self.seed, self.config),
            lines=console_lines(joined),
            files=report_files(joined, self.seed, self.config),
        )

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """Everything that was skipped or excluded, then one plan per exam that is kept."""
        joined = self.join()
        yield from (one for _, one in joined.skipped)
        yield from joined.harmonised.excluded
        yield from self._plans(joined)

    def _plans(self, joined: Joined) -> Iterator[ExamPlan]:
        own = {exam.plan.id: exam.plan for exam in joined.whole.exams}
        for exam, summary in zip(joined.harmonised.exams, joined.summaries, strict=True):
            plan = own[exam.exam.id]
            yield ExamPlan(plan.id, plan.files, (plan, exam, summary.split))

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """The exam of the DDSM with the lesions of the CBIS-DDSM in place of its own."""
        own, exam, split = plan.payload
        record, skipped = self._whole.read(own)
        return (joined_record(record, exam, split) if record else None), skipped


def joined_record(record: ExamRecord, exam: JoinedExam, split: str) -> ExamRecord:
    """A DDSM exam as it is kept: pixels and density of the DDSM, lesions and split of the CBIS-DDSM."""
    details = {**record.details, "cbis_patients": list(exam.patients)}  # who has one has a lesion: no column of a case
    return attrs.evolve(record, group=exam.group, lesions=exam.lesions, split=split, details=details, annotated=True)


def _lost(whole: Looked, curated: Looked, kept: Iterable[str]) -> tuple[tuple[str, Skipped], ...]:
    """What could not be used; not that of exams that are kept, which tell it when they are read."""
    kept = set(kept)
    own = [(exam.record.id, one) for exam in whole.exams if exam.record.id not in kept for one in exam.skipped]
    own += [(exam.record.id, _uncategorised(exam)) for exam in whole.exams if exam.category not in CATEGORIES]
    films = [one for _, one in curated.skipped] + [one for exam in curated.exams for one in exam.skipped]
    return (*whole.skipped, *own, *(("", one) for one in films))  # a patient of the CBIS-DDSM is no exam of the cohort


def _exam_of(one: Skipped, joined: Joined) -> str:
    return one.what if one.what in joined.exam_ids else ""


def _whole_exam(exam: LookedAt) -> WholeExam:
    record = exam.record
    return WholeExam(record.id, record.group, exam.category, tuple(view.name for view in record.views))


def _uncategorised(exam: LookedAt) -> Skipped:
    text = f"its category is {exam.category!r}; expected {', '.join(CATEGORIES)}, by its folder"
    return Skipped(exam.record.id, text, "no category")


def _summary(exam: JoinedExam, density: int) -> ExamSummary:
    lesions: Sequence[LesionRecord] = exam.lesions
    return ExamSummary.of(exam.exam.id, exam.group, density, lesions, exam.split)
