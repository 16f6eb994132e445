"""Boxes of lesions, from columns of the images' table or from a table of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mammo_data.readers.images_config import BoxColumns, MammogramTable
from mammo_data.synthetic import VIEWS
from taskfusion.cases import Annotations, Target
from taskfusion.errors import did_you_mean
from taskfusion.images import Array
from taskfusion.tables import need_columns, numbers, read_table, refuse

if TYPE_CHECKING:
    import pandas as pd


def read_boxes(config: MammogramTable, frame: pd.DataFrame, case: Array, view: Array) -> Annotations:
    """All boxes.

    Args:
        config: with its ``boxes``.
        frame: the table of the images.
        case: (rows,) which exam a row is about.
        view: (rows,) its view; boxes of "" are left out.

    Raises:
        DataError: a row whose file, edges or label cannot be used.
    """
    columns = config.boxes or BoxColumns()
    if columns.path is None:
        table, source = frame, str(config.path)
        image = np.arange(len(frame))
    else:
        table, source = read_table(columns.path, (columns.file, columns.label)), str(columns.path)
        image = _images(table, columns.file, frame[config.file].tolist(), source)
    need_columns(table.columns, (*columns.edges, columns.label), source)
    edges, there = _edges(table, columns, source)
    label = _classes(table, columns, there, source)
    used = there & (label >= 0) & (view[image] != "")
    place = np.array([VIEWS.index(name) if name else -1 for name in view[image]], np.int64)
    return Annotations(columns.classes, case[image][used], place[used], edges[used], label[used])


def labels_of_boxes(boxes: Annotations, cases: int, meanings: Mapping[str, tuple[str, ...] | None]) -> dict[str, Array]:
    """``(cases,)`` 0 or 1 per target: whether a case has a box that counts for it."""
    found = {}
    for name, classes in meanings.items():
        counts = Target(name, classes).counts(boxes.classes)[boxes.labels]
        found[name] = np.zeros(cases, np.int64)
        found[name][boxes.case[counts]] = 1
    return found


def _images(table: pd.DataFrame, column: str, files: list[str], source: str) -> Array:
    """Which row of the images' table each box belongs to."""
    row = {name: place for place, name in reversed(list(enumerate(files)))}
    bad = np.array([name not in row for name in table[column]])
    refuse(table, bad, (column,), source, "is {value}, which no row of the images' table names")
    return np.array([row[name] for name in table[column]], np.int64)


def _edges(table: pd.DataFrame, columns: BoxColumns, source: str) -> tuple[Array, Array]:
    """Boxes (rows, 4) xyxy, and bool (rows,) which rows have one."""
    values = numbers(table, columns.edges, source)
    empty = np.isnan(values)
    there = ~empty.all(axis=1)
    refuse(table, empty & there[:, None], columns.edges, source, "is empty; expected all four edges, or none")
    edges = values.copy()
    if columns.format == "xywh":
        edges[:, 2:] += edges[:, :2]
    with np.errstate(invalid="ignore"):
        bad = there[:, None] & np.c_[edges[:, :2] < 0, edges[:, 2:] <= edges[:, :2]]
    wrong = "is {value}, which leaves no box; expected " + columns.format
    refuse(table, bad | np.isinf(values), columns.edges, source, f"{wrong} in pixels, from 0, with an area")
    return edges, there


def _classes(table: pd.DataFrame, columns: BoxColumns, there: Array, source: str) -> Array:
    """Index into the classes (rows,); -1 where there is no box or it is to be left out."""
    index: dict[str | None, int] = {name: place for place, name in enumerate(columns.classes)}
    index[None] = -1
    meant = [columns.rename.get(text, text) for text in table[columns.label]]
    bad = there & np.array([name not in index for name in meant])
    if bad.any():
        hint = did_you_mean(str(meant[int(np.argmax(bad))]), columns.classes)
        refuse(table, bad, (columns.label,), source, f"is {{value}}{hint}; map others with the option boxes.rename")
    return np.array([index.get(name, -1) for name in meant], np.int64)
