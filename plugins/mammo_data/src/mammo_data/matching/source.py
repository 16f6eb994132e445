"""Both databases as one source: exams of the DDSM with lesions and split of the CBIS-DDSM (II-A.2, II-A.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mammo_data.cbis.source import NOTICE as CBIS
from mammo_data.cbis.source import CbisSource
from mammo_data.harmonise import CATEGORIES, Harmonised, JoinedExam, Links, MatchedFilm, WholeExam, harmonise
from mammo_data.matching.fingerprint import Fingerprint, fingerprint_of
from mammo_data.matching.registration import compare, map_boxes
from mammo_data.matching.search import Match, MatchConfig, match_films
from mammo_data.records import ExamPlan, ExamRecord, ExamSource, LesionRecord, Skipped
from mammo_data.split import ExamSummary, split_exams
from mammo_data.table2 import table_two, to_markdown
from taskfusion.errors import DataError

CATEGORY = "category"
"""Of an exam's details: normal, benign, benign_without_callback or cancer."""
DDSM = "DDSM: M. Heath and others, The Digital Database for Screening Mammography, IWDM 2000"
SMALLEST_SIDE = 0.5
"""Pixels of a box that are left when it is cut to its film."""


@attrs.frozen(eq=False)
class LookedAt:
    """An exam without its pixels."""

    plan: ExamPlan
    record: ExamRecord
    prints: dict[str, Fingerprint]
    skipped: tuple[Skipped, ...]

    @property
    def category(self) -> str:
        """As its details say; empty where they do not."""
        return str(self.record.details.get(CATEGORY) or "")

    def size(self, view: str) -> tuple[int, int]:
        """Height and width of a view."""
        height, width = next(one.details["size"] for one in self.record.views if one.name == view)
        return height, width


Shelf = tuple[LookedAt, str, Fingerprint]
"""A film of the library: its exam, its view, itself."""


@attrs.frozen(eq=False)
class Joined:
    """What the two databases give together.

    Attributes:
        exams: those that are kept, in the order of the DDSM, with the plan they are read by.
        splits: exam id to split.
        harmonised: the counts of each step and what was excluded.
        skipped: files and rows that could not be used.
        summaries: what Table II is counted from.
    """

    exams: tuple[tuple[JoinedExam, ExamPlan], ...]
    splits: dict[str, str]
    harmonised: Harmonised
    skipped: tuple[Skipped, ...]
    summaries: tuple[ExamSummary, ...]

    def report(self) -> str:
        """How many at each step and Table II, beside the paper's figures, as Markdown."""
        steps = [f"| {s.name} | {s.count} | {'' if s.paper is None else s.paper} |" for s in self.harmonised.steps]
        head = "| step | here | paper |\n|---|---|---|\n"
        return head + "\n".join(steps) + "\n\n" + to_markdown(table_two(self.summaries))


