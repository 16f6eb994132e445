"""Reader ``table``: a cohort from one row per case in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, UNKNOWN, Case, Cohort, Target, View
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.images import Array, FileSource
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.splits import split_by_group
from taskfusion.tables import case_ids, numbers, read_table, refuse, refuse_twice

if TYPE_CHECKING:
    import pandas as pd

FRACTIONS = {"train": 0.6, "validation": 0.15, "test": 0.25}


@attrs.frozen
class TableCohort:
    """Which column says what; all others become metadata of the cases.

    Attributes:
        path: the table.
        case: columns that make the case id, joined with ``-``.
        group: the column that names the patient, whose cases stay together in every split; by default the case.
        labels: label name to column of whole numbers from 0; empty where unknown.
        targets: labels to predict, or label name to the detection labels that count for it (null: all); by default
            every label that is 0 or 1.
        split: a column of train, validation and test; or their fractions, drawn by group and alike in the first target;
            or null for no split.
        seed: of the drawn split.
        images: view name to column of image files, relative to the table; empty where the case lacks the view.
        name: of the cohort; by default that of the file.
        notice: shown wherever results are shown.
    """

    path: Path
    case: tuple[str, ...] = ("case",)
    group: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    targets: tuple[str, ...] | Mapping[str, tuple[str, ...] | None] | None = None
    split: str | Mapping[str, float] | None = attrs.field(factory=lambda: dict(FRACTIONS))
    seed: int = 0
    images: Mapping[str, str] = attrs.field(factory=dict)
    name: str = ""
    notice: str = ""

    @property
    def text(self) -> tuple[str, ...]:
        """Columns read as text."""
        group = () if self.group is None else (self.group,)
        split = (self.split,) if isinstance(self.split, str) else ()
        return tuple(dict.fromkeys((*self.case, *group, *split, *self.images.values())))


class TableReader(CohortReader):
    """Reads the table; images stay where they are until a view is read."""

    Config = TableCohort

    def read(self, progress: Progress) -> Cohort:
        """One case per row, in the order of the table.

        Raises:
            DataError: naming file, row and column of what cannot be used.
        """
        config, source = self.config, str(self.config.path)
        frame = read_table(config.path, config.text)
        ids = case_ids(frame, config.case, source)
        refuse_twice(frame, np.array(ids, object), source, lambda row: f"case {ids[row]!r}")
        groups = ids if config.group is None else case_ids(frame, (config.group,), source)
        labels = {name: _label(frame, column, source) for name, column in config.labels.items()}
        targets = _targets(config.targets, labels)
        return Cohort(
            name=config.name or config.path.stem,
            cases=_cases(config, frame, ids, groups),
            views=tuple(config.images),
            labels=labels,
            targets=targets,
            split=_split(config, frame, np.array(groups), labels[next(iter(targets))] if targets else None),
            notice=config.notice,
        )


def draw_split(groups: Array, truth: Array | None, fractions: Mapping[str, float], seed: int) -> Array:
    """A split of these fractions, ``(cases,)``, by group and alike in ``truth`` where it is given.

    Raises:
        UnknownNameError: a split of another name than train, validation and test.
        DataError: fractions that do not add up to 1.
    """
    for name in fractions:
        if name not in SPLITS:
            raise UnknownNameError.of("split", name, SPLITS)
    strata = np.zeros(len(groups), np.int64) if truth is None else np.maximum(truth, 0)
    return split_by_group(groups, strata, fractions, seed)


def _label(frame: pd.DataFrame, column: str, source: str) -> Array:
    """Whole numbers ``(cases,)``, -1 where the cell is empty."""
    values = numbers(frame, (column,), source)[:, 0]
    values = np.where(np.isnan(values), UNKNOWN, values)
    bad = (values != np.round(values)) | (values < UNKNOWN)
    refuse(frame, bad, (column,), source, "is {value}; expected a whole number from 0, or nothing where it is unknown")
    return values.astype(np.int64)


def _targets(wanted: Sequence[str] | Mapping[str, Any] | None, labels: Mapping[str, Array]) -> dict[str, Target]:
    if wanted is None:
        wanted = [name for name, values in labels.items() if values.max() <= 1]
    counting = wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted)
    for name in counting:
        if name not in labels:
            raise UnknownNameError.of("label for a target", name, labels)
    return {name: Target(name, which if which is None else tuple(which)) for name, which in counting.items()}


def _split(config: TableCohort, frame: pd.DataFrame, groups: Array, truth: Array | None) -> Array | None:
    if config.split is None:
        return None
    if not isinstance(config.split, str):
        return draw_split(groups, truth, config.split, config.seed)
    source, names = str(config.path), frame[config.split].to_numpy(str)
    bad = ~np.isin(names, SPLITS)
    refuse(frame, bad, (config.split,), source, f"is {{value}}; expected one of {', '.join(SPLITS)}")
    _refuse_torn_groups(frame, groups, names, source)
    return names


def _refuse_torn_groups(frame: pd.DataFrame, groups: Array, split: Array, source: str) -> None:
    """A patient in two splits would leak from one to the other (law 3)."""
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    torn = np.flatnonzero(split != split[first[member]])
    if len(torn):
        row, other = int(torn[0]), int(first[member[torn[0]]])
        raise DataError(
            f"{source}, rows {frame.index[other]} and {frame.index[row]}: group {str(groups[row])!r} is in both "
            f"{split[other]} and {split[row]}; expected every group in one split"
        )


def _cases(config: TableCohort, frame: pd.DataFrame, ids: Sequence[str], groups: Sequence[str]) -> list[Case]:
    views = _views(config, frame)
    taken = {*config.text, *config.labels.values()}
    rest = frame[[name for name in frame.columns if name not in taken]]
    metadata: list[Any] = rest.astype(object).where(rest.notna(), None).to_dict("records")
    return [Case(ids[k], views[k], metadata[k], groups[k]) for k in range(len(ids))]


def _views(config: TableCohort, frame: pd.DataFrame) -> list[dict[str, View]]:
    folder = config.path.parent
    columns = {view: frame[column].tolist() for view, column in config.images.items()}
    return [
        {view: View(view, FileSource(folder / files[k])) for view, files in columns.items() if files[k]}
        for k in range(len(frame))
    ]
