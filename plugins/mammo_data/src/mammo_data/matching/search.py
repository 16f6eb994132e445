"""Which film of a library a film is: candidates by one matrix product, then a proof; rather none than a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from mammo_data.matching.fingerprint import Fingerprint
from mammo_data.matching.registration import Comparison, compare
from taskfusion.errors import DataError

NONE = -1


@attrs.frozen
class MatchConfig:
    """How sure a match must be.

    Attributes:
        candidates: films of the library that are looked at closely for each film before it is given up.
        first: of these, how many are looked at in any case.
        score: least score of a match.
        margin: least distance to the score of the next film that is not the same one again.
        block: films compared with the whole library at once; bounds memory: 4 bytes x block x library.
    """

    candidates: int = attrs.field(default=48, validator=attrs.validators.ge(1))
    first: int = attrs.field(default=8, validator=attrs.validators.ge(1))
    score: float = attrs.field(default=0.5, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    margin: float = attrs.field(default=0.15, validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    block: int = attrs.field(default=1024, validator=attrs.validators.ge(1))


@attrs.frozen(eq=False)
class Match:
    """What became of one film.

    Attributes:
        index: in the library; -1: none.
        score: of the best candidate, -1..1.
        margin: to the next candidate that is another film.
        warp: see :class:`Comparison`.
        also: other places in the library where the same film lies.
        reason: why there is none; empty for a match.
    """

    index: int
    score: float
    margin: float
    warp: np.ndarray
    also: tuple[int, ...] = ()
    reason: str = ""

    def __bool__(self) -> bool:
        return self.index != NONE


def match_films(
    films: Sequence[Fingerprint], library: Sequence[Fingerprint], config: MatchConfig | None = None
) -> list[Match]:
    """The place of each film in a library, or none with the reason."""
    return list(iter_matches(films, library, config or MatchConfig(), 1))


def iter_matches(
    films: Sequence[Fingerprint], library: Sequence[Fingerprint], config: MatchConfig, jobs: int
) -> Iterator[Match]:
    """Like :func:`match_films`, one film after the other, as they get done.

    Args:
        films: to be found.
        library: to find them in.
        config: how sure a match must be.
        jobs: threads, as the library is large and OpenCV leaves Python alone; -1 for one per core.
    """
    from joblib import Parallel, delayed  # only those who match pay for it

    if not films:
        return
    if not library:
        raise DataError("there are no films to match with")
    vectors = [np.stack([film.vector for film in group]) for group in (films, library)]
    near = find_candidates(vectors[0], vectors[1], config.candidates, config.block)
    parallel = Parallel(n_jobs=jobs, prefer="threads", return_as="generator", pre_dispatch="2*n_jobs")
    yield from parallel(delayed(_decide)(film, library, rows, config) for film, rows in zip(films, near, strict=True))


def find_candidates(vectors: np.ndarray, library: np.ndarray, count: int, block: int = 1024) -> np.ndarray:
    """The nearest rows of a library, nearest first.

    Args:
        vectors: ``(films, numbers)`` of length 1.
        library: ``(others, numbers)`` of length 1.
        count: how many to find; all where there are fewer.
        block: films at a time.

    Returns:
        int64 ``(films, min(count, others))``; equal distances by place in the library.
    """
    count = min(count, len(library))
    found = np.empty((len(vectors), count), np.int64)
    for start in range(0, len(vectors), block):
        alike = vectors[start : start + block] @ library.T
        best = np.sort(np.argpartition(-alike, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(alike, best, axis=1), axis=1, kind="stable")
        found[start : start + block] = np.take_along_axis(best, order, axis=1)
    return found


def _decide(film: Fingerprint, library: Sequence[Fingerprint], rows: np.ndarray, config: MatchConfig) -> Match:
    compared = _compare(film, library, rows, config)
    best, index = compared[0]
    if best.score < config.score:
        return _none(best, 0.0, f"no film is like it: the best of {len(compared)} candidates scores {best.score:.2f}")
    close = [row for other, row in compared[1:] if best.score - other.score < config.margin]
    same = tuple(row for row in close if compare(library[row], library[index]).score >= config.score)
    rival = max((other.score for other, row in compared[1:] if row not in same), default=0.0)
    margin = best.score - max(rival, 0.0)
    if len(same) < len(close):
        return _none(best, margin, f"two different films are like it, by {best.score:.2f} and {rival:.2f}")
    return Match(index, best.score, margin, best.warp, same)


def _compare(
    film: Fingerprint, library: Sequence[Fingerprint], rows: np.ndarray, config: MatchConfig
) -> list[tuple[Comparison, int]]:
    """The nearest candidates, best first; the others too unless one is sure."""
    compared: list[tuple[Comparison, int]] = []
    for part in (rows[: config.first], rows[config.first :]):
        compared += [(compare(film, library[row]), int(row)) for row in part]
        compared.sort(key=_by_score)
        if compared[0][0].score >= config.score + config.margin:
            break
    return compared


def _by_score(pair: tuple[Comparison, int]) -> tuple[float, int]:
    return -pair[0].score, pair[1]


def _none(best: Comparison, margin: float, reason: str) -> Match:
    return Match(NONE, best.score, margin, best.warp, (), reason)
