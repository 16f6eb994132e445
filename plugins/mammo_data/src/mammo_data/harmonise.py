"""Whole exams of the DDSM with the curated lesions of the CBIS-DDSM (paper II-A.2): what is kept, what goes, and why.

Nothing here reads a file: films have been matched already, their lesions stand in pixels of the exam's own views.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from mammo_data.records import LesionRecord, Skipped
from mammo_data.synthetic import VIEWS
from taskfusion.errors import DataError

NORMAL = "normal"
CATEGORIES = (NORMAL, "benign", "benign_without_callback", "cancer")
PAPER = {
    "exams of the DDSM that can be read": 2590,
    "films of CBIS-DDSM": 3032,
    "abnormal exams that CBIS-DDSM lacks": 329,
    "incomplete or contradictory exams": 7,
    "exams kept": 2254,
}
"""Counts of II-A.2 by the names of our steps."""


@attrs.frozen
class WholeExam:
    """An exam of the DDSM.

    Attributes:
        id: unique.
        group: the patient, as far as the DDSM says.
        category: one of ``CATEGORIES``.
        views: those that can be read.
    """

    id: str
    group: str
    category: str = attrs.field(validator=attrs.validators.in_(CATEGORIES))
    views: tuple[str, ...] = VIEWS


@attrs.frozen
class MatchedFilm:
    """A film of the CBIS-DDSM and where it was found.

    Attributes:
        patient: as the CBIS-DDSM names it.
        view: ``L-CC`` …, as the CBIS-DDSM names it.
        split: the patient's official split.
        exam: id of the exam; empty: none was found.
        exam_view: the exam's view that is the same film.
        lesions: in pixels of that view.
        also: ids of other exams that hold the same film.
        reason: why there is no exam, or why its lesions are not all known; empty where all is well.
        score: of the match, -1..1; without an exam that of the film that comes nearest.
        margin: by which it leads the next film.
    """

    patient: str
    view: str
    split: str
    exam: str = ""
    exam_view: str = ""
    lesions: tuple[LesionRecord, ...] = ()
    also: tuple[str, ...] = ()
    reason: str = ""
    score: float = 0.0
    margin: float = 0.0


@attrs.frozen
class JoinedExam:
    """An exam that is kept.

    Attributes:
        exam: of the DDSM.
        group: exams that share a patient in either database share it.
        lesions: of the CBIS-DDSM; none in a normal exam.
        split: ``train`` or ``test`` by the CBIS-DDSM; empty for exams without lesions.
        patients: of the CBIS-DDSM.
    """

    exam: WholeExam
    group: str
    lesions: tuple[LesionRecord, ...] = ()
    split: str = ""
    patients: tuple[str, ...] = ()


@attrs.frozen
class Step:
    """How many there are after, or of, a step; ``paper`` where the paper gives the number."""

    name: str
    count: int
    paper: int | None = None


@attrs.frozen
class Harmonised:
    """What is kept, what is not and why, and how many at each step."""

    exams: tuple[JoinedExam, ...]
    excluded: tuple[Skipped, ...]
    steps: tuple[Step, ...]


def harmonise(exams: Sequence[WholeExam], films: Sequence[MatchedFilm]) -> Harmonised:
    """Join both databases.

    In this order, each exam for its first reason: films that found no exam are listed; exams go that are incomplete
    (not all four views), contradictory (a film found in another view or in a normal exam; the same film in exams of
    different categories), duplicates of an exam that stays, of a patient with a film or lesion that is not placed, and
    abnormal exams of which the CBIS-DDSM has no film, as their lesions' status is unclear.

    Raises:
        DataError: two exams of one id, or a film in an exam that is not there.
    """
    known = _by_id(exams, films)
    found = _films_by_exam(films)
    reasons = _reasons(known, found, films)
    groups = _groups(known.values(), films)
    kept = _keep([exam for exam in known.values() if exam.id not in reasons], found, groups)
    excluded = [_unplaced(film) for film in films if not film.exam]
    excluded += [Skipped(id, reason, kind) for id, (kind, reason) in reasons.items()]
    return Harmonised(tuple(kept), tuple(excluded), tuple(_steps(films, found, (known, reasons), kept)))


def _by_id(exams: Sequence[WholeExam], films: Iterable[MatchedFilm]) -> dict[str, WholeExam]:
    known = {exam.id: exam for exam in exams}
    if len(known) < len(exams):
        raise DataError("two exams have the same id; expected unique ids")
    for film in films:
        for id in (film.exam, *film.also):
            if id and id not in known:
                raise DataError(f"film {film.view} of {film.patient} lies in exam {id!r}, which is not there")
    return known


def _films_by_exam(films: Iterable[MatchedFilm]) -> dict[str, list[MatchedFilm]]:
    found: dict[str, list[MatchedFilm]] = {}
    for film in films:
        if film.exam:
            found.setdefault(film.exam, []).append(film)
    return found


def _reasons(
    known: Mapping[str, WholeExam], found: Mapping[str, list[MatchedFilm]], films: Sequence[MatchedFilm]
) -> dict[str, tuple[str, str]]:
    """Kind and reason of every exam that goes, in the exams' order."""
    copies = _copies(known, found, films)
    unplaced = {film.patient: film for film in [*_left_behind(found, copies), *films] if film.reason}
    reasons = {}
    for exam in known.values():
        own = found.get(exam.id, [])
        reason = (
            _incomplete(exam)
            or _contradictory(exam, own)
            or copies.get(exam.id)
            or _half_known(own, unplaced)
            or _unclear(exam, own)
        )
        if reason:
            reasons[exam.id] = reason
    return reasons


