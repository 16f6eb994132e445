"""Cases, their views, and the cohort: a table of cases with labels, boxes and a split on case level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.errors import DataError, UnknownNameError
from taskfusion.images import Array, ImageSource, as_source, short_hash

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = -1  # a label nobody knows
SPLITS = ("train", "validation", "test")


@attrs.frozen
class View:
    """One named look at a case: an image or any array."""

    name: str
    source: ImageSource = attrs.field(converter=as_source)

    def read(self) -> Array:
        """The pixels, ``(height, width)`` or ``(height, width, channels)``."""
        return self.source.read()


@attrs.frozen
class Case:
    """One subject to be answered about, with named views, metadata, and the group (patient) it belongs to."""

    id: str = attrs.field(converter=str)
    views: Mapping[str, View] = attrs.field(factory=dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    group: str = attrs.field(default="")

    def __attrs_post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.id)

    @classmethod
    def of(cls, id: str, views: Mapping[str, Any] | None = None, **metadata: Any) -> Case:
        """Shorthand: ``Case.of("p1", {"L-CC": "p1_lcc.png"}, age=61)``."""
        return cls(id, {name: View(name, source) for name, source in (views or {}).items()}, metadata)

    def fingerprint(self) -> str:
        """Changes when an image or the metadata of the case does."""
        pixels = [(name, view.source.fingerprint()) for name, view in sorted(self.views.items())]
        return short_hash(self.id, pixels, sorted((k, str(v)) for k, v in self.metadata.items()))


@attrs.frozen
class Target:
    """What is predicted per case, and which detection labels count for it (None: all)."""

    name: str
    labels: tuple[str, ...] | None = None
    description: str = ""

    def counts(self, classes: Sequence[str]) -> Array:
        """Mask ``(len(classes),)`` of the detection classes that count."""
        if self.labels is None:
            return np.ones(len(classes), bool)
        return np.array([name in self.labels for name in classes], bool)


def integers(values: Any) -> Array:
    """A column of whole numbers."""
    return np.asarray(values, np.int64)


def xyxy(values: Any) -> Array:
    """Boxes as ``(rows, 4)`` float32."""
    return np.asarray(values, np.float32).reshape(-1, 4)


@attrs.frozen(eq=False)
class Annotations:
    """True boxes, columnar. Row ``k`` is a box in view ``view[k]`` of case ``case[k]`` (indices into the cohort).

    Boxes are ``(rows, 4)`` xyxy in pixels of the view as read; labels index ``classes``.
    """

    classes: tuple[str, ...]
    case: Array = attrs.field(converter=integers)
    view: Array = attrs.field(converter=integers)
    boxes: Array = attrs.field(converter=xyxy)
    labels: Array = attrs.field(converter=integers)

    def __attrs_post_init__(self) -> None:
        lengths = {len(self.case), len(self.view), len(self.boxes), len(self.labels)}
        if len(lengths) > 1:
            raise DataError(f"annotation columns differ in length: {sorted(lengths)}")
        check_boxes(self.boxes, "annotation")
        if len(self.labels) and not (self.labels.min() >= 0 and self.labels.max() < len(self.classes)):
            raise DataError(f"annotation labels must lie in 0..{len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.case)

    def of_view(self, case: int, view: int) -> tuple[Array, Array]:
        """Boxes ``(k, 4)`` and labels ``(k,)`` of one view."""
        rows = (self.case == case) & (self.view == view)
        return self.boxes[rows], self.labels[rows]

    def select(self, cases: Array) -> Annotations:
        """Keep the annotations of these case rows, renumbered to their new order."""
        order = np.full(int(max(self.case.max(initial=-1), cases.max(initial=-1))) + 1, -1)
        order[cases] = np.arange(len(cases))
        rows = order[self.case] >= 0
        return Annotations(self.classes, order[self.case[rows]], self.view[rows], self.boxes[rows], self.labels[rows])


def check_boxes(boxes: Array, what: str) -> None:
    """Refuse boxes that are not finite or have no area.

    Raises:
        DataError: naming the first bad row.
    """
    bad = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{what} box in row {row} is {boxes[row].tolist()}; "
            "expected finite xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax"
        )


def _cases(values: Iterable[Case]) -> tuple[Case, ...]:
    return tuple(values)


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(eq=False)
class Cohort:
    """Cases with labels, boxes, targets and a split, all on case level.

    ``labels`` maps a name to ``(cases,)`` integers (-1 where unknown); every target has one of its name.
    ``notice`` is shown wherever results are shown; ``generated`` says that views are computed, not read.
    """

    name: str
    cases: tuple[Case, ...] = attrs.field(converter=_cases)
    views: tuple[str, ...] = attrs.field(converter=_names, default=())
    labels: Mapping[str, Array] = attrs.field(factory=dict)
    targets: Mapping[str, Target] = attrs.field(factory=dict)
    split: Array | None = None
    annotations: Annotations | None = None
    notice: str = ""
    generated: bool = False

    def __attrs_post_init__(self) -> None:
        _check_unique([case.id for case in self.cases])
        for name, values in self.labels.items():
            if np.shape(values) != (len(self.cases),):
                raise DataError(f"label {name!r} has shape {np.shape(values)}; expected ({len(self.cases)},)")
        for name in self.targets:
            if name not in self.labels:
                raise DataError(f"target {name!r} has no label column{_known(self.labels)}")
        if self.split is not None and len(self.split) != len(self.cases):
            raise DataError(f"the split names {len(self.split)} cases; the cohort has {len(self.cases)}")

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def ids(self) -> tuple[str, ...]:
        """Case ids, in order."""
        return tuple(case.id for case in self.cases)

    @property
    def groups(self) -> Array:
        """Group (patient) of each case, ``(cases,)``."""
        return np.array([case.group for case in self.cases])

    def label(self, name: str) -> Array:
        """A label column ``(cases,)``; raises UnknownNameError with what exists."""
        if name not in self.labels:
            raise UnknownNameError.of("label", name, self.labels)
        return np.asarray(self.labels[name])

    def target(self, name: str) -> Target:
        """A target by name; raises UnknownNameError with what exists."""
        if name not in self.targets:
            raise UnknownNameError.of("target", name, self.targets)
        return self.targets[name]

    def rows(self, split: str) -> Array:
        """Row numbers of one split; empty where the cohort has none."""
        if self.split is None:
            return np.arange(len(self)) if split == "train" else np.arange(0)
        return np.flatnonzero(np.asarray(self.split) == split)

    def part(self, split: str) -> Cohort:
        """The cohort of one split."""
        return self.select(self.rows(split))

    def select(self, rows: Iterable[int] | Array) -> Cohort:
        """The cohort of these rows, in this order."""
        index = np.asarray(rows, np.int64)
        return attrs.evolve(
            self,
            cases=tuple(self.cases[i] for i in index),
            labels={name: np.asarray(values)[index] for name, values in self.labels.items()},
            split=None if self.split is None else np.asarray(self.split)[index],
            annotations=self.annotations.select(index) if self.annotations is not None else None,
        )

    def with_split(self, split: Array | None) -> Cohort:
        """The same cases, split otherwise."""
        return attrs.evolve(self, split=split)

    def view_labels(self, labels: Sequence[str] | None = None) -> Array:
        """``(cases, views)`` booleans: does the view hold a true box (of these classes)? Needs annotations."""
        if self.annotations is None:
            raise DataError(f"cohort {self.name!r} has no boxes, so no labels per view")
        wanted = Target("", tuple(labels) if labels is not None else None).counts(self.annotations.classes)
        rows = wanted[self.annotations.labels]
        result = np.zeros((len(self), len(self.views)), bool)
        result[self.annotations.case[rows], self.annotations.view[rows]] = True
        return result

    def table(self) -> pd.DataFrame:
        """One row per case: id, group, split, labels and metadata."""
        import pandas as pd

        columns: dict[str, Any] = {"case": self.ids, "group": self.groups}
        if self.split is not None:
            columns["split"] = self.split
        columns |= {name: np.asarray(values) for name, values in self.labels.items()}
        metadata = pd.DataFrame([dict(case.metadata) for case in self.cases])
        return pd.concat([pd.DataFrame(columns), metadata[metadata.columns.difference(list(columns))]], axis=1)

    def fingerprint(self) -> str:
        """Changes with any case, label, box or split."""
        labels = [(name, np.asarray(values).tolist()) for name, values in sorted(self.labels.items())]
        boxes = self.annotations.boxes.tobytes() if self.annotations is not None else b""
        split = None if self.split is None else np.asarray(self.split).tolist()
        return short_hash(self.name, [case.fingerprint() for case in self.cases], labels, boxes, split)


def _check_unique(ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    seen: dict[str, int] = {}
    for row, name in enumerate(ids):
        if name in seen:
            raise DataError(f"duplicate case id {name!r} in rows {seen[name]} and {row}")
        seen[name] = row


def _known(names: Iterable[str]) -> str:
    return f"; known: {', '.join(sorted(names)) or 'none'}"
