"""What a cohort reader must keep to, as checks: ``check_reader(MyReader, path=…).raise_for_failures()``."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, Cohort
from taskfusion.configs import structure
from taskfusion.errors import DataError
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.testing.report import Report, SkipError, checking_of, expect, run_checks, skipped
from taskfusion.testing.storage import check_config, check_constructor

LOOKED_AT = 3  # cases whose images are read


@attrs.define(eq=False)
class ReaderSubject:
    """A reader being checked, and its cohort, read once."""

    reader: CohortReader
    _cohort: Cohort | None = None

    @property
    def cohort(self) -> Cohort:
        """What it reads."""
        if self._cohort is None:
            self._cohort = self.again()
        return self._cohort

    def again(self) -> Cohort:
        """What a new reader of the same configuration reads."""
        return type(self.reader)(self.reader.config).read(Progress())


def check_reader(reader: CohortReader | type[CohortReader], *, name: str = "", **options: Any) -> Report:
    """Check a cohort reader, or a class of them with options as in a spec.

    Args:
        reader: a reader, or a class, which is configured with ``options``, else as its ``checking()`` says.
        name: how the report calls it.
        options: of the reader; choose few cases.
    """
    cls = reader if isinstance(reader, type) else type(reader)
    checking = checking_of(cls)
    title = name or f"reader {cls.__qualname__}"
    if checking.skip and isinstance(reader, type) and not options:
        return skipped(title, checking.skip)
    made = (
        reader if isinstance(reader, CohortReader) else cls(structure(cls.Config, options or checking.options, title))
    )
    return run_checks(title, CHECKS, ReaderSubject(made))


def constructor(subject: ReaderSubject) -> None:
    """The constructor stores its configuration and opens nothing."""
    check_constructor(type(subject.reader), subject.reader.config)


def configuration(subject: ReaderSubject) -> None:
    """The configuration is plain data and can be read back."""
    check_config(subject.reader.config)


def reading(subject: ReaderSubject) -> None:
    """Reading gives a cohort with cases and at least one target."""
    cohort = subject.cohort
    expect(isinstance(cohort, Cohort), f"read returned {cohort!r}; expected a Cohort")
    expect(len(cohort), "the cohort has no case; expected some, or DataError")
    expect(cohort.targets, "the cohort has no target; expected Target entries that name its labels")


def labels(subject: ReaderSubject) -> None:
    """Labels are whole numbers from 0, -1 where unknown; a target's are 0 and 1."""
    cohort = subject.cohort
    for name, values in cohort.labels.items():
        found = np.asarray(values)
        whole = np.issubdtype(found.dtype, np.integer) or np.issubdtype(found.dtype, np.bool_)
        expect(whole and found.min(initial=0) >= -1, f"label {name!r} is not of whole numbers from -1")
        top = int(found.max(initial=0))
        expect(name not in cohort.targets or top <= 1, f"target {name!r} has the value {top}; expected 0, 1 or -1")


def split(subject: ReaderSubject) -> None:
    """A split names train, validation and test, and no group is in two of them."""
    cohort = subject.cohort
    if cohort.split is None:
        raise SkipError("the cohort has no split")
    found = np.asarray(cohort.split)
    strange = sorted(set(found.tolist()) - set(SPLITS))
    expect(not strange, f"the split names {strange}; expected {', '.join(SPLITS)}")
    for group in np.unique(cohort.groups):
        parts = sorted(set(found[cohort.groups == group].tolist()))
        expect(len(parts) == 1, f"group {str(group)!r} is in {' and '.join(parts)}; expected every group in one split")


def views(subject: ReaderSubject) -> None:
    """The cohort names every view its cases have, and boxes lie in views that are there."""
    cohort = subject.cohort
    unknown = {name for case in cohort.cases for name in case.views} - set(cohort.views)
    expect(not unknown, f"cases have the views {sorted(unknown)}; the cohort names {list(cohort.views)}")
    if cohort.annotations is not None and len(cohort.annotations):
        inside = cohort.annotations.view.max() < len(cohort.views) and cohort.annotations.case.max() < len(cohort)
        expect(inside, "a box belongs to a case or view that is not there; expected row numbers of the cohort")


def images(subject: ReaderSubject) -> None:
    """Images can be read, are (height, width) or (height, width, channels), and say DataError where they cannot."""
    found = [view for case in subject.cohort.cases[:LOOKED_AT] for view in case.views.values()]
    if not found:
        raise SkipError("its cases have no views")
    for view in found:
        try:
            shape = view.read().shape
        except DataError:
            continue
        expect(len(shape) in (2, 3) and 0 not in shape, f"view {view.name!r} has shape {shape}; expected an image")


def boxes(subject: ReaderSubject) -> None:
    """Boxes lie inside their images."""
    cohort, found = subject.cohort, subject.cohort.annotations
    if found is None or not len(found):
        raise SkipError("the cohort has no boxes")
    for row in np.flatnonzero(found.case < LOOKED_AT):
        case, view = cohort.cases[found.case[row]], cohort.views[found.view[row]]
        expect(view in case.views, f"case {case.id!r} has a box in view {view!r}, which it lacks")
        height, width = case.views[view].read().shape[:2]
        xmin, ymin, xmax, ymax = found.boxes[row].tolist()
        inside = 0 <= xmin < xmax <= width and 0 <= ymin < ymax <= height
        expect(inside, f"case {case.id!r}, view {view!r}: box {found.boxes[row].tolist()} leaves {width} x {height}")


def repeatable(subject: ReaderSubject) -> None:
    """Read again, it is the same cohort."""
    again = subject.again()
    same = again.fingerprint() == subject.cohort.fingerprint()
    expect(same, "two readings have different fingerprints; expected the same cases, labels, boxes and split")


CHECKS = (constructor, configuration, reading, labels, split, views, images, boxes, repeatable)
