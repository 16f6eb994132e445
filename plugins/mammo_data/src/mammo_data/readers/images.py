"""Reader ``mammograms``: a folder of images and a table of one row per image, its columns mapped in the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mammo_data.imagefile import MammogramFile
from mammo_data.readers.images_boxes import labels_of_boxes, read_boxes
from mammo_data.readers.images_config import MammogramTable
from mammo_data.readers.images_rows import case_label, constant, density_of, one_value, views_of
from mammo_data.synthetic import LESION_CLASSES, VIEWS
from taskfusion.cases import SPLITS, Annotations, Case, Cohort, Target, View
from taskfusion.cohorts.table import draw_split
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.images import Array
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.tables import case_ids, read_table, refuse

if TYPE_CHECKING:
    import pandas as pd

    from taskfusion.testing import Checking

SHOWN = 5
MEANINGS = {"lesion": None, "malignancy": LESION_CLASSES[2:]}
"""Which boxes count for the two targets of the house."""


@attrs.frozen(eq=False)
class Rows:
    """The table, row by row.

    Attributes:
        frame: as read; its index numbers the rows of the file.
        source: what errors call it.
        ids: exams, in the order in which they turn up.
        case: (rows,) which of them a row is about.
        view: (rows,) its view; "" for a row that is left out.
    """

    frame: pd.DataFrame
    source: str
    ids: tuple[str, ...]
    case: Array
    view: Array


class MammogramReader(CohortReader):
    """Reads the table; images stay where they are until a view is read."""

    Config = MammogramTable

    @classmethod
    def checking(cls) -> Checking:
        """Cannot be checked without a table."""
        from taskfusion.testing import Checking

        return Checking(skip="needs a table and its images: check_reader(MammogramReader, path=…)")

    def read(self, progress: Progress) -> Cohort:
        """One case per exam, in the order of the table.

        Raises:
            DataError: naming table, row and column of what cannot be used.
        """
        config: MammogramTable = self.config
        rows = _rows(config)
        files, dropped = _files(config, rows)
        if dropped:
            progress.say(f"{dropped} images of {config.path} are not there; their views are left out")
        kept = [case for case in range(len(rows.ids)) if files[case]]
        if not kept:
            raise DataError(f"{rows.source}: no exam has an image that can be used")
        annotations = None if config.boxes is None else read_boxes(config, rows.frame, rows.case, rows.view)
        labels = _labels(config, rows, annotations)
        groups = _groups(config, rows)
        metadata = constant(rows.frame, rows.case, _taken(config))
        split = _split(config, rows)
        whole = Cohort(
            name=config.name or config.path.stem,
            cases=[Case(name, files[number], metadata[number], groups[number]) for number, name in enumerate(rows.ids)],
            views=VIEWS,
            labels=labels,
            targets=_targets(config, labels),
            split=split,
            annotations=annotations,
            notice=config.notice,
        )
        return _drawn(config, _without_lost_boxes(whole.select(kept)))


def _rows(config: MammogramTable) -> Rows:
    source = str(config.path)
    frame = read_table(config.path, config.text)
    names = case_ids(frame, config.case, source)
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    view = views_of(frame, config, source)
    return Rows(frame, source, tuple(number), np.array([number[name] for name in names]), view)


def _files(config: MammogramTable, rows: Rows) -> tuple[list[dict[str, View]], int]:
    """Views of each exam, and how many files are not there."""
    found: list[dict[str, str]] = [{} for _ in rows.ids]
    first: dict[tuple[int, str], int] = {}
    names = rows.frame[config.file].tolist()
    refuse(rows.frame, np.array([not name for name in names]), (config.file,), rows.source, "is empty; expected a file")
    for row, (case, view, name) in enumerate(zip(rows.case.tolist(), rows.view.tolist(), names, strict=True)):
        if view and found[case].setdefault(view, name) != name:
            raise DataError(
                f"{rows.source}, rows {rows.frame.index[first[case, view]]} and {rows.frame.index[row]}: "
                f"case {rows.ids[case]!r} has two images of view {view}: {found[case][view]!r} and {name!r}"
            )
        first.setdefault((case, view), row)
    _refuse_shared_files(found, rows)
    gone = {name for views in found for name in views.values() if not (config.where / name).is_file()}
    if gone and config.missing_files == "refuse":
        listed = ", ".join(sorted(gone)[:SHOWN]) + (" …" if len(gone) > SHOWN else "")
        raise DataError(
            f"{rows.source}: {len(gone)} images are not in {config.where}: {listed}; "
            "mend column or folder, or leave these views out with missing_files: drop"
        )
    views = [
        {view: View(view, MammogramFile(config.where / name)) for view, name in of.items() if name not in gone}
        for of in found
    ]
    return views, len(gone)


def _refuse_shared_files(found: list[dict[str, str]], rows: Rows) -> None:
    """One image of two views or exams is a mistake, and may leak from one split to another."""
    seen: dict[str, str] = {}
    for case, views in zip(rows.ids, found, strict=True):
        for view, name in views.items():
            about = f"view {view} of case {case!r}"
            if seen.setdefault(name, about) != about:
                raise DataError(f"{rows.source}: {name!r} is {seen[name]} and {about}; expected a file per view")


def _labels(config: MammogramTable, rows: Rows, annotations: Annotations | None) -> dict[str, Array]:
    found: dict[str, Array] = {}
    if annotations is not None and config.boxes is not None and config.boxes.complete:
        found |= labels_of_boxes(annotations, len(rows.ids), MEANINGS)
    found |= {name: case_label(rows.frame, column, rows.case, rows.source) for name, column in config.labels.items()}
    if config.density is not None:
        found["density"] = density_of(rows.frame, config.density, rows.case, rows.source)
    return found


def _targets(config: MammogramTable, labels: Mapping[str, Array]) -> dict[str, Target]:
    wanted = config.targets
    if wanted is None:
        wanted = tuple(name for name, values in labels.items() if name != "density" and values.max(initial=0) <= 1)
    for name in wanted:
        if name not in labels:
            raise UnknownNameError.of("label for a target", name, labels)
    return {name: Target(name, MEANINGS.get(name)) for name in wanted}


def _groups(config: MammogramTable, rows: Rows) -> list[str]:
    if config.group is None:
        return list(rows.ids)
    names = np.array(case_ids(rows.frame, (config.group,), rows.source), object)
    return one_value(rows.frame, names, rows.case, config.group, rows.source)


def _split(config: MammogramTable, rows: Rows) -> Array | None:
    """The split that a column says."""
    if not isinstance(config.split, str):
        return None
    names = rows.frame[config.split].to_numpy(str)
    bad = ~np.isin(names, SPLITS)
    refuse(rows.frame, bad, (config.split,), rows.source, f"is {{value}}; expected one of {', '.join(SPLITS)}")
    return np.array(one_value(rows.frame, names, rows.case, config.split, rows.source))


def _drawn(config: MammogramTable, cohort: Cohort) -> Cohort:
    """The cohort with a split: the column's, whose groups must be whole, or one that is drawn."""
    if config.split is None:
        return cohort
    if isinstance(config.split, str):
        _refuse_torn_groups(cohort, str(config.path))
        return cohort
    first = next(iter(cohort.targets), None)
    truth = None if first is None else cohort.label(first)
    return cohort.with_split(draw_split(cohort.groups, truth, config.split, config.seed))


def _refuse_torn_groups(cohort: Cohort, source: str) -> None:
    """A patient in two splits would leak from one to the other (law 3)."""
    seen: dict[str, str] = {}
    for group, split in zip(cohort.groups.tolist(), np.asarray(cohort.split).tolist(), strict=True):
        if seen.setdefault(group, split) != split:
            raise DataError(f"{source}: group {group!r} is in both {seen[group]} and {split}; expected one split")


def _without_lost_boxes(cohort: Cohort) -> Cohort:
    """Boxes of views that were left out go with them."""
    boxes = cohort.annotations
    if boxes is None:
        return cohort
    there = np.array([[view in case.views for view in cohort.views] for case in cohort.cases], bool)
    kept = there[boxes.case, boxes.view]
    parts = (boxes.case[kept], boxes.view[kept], boxes.boxes[kept], boxes.labels[kept])
    return attrs.evolve(cohort, annotations=Annotations(boxes.classes, *parts))


def _taken(config: MammogramTable) -> set[str]:
    """Columns that say something else than metadata."""
    boxes = config.boxes
    own: tuple[Any, ...] = () if boxes is None or boxes.path is not None else (*boxes.edges, boxes.label)
    return {*config.text, *config.labels.values(), *own}