@attrs.frozen
class MatchedSource:
    """DDSM and CBIS-DDSM, matched film by film.

    Unlike other sources its plans need every pixel of both databases: names say nothing of which film is which.

    Attributes:
        ddsm: the DDSM's folder, or any source whose exams have a ``category`` in their details.
        cbis: the CBIS-DDSM's folder, or any source like it.
        seed: of the split.
        config: how sure a match must be.
        jobs: exams looked at at a time; -1: as many as there are cores.
    """

    name = "match"
    notice = f"{DDSM}; lesions: {CBIS}"

    ddsm: Path | ExamSource
    cbis: Path | ExamSource
    seed: int = 0
    config: MatchConfig = attrs.field(factory=MatchConfig)
    jobs: int = -1

    @property
    def _whole(self) -> ExamSource:
        if isinstance(self.ddsm, (str, Path)):
            from mammo_data.ddsm.source import DdsmSource

            source: ExamSource = DdsmSource(self.ddsm)
            return source
        return self.ddsm

    @property
    def _curated(self) -> ExamSource:
        return CbisSource(Path(self.cbis)) if isinstance(self.cbis, (str, Path)) else self.cbis

    def join(self) -> Joined:
        """Look at every film of both, match, harmonise and split."""
        found, lost = _look_at_all(self._whole, self.jobs)
        whole = [exam for exam in found if exam.category in CATEGORIES]
        lost += [_uncategorised(exam) for exam in found if exam.category not in CATEGORIES]
        curated, also_lost = _look_at_all(self._curated, self.jobs)
        films = match_all(whole, curated, self.config)
        harmonised = harmonise([_whole_exam(exam) for exam in whole], films)
        plans = {exam.plan.id: exam.plan for exam in whole}
        densities = {exam.record.id: exam.record.density for exam in whole}
        summaries = [_summary(exam, densities[exam.exam.id]) for exam in harmonised.exams]
        splits = split_exams(summaries, self.seed)
        return Joined(
            exams=tuple((exam, plans[exam.exam.id]) for exam in harmonised.exams),
            splits=splits,
            harmonised=harmonised,
            skipped=(*lost, *also_lost),
            summaries=tuple(attrs.evolve(one, split=splits[one.id]) for one in summaries),
        )

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """Everything that was skipped or excluded, then one plan per exam that is kept."""
        joined = self.join()
        yield from joined.skipped
        yield from joined.harmonised.excluded
        for exam, plan in joined.exams:
            yield ExamPlan(plan.id, plan.files, (plan, exam, joined.splits[exam.exam.id]))

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """The exam of the DDSM with the lesions of the CBIS-DDSM in place of its own."""
        own, exam, split = plan.payload
        record, skipped = self._whole.read(own)
        return (joined_record(record, exam, split) if record else None), skipped


def joined_record(record: ExamRecord, exam: JoinedExam, split: str) -> ExamRecord:
    """A DDSM exam as it is kept: pixels and density of the DDSM, lesions and split of the CBIS-DDSM."""
    details = {**record.details, "cbis_patients": list(exam.patients)}  # who has one has a lesion: no column of a case
    return attrs.evolve(record, group=exam.group, lesions=exam.lesions, split=split, details=details, annotated=True)


def match_all(whole: Sequence[LookedAt], curated: Sequence[LookedAt], config: MatchConfig) -> list[MatchedFilm]:
    """Every film of the curated exams in the whole ones, with its lesions carried over."""
    library = [(exam, view, found) for exam in whole for view, found in exam.prints.items()]
    films = [(exam, view, found) for exam in curated for view, found in exam.prints.items()]
    matches = match_films([found for *_, found in films], [found for *_, found in library], config)
    firsts = _first_copies(matches, library)
    made = []
    for (exam, view, found), match in zip(films, matches, strict=True):
        film = MatchedFilm(exam.record.id, view, exam.record.split, reason=match.reason)
        settled = _settle(found, match, library, (firsts, config)) if match else match
        made.append(_place(film, (exam, found), settled, library) if match else film)
    return made


def _first_copies(matches: Iterable[Match], library: Sequence[Shelf]) -> dict[str, LookedAt]:
    """Exam id to the first of the exams that hold the same film, so that all films of an exam settle on one copy."""
    order = {exam.record.id: exam for exam, *_ in library}
    links = Links()
    for match in matches:
        for row in match.also:
            links.join(library[match.index][0].record.id, library[row][0].record.id)
    return {id: order[ids[0]] for ids in links.sets(order) for id in ids}


def _settle(
    found: Fingerprint, match: Match, library: Sequence[Shelf], rules: tuple[dict[str, LookedAt], MatchConfig]
) -> Match:
    """The match in the first copy of its exam, if the film can be found there too."""
    (exam, view, _), (firsts, config) = library[match.index], rules
    first = firsts.get(exam.record.id, exam)
    if first is exam or view not in first.prints:
        return match
    laid = compare(found, first.prints[view])
    if laid.score < config.score:
        return match
    row = next(k for k, (other, name, _) in enumerate(library) if other is first and name == view)
    also = tuple(dict.fromkeys([match.index, *(k for k in match.also if k != row)]))
    return attrs.evolve(match, index=row, score=laid.score, warp=laid.warp, also=also)


