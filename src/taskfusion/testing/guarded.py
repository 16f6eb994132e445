"""Cases and cohorts that notice what is looked at: the test split, a view's pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Annotations, Case, Cohort, View
from taskfusion.errors import DataError
from taskfusion.images import Array, ImageSource


class LeakError(Exception):
    """Something of the test split was looked at."""


@attrs.frozen(eq=False)
class WatchedSource:
    """An image that writes down that it was read; raises instead of reading where ``error`` is given."""

    name: str
    seen: list[str]
    original: ImageSource | None = None
    error: Exception | None = None

    def read(self) -> Array:
        """The original's pixels."""
        self.seen.append(self.name)
        if self.original is None:
            raise self.error or DataError(f"image not readable: {self.name}")
        return self.original.read()

    def fingerprint(self) -> str:
        """The original's."""
        return self.name if self.original is None else self.original.fingerprint()


class WatchedMetadata(Mapping[str, Any]):
    """Metadata of a test case: its keys may be known, its values not."""

    def __init__(self, case: str, original: Mapping[str, Any], seen: list[str]) -> None:
        self._case, self._original, self._seen = case, original, seen

    def __getitem__(self, key: str) -> Any:
        self._seen.append(f"metadata {key!r} of test case {self._case}")
        raise LeakError(self._seen[-1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._original)

    def __len__(self) -> int:
        return len(self._original)


def guarded(cohort: Cohort, seen: list[str]) -> Cohort:
    """The cohort for training: its test cases note in ``seen`` what is read of them, their labels and boxes are wrong.

    Whoever trains on it as on the original has not looked at the test split.
    """
    hidden = np.zeros(len(cohort), bool)
    hidden[cohort.rows("test")] = True
    cases = [_hidden(case, seen) if hide else case for case, hide in zip(cohort.cases, hidden, strict=True)]
    labels = {name: np.where(hidden, UNKNOWN, values) for name, values in cohort.labels.items()}
    return attrs.evolve(cohort, cases=cases, labels=labels, annotations=_without(cohort.annotations, hidden))


def _hidden(case: Case, seen: list[str]) -> Case:
    def source(name: str) -> WatchedSource:
        what = f"image {name!r} of test case {case.id}"
        return WatchedSource(what, seen, error=LeakError(what))

    views = {name: View(name, source(name)) for name in case.views}
    return attrs.evolve(case, views=views, metadata=WatchedMetadata(case.id, case.metadata, seen))


def _without(annotations: Annotations | None, hidden: Array) -> Annotations | None:
    if annotations is None:
        return None
    keep = ~hidden[annotations.case]
    columns = (annotations.case, annotations.view, annotations.boxes, annotations.labels)
    return Annotations(annotations.classes, *(column[keep] for column in columns))


def watched(case: Case, seen: list[str]) -> Case:
    """The same case, noting in ``seen`` which of its views are read."""
    views = {name: View(name, WatchedSource(name, seen, view.source)) for name, view in case.views.items()}
    return attrs.evolve(case, views=views)


def without_view(case: Case, name: str) -> Case:
    """The case as if that view had never been taken."""
    return attrs.evolve(case, views={key: view for key, view in case.views.items() if key != name})


def with_unreadable(case: Case, name: str) -> Case:
    """The case with a view that cannot be read."""
    return attrs.evolve(case, views={**case.views, name: View(name, WatchedSource(f"{case.id}/{name}", []))})
