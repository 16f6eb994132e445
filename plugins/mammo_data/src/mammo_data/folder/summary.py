"""How many at each step: counted from the exams' records, printed, and written to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from mammo_data.folder.exam import StoredExam
from mammo_data.records import Skipped
from mammo_data.synthetic import DENSITIES, LESION_CLASSES, VIEWS
from taskfusion.cases import SPLITS, UNKNOWN

UNKNOWN_TEXT = "unknown"


@attrs.frozen
class Summary:
    """Counts of a cohort folder.

    Attributes:
        steps: exams at each step, in order.
        skipped: kind to how many were skipped.
        examples: kind to the first of it: ``file: reason``.
        views, lesions, labels, splits: what there is of what, by name; ``splits`` by split and label.
    """

    steps: Mapping[str, int]
    skipped: Mapping[str, int]
    examples: Mapping[str, str]
    views: Mapping[str, int]
    lesions: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    splits: Mapping[str, Mapping[str, int]]


@attrs.define
class Counting:
    """Counts exam by exam."""

    found: int = 0
    left_out: int = 0
    reduced: int = 0
    skipped: Counter[str] = attrs.field(factory=Counter)
    examples: dict[str, str] = attrs.field(factory=dict)
    cases: Counter[str] = attrs.field(factory=Counter)
    views: Counter[str] = attrs.field(factory=Counter)
    lesions: Counter[str] = attrs.field(factory=Counter)
    labels: dict[str, Counter[str]] = attrs.field(factory=dict)
    splits: dict[str, Counter[str]] = attrs.field(factory=dict)
    groups: set[str] = attrs.field(factory=set)

    def add_skipped(self, skipped: Iterable[Skipped]) -> None:
        """Count what was skipped, by kind."""
        for one in skipped:
            self.skipped[one.kind] += 1
            self.examples.setdefault(one.kind, f"{one.what}: {one.reason}")

    def add(self, stored: StoredExam) -> None:
        """Count one exam."""
        self.found += 1
        self.add_skipped(stored.skipped)
        if stored.case is None:
            self.left_out += 1
            return
        self.reduced += bool(stored.skipped)
        self._add_case(stored.case)

    def _add_case(self, case: Mapping[str, Any]) -> None:
        self.groups.add(case["group"])
        self.cases["in the cohort"] += 1
        self.cases["with all four views"] += len(case["views"]) == len(VIEWS)
        self.cases["with known lesions"] += bool(case["annotated"])
        self.views.update(view["name"] for view in case["views"])
        self.views["stored in the folder"] += sum(view["stored"] for view in case["views"])
        self.views["left where they are"] += sum(not view["stored"] for view in case["views"])
        self.lesions.update(lesion["label"] for lesion in case["lesions"])
        split = self.splits.setdefault(case["split"] or "none", Counter())
        split["exams"] += 1
        for name, value in case["labels"].items():
            self.labels.setdefault(name, Counter())[label_text(name, value)] += 1
            if name in ("lesion", "malignancy"):
                split[name] += value == 1

    def summary(self) -> Summary:
        """The counts, in a fixed order."""
        steps = {
            "found in the source": self.found,
            "left out as a whole": self.left_out,
            "in the cohort": self.cases["in the cohort"],
            "of these, with something left out": self.reduced,
            "of these, with all four views": self.cases["with all four views"],
            "of these, with known lesions": self.cases["with known lesions"],
            "patients": len(self.groups),
        }
        return Summary(
            steps=steps,
            skipped=dict(sorted(self.skipped.items())),
            examples=dict(sorted(self.examples.items())),
            views=_ordered(self.views, (*VIEWS, "stored in the folder", "left where they are")),
            lesions=_ordered(self.lesions, LESION_CLASSES),
            labels={name: dict(sorted(counts.items())) for name, counts in sorted(self.labels.items())},
            splits={
                name: _ordered(counts, ("exams", "lesion", "malignancy"))
                for name, counts in sorted(self.splits.items(), key=lambda item: _split_order(item[0]))
            },
        )


def label_text(name: str, value: int) -> str:
    """``a`` for density 0, ``yes`` for lesion 1, ``unknown`` for -1."""
    if value == UNKNOWN:
        return UNKNOWN_TEXT
    return DENSITIES[value] if name == "density" and value < len(DENSITIES) else {0: "no", 1: "yes"}.get(value, "?")


def _ordered(counts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    return {name: int(counts.get(name, 0)) for name in names}


def _split_order(name: str) -> tuple[int, str]:
    return (SPLITS.index(name) if name in SPLITS else len(SPLITS), name)


def skipped_lines(summary: Summary) -> list[str]:
    """For the console: how many of each kind, and the first of it."""
    return [f"{count:>9,}  {kind}, e.g. {summary.examples[kind]}" for kind, count in summary.skipped.items()]