def _place(film: MatchedFilm, own: tuple[LookedAt, Fingerprint], match: Match, library: Sequence[Shelf]) -> MatchedFilm:
    exam, found = own
    other, view, there = library[match.index]
    lesions = [lesion for lesion in exam.record.lesions if lesion.view == film.view]
    boxes = map_boxes(np.array([lesion.box for lesion in lesions]).reshape(-1, 4), found, there, match.warp)
    height, width = other.size(view)
    boxes = np.clip(boxes, 0, [width, height, width, height])
    inside = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= SMALLEST_SIDE
    moved = [
        attrs.evolve(one, view=view, box=box) for one, box, fits in zip(lesions, boxes, inside, strict=True) if fits
    ]
    also = dict.fromkeys(library[row][0].record.id for row in match.also)
    complete = exam.record.annotated and bool(inside.all())
    return attrs.evolve(
        film,
        exam=other.record.id,
        exam_view=view,
        lesions=tuple(moved),
        also=tuple(id for id in also if id != other.record.id),
        reason="" if complete else "a lesion of it could not be read, or lies outside the exam's film",
    )


def _look_at_all(source: ExamSource, jobs: int) -> tuple[list[LookedAt], list[Skipped]]:
    """Fingerprints of every exam of a source; the pixels go at once."""
    from joblib import Parallel, delayed  # only those who match pay for it

    found = list(source.plans())
    plans = [plan for plan in found if isinstance(plan, ExamPlan)]
    looked: Iterable[Any] = Parallel(n_jobs=jobs)(delayed(look_at)(source, plan) for plan in plans)
    exams: list[LookedAt] = []
    skipped = [one for one in found if isinstance(one, Skipped)]
    for one in looked:
        if isinstance(one, LookedAt):
            exams.append(one)
            skipped += one.skipped
        else:
            skipped += one
    return exams, skipped


def look_at(source: ExamSource, plan: ExamPlan) -> LookedAt | list[Skipped]:
    """Read an exam, keep its fingerprints and labels; a view without a breast is skipped, lesions and all."""
    record, found = source.read(plan)
    if record is None:
        return list(found)
    skipped, prints, views = list(found), {}, []
    for view in record.views:
        if view.pixels is None:
            raise DataError(f"{view.path}: matching needs the pixels of view {view.name} of {record.id}")
        try:
            prints[view.name] = fingerprint_of(view.pixels)
        except DataError as error:
            skipped.append(Skipped(str(view.path), str(error), "no breast"))
            continue
        views.append(attrs.evolve(view, pixels=None, details={"size": view.pixels.shape}))
    lesions = tuple(lesion for lesion in record.lesions if lesion.view in prints)
    annotated = record.annotated and len(lesions) == len(record.lesions)
    seen = attrs.evolve(record, views=tuple(views), lesions=lesions, annotated=annotated)
    return LookedAt(plan, seen, prints, tuple(skipped))


def _whole_exam(exam: LookedAt) -> WholeExam:
    record = exam.record
    return WholeExam(record.id, record.group, exam.category, tuple(view.name for view in record.views))


def _uncategorised(exam: LookedAt) -> Skipped:
    text = f"its category is {exam.category!r}; expected {', '.join(CATEGORIES)}, by its folder"
    return Skipped(exam.record.id, text, "no category")


def _summary(exam: JoinedExam, density: int) -> ExamSummary:
    lesions: Sequence[LesionRecord] = exam.lesions
    return ExamSummary.of(exam.exam.id, exam.group, density, lesions, exam.split)