def _incomplete(exam: WholeExam) -> tuple[str, str] | None:
    missing = [view for view in VIEWS if view not in exam.views]
    return ("incomplete", f"lacks {', '.join(missing)}; expected all four views") if missing else None


def _contradictory(exam: WholeExam, films: Sequence[MatchedFilm]) -> tuple[str, str] | None:
    if films and exam.category == NORMAL:
        return "contradictory", f"is normal, but CBIS-DDSM has lesions of it under {films[0].patient}"
    for film in films:
        if film.view != film.exam_view:
            return "contradictory", f"its {film.exam_view} is the {film.view} of {film.patient} in CBIS-DDSM"
    return None


def _copies(
    known: Mapping[str, WholeExam], found: Mapping[str, list[MatchedFilm]], films: Iterable[MatchedFilm]
) -> dict[str, tuple[str, str]]:
    """Exams that hold the same film: that with most films stays; if their categories differ, nobody knows the right."""
    links = Links()
    for film in films:
        for other in film.also:
            links.join(film.exam, other)
    reasons = {}
    for ids in links.sets(known):
        categories = sorted({known[id].category for id in ids})
        best = max(ids, key=lambda id: len(found.get(id, [])))
        for id in ids if len(categories) > 1 else [id for id in ids if id != best]:
            others = ", ".join(other for other in ids if other != id)
            if len(categories) > 1:
                reasons[id] = "contradictory", f"holds the same film as {others}, as {' and '.join(categories)}"
            else:
                reasons[id] = "duplicate", f"holds the same film as {others}; {best} is kept"
    return reasons


def _left_behind(
    found: Mapping[str, list[MatchedFilm]], copies: Mapping[str, tuple[str, str]]
) -> Iterable[MatchedFilm]:
    """Films that lie only in an exam that goes as a copy: its lesions are in that exam's pixels."""
    placed = {(film.patient, film.view) for id, films in found.items() if id not in copies for film in films}
    for id in copies:
        for film in found.get(id, []):
            if (film.patient, film.view) not in placed:
                yield attrs.evolve(film, reason=f"it was found in {id}, a copy that is not kept")


def _half_known(films: Iterable[MatchedFilm], unplaced: Mapping[str, MatchedFilm]) -> tuple[str, str] | None:
    for film in films:
        if film.patient in unplaced:
            lost = unplaced[film.patient]
            return "lesions missing", f"not all lesions of {lost.patient} are placed: {lost.view}: {lost.reason}"
    return None


