"""Every film of the CBIS-DDSM in the exams of the DDSM, with its lesions carried over (paper II-A.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import numpy as np

from mammo_data.harmonise import Links, MatchedFilm
from mammo_data.matching.fingerprint import Fingerprint
from mammo_data.matching.looking import LookedAt
from mammo_data.matching.registration import compare, map_boxes
from mammo_data.matching.search import Match, MatchConfig, iter_matches
from mammo_data.survey import Desk

SMALLEST_SIDE = 0.5
"""Pixels of a box that are left when it is cut to its film."""
Shelf = tuple[LookedAt, str, Fingerprint]
"""A film of the library: its exam, its view, itself."""


def match_all(
    whole: Sequence[LookedAt], curated: Sequence[LookedAt], config: MatchConfig, desk: Desk
) -> list[MatchedFilm]:
    """Every film of the curated exams in the whole ones, with its lesions carried over."""
    library = [(exam, view, found) for exam in whole for view, found in exam.prints.items()]
    films = [(exam, view, found) for exam in curated for view, found in exam.prints.items()]
    matches = _matches([found for *_, found in films], [found for *_, found in library], config, desk)
    firsts = _first_copies(matches, library)
    made = []
    for (exam, view, found), match in zip(films, matches, strict=True):
        film = MatchedFilm(exam.record.id, view, exam.record.split, reason=match.reason)
        film = attrs.evolve(film, score=match.score, margin=match.margin)
        settled = _settle(found, match, library, (firsts, config)) if match else match
        made.append(_place(film, (exam, found), settled, library) if match else film)
    return made


def _matches(
    films: Sequence[Fingerprint], library: Sequence[Fingerprint], config: MatchConfig, desk: Desk
) -> list[Match]:
    matches = []
    with desk.progress.step("films: matching", total=len(films)) as bar:
        for match in iter_matches(films, library, config, desk.jobs):
            matches.append(match)
            bar.advance()
    return matches


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
        score=match.score,
    )
