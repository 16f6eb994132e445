"""Training, validation and test of the harmonised exams (paper II-A.3).

The official split of exams with lesions stays. Normal exams fill up the test set, then training gives exams to
validation, both with shares of density, lesion types and pathology as they are. The paper speaks of ~80 % and ~12 %;
its Table II has 453 and 290 of 2254 exams, which is what these shares are taken from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np

from mammo_data.records import LesionRecord
from taskfusion.cases import SPLITS, UNKNOWN
from taskfusion.errors import DataError

SHARES = {"train": 1511, "validation": 290, "test": 453}
"""Exams of each split in Table II."""
Stratum = tuple[int, tuple[str, ...], str]


@attrs.frozen
class ExamSummary:
    """What of an exam matters for the split and for Table II.

    Attributes:
        id: unique.
        group: exams of one group share a split.
        density: 0..3 for a..d; -1 unknown.
        kinds: of its lesions, sorted: ``calcification``, ``mass``.
        pathology: ``normal``, ``benign`` or ``malignant``: that of its worst lesion.
        split: ``train``, ``validation``, ``test``, or empty where it is to be found.
    """

    id: str
    group: str
    density: int
    kinds: tuple[str, ...]
    pathology: str
    split: str = attrs.field(default="", validator=attrs.validators.in_(("", *SPLITS)))

    @classmethod
    def of(
        cls, id: str, group: str, density: int = UNKNOWN, lesions: Iterable[LesionRecord] = (), split: str = ""
    ) -> ExamSummary:
        """From its lesions."""
        lesions = tuple(lesions)
        pathology = max((lesion.pathology for lesion in lesions), default="normal")  # benign before malignant
        return cls(id, group, density, tuple(sorted({lesion.kind for lesion in lesions})), pathology, split)

    @property
    def stratum(self) -> Stratum:
        """Exams alike in everything whose shares are kept."""
        return self.density, self.kinds, self.pathology


def split_exams(exams: Sequence[ExamSummary], seed: int = 0, shares: Mapping[str, int] | None = None) -> dict[str, str]:
    """Exam id to its split.

    Args:
        exams: with the official split where there is one; exams whose split is ``validation`` stay there.
        seed: the same seed and exams give the same split, in whatever order they come.
        shares: relative sizes of the splits; default: Table II's.

    Raises:
        DataError: a group whose exams have different official splits, or shares that are none.
    """
    parts = _check_shares(SHARES if shares is None else shares)
    groups = _groups(exams)
    splits = {name: _official(name, members) for name, members in groups.items()}
    rng = np.random.default_rng(seed)
    free = [name for name, split in splits.items() if not split]
    wanted = _size(len(exams), parts, "test") - _count(groups, splits, "test")
    splits |= dict.fromkeys(free, "train") | dict.fromkeys(_draw(groups, free, wanted, rng), "test")
    trained = [name for name, split in splits.items() if split == "train"]
    wanted = _size(len(exams), parts, "validation") - _count(groups, splits, "validation")
    splits |= dict.fromkeys(_draw(groups, trained, wanted, rng), "validation")
    return {exam.id: splits[exam.group] for exam in exams}


def apportion(counts: Sequence[int], total: int) -> list[int]:
    """Share ``total`` out in proportion to counts, in whole numbers: largest remainders get what is left (Hamilton)."""
    if not sum(counts):
        return [0] * len(counts)
    exact = np.array(counts) * min(max(total, 0), sum(counts)) / sum(counts)
    seats = np.floor(exact).astype(int)
    rest = round(exact.sum()) - int(seats.sum())
    seats[np.argsort(-(exact - seats), kind="stable")[:rest]] += 1
    return [int(seat) for seat in seats]


def _check_shares(shares: Mapping[str, int]) -> Mapping[str, int]:
    if set(shares) != set(SPLITS) or min(shares.values()) < 0 or not sum(shares.values()):
        raise DataError(f"shares must give {', '.join(SPLITS)}, not negative and not all zero; got {dict(shares)}")
    return shares


def _groups(exams: Iterable[ExamSummary]) -> dict[str, list[ExamSummary]]:
    groups: dict[str, list[ExamSummary]] = {}
    for exam in sorted(exams, key=lambda exam: (exam.group, exam.id)):
        groups.setdefault(exam.group, []).append(exam)
    return groups


def _official(name: str, members: Iterable[ExamSummary]) -> str:
    found = sorted({exam.split for exam in members} - {""})
    if len(found) > 1:
        raise DataError(f"group {name!r} has exams in {' and '.join(found)}; a group must be in one split")
    return found[0] if found else ""


def _size(exams: int, shares: Mapping[str, int], split: str) -> int:
    return round(exams * shares[split] / sum(shares.values()))


def _count(groups: Mapping[str, Sequence[ExamSummary]], splits: Mapping[str, str], split: str) -> int:
    return sum(len(groups[name]) for name, own in splits.items() if own == split)


def _draw(
    groups: Mapping[str, Sequence[ExamSummary]], names: Iterable[str], wanted: int, rng: np.random.Generator
) -> list[str]:
    """Groups with as many exams as wanted, of each stratum its share; a group's stratum is that of its first exam."""
    strata: dict[Stratum, list[str]] = {}
    for name in names:
        strata.setdefault(groups[name][0].stratum, []).append(name)
    ordered = [[members[k] for k in rng.permutation(len(members))] for _, members in sorted(strata.items())]
    quotas = apportion([sum(len(groups[name]) for name in members) for members in ordered], wanted)
    drawn = [name for members, quota in zip(ordered, quotas, strict=True) for name in _fill(groups, members, quota)]
    taken = set(drawn)
    left = [name for members in ordered for name in members if name not in taken]
    return drawn + _fill(groups, left, wanted - sum(len(groups[name]) for name in drawn))


def _fill(groups: Mapping[str, Sequence[ExamSummary]], names: Iterable[str], room: int) -> list[str]:
    """The first groups that fit."""
    taken = []
    for name in names:
        if len(groups[name]) <= room:
            taken.append(name)
            room -= len(groups[name])
    return taken