def _unclear(exam: WholeExam, films: Sequence[MatchedFilm]) -> tuple[str, str] | None:
    if films or exam.category == NORMAL:
        return None
    return "not in CBIS-DDSM", f"is {exam.category}, but CBIS-DDSM has no film of it: its lesions' status is unclear"


def _unplaced(film: MatchedFilm) -> Skipped:
    return Skipped(f"{film.patient} {film.view}", film.reason or "no exam was found", "film without exam")


def _groups(exams: Iterable[WholeExam], films: Iterable[MatchedFilm]) -> dict[str, str]:
    """Exam id to the name of its group: its patients in both databases, joined."""
    links = Links()
    for exam in exams:
        links.join(f"exam {exam.id}", f"ddsm {exam.group}")
    for film in films:
        for id in filter(None, (film.exam, *film.also)):
            links.join(f"exam {id}", f"cbis {film.patient}")
    return {exam.id: links.first(f"exam {exam.id}").split(" ", 1)[1] for exam in exams}


def _keep(
    exams: Iterable[WholeExam], found: Mapping[str, list[MatchedFilm]], groups: Mapping[str, str]
) -> list[JoinedExam]:
    """The official split holds for a whole group: test, where any of it is tested on."""
    splits: dict[str, str] = {}
    for id, films in found.items():
        test = splits.get(groups[id]) == "test" or any(film.split == "test" for film in films)
        splits[groups[id]] = "test" if test else "train"
    kept = []
    for exam in exams:
        own = found.get(exam.id, [])
        lesions = tuple(dict.fromkeys(map(_Key, (lesion for film in own for lesion in film.lesions))))
        patients = tuple(dict.fromkeys(film.patient for film in own))
        group = groups[exam.id]
        kept.append(JoinedExam(exam, group, tuple(key.lesion for key in lesions), splits.get(group, ""), patients))
    return kept


@attrs.frozen
class _Key:
    """Lesions are the same where view, box and class are: a film may be in the archive twice."""

    lesion: LesionRecord = attrs.field(eq=lambda lesion: (lesion.view, lesion.box, lesion.label))


def _steps(
    films: Sequence[MatchedFilm],
    found: Mapping[str, list[MatchedFilm]],
    fates: tuple[Mapping[str, WholeExam], Mapping[str, tuple[str, str]]],
    kept: Sequence[JoinedExam],
) -> Iterable[Step]:
    known, reasons = fates
    kinds = [kind for kind, _ in reasons.values()]
    counts = {
        "exams of the DDSM that can be read": len(known),
        "films of CBIS-DDSM": len(films),
        "films that found their exam": sum(bool(film.exam) for film in films),
        "exams with films of CBIS-DDSM": len(found),
        "abnormal exams that CBIS-DDSM lacks": kinds.count("not in CBIS-DDSM"),
        "incomplete or contradictory exams": kinds.count("incomplete") + kinds.count("contradictory"),
        "duplicate exams": kinds.count("duplicate"),
        "exams whose lesions are not all placed": kinds.count("lesions missing"),
        "exams kept": len(kept),
    }
    return (Step(name, count, PAPER.get(name)) for name, count in counts.items())


class Links:
    """Sets of names that grow together."""

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}

    def join(self, one: str, other: str) -> None:
        """Make the sets of two names one."""
        a, b = self._of.setdefault(one, [one]), self._of.setdefault(other, [other])
        if a is not b:
            a += b
            for name in b:
                self._of[name] = a

    def first(self, name: str) -> str:
        """The name that stands for its set: the same in whatever order it grew."""
        return min(self._of.get(name, [name]))

    def sets(self, order: Iterable[str]) -> list[list[str]]:
        """Every set of several names, those in the order given."""
        seen: dict[str, list[str]] = {}
        for name in order:
            if name in self._of:
                seen.setdefault(self.first(name), []).append(name)
        return [names for names in seen.values() if len(names) > 1]
