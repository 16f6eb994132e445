"""The three tables of a cohort folder, as any table program opens them; columns of the source's own come last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mammo_data.folder.layout import CASES, LESIONS, TABLES, VIEWS_TABLE, table_path
from taskfusion.errors import DataError
from taskfusion.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CASE_COLUMNS = {
    "case": "string",
    "group": "string",
    "split": "string",
    "lesion": "int64",
    "malignancy": "int64",
    "density": "int64",
    "annotated": "bool",
}
VIEW_COLUMNS = {
    "case": "string",
    "view": "string",
    "path": "string",
    "stored": "bool",
    "height": "int64",
    "width": "int64",
    "sha256": "string",
    "source": "string",
}
LESION_COLUMNS = {
    "case": "string",
    "view": "string",
    "label": "string",
    "kind": "string",
    "pathology": "string",
    "xmin": "double",
    "ymin": "double",
    "xmax": "double",
    "ymax": "double",
}
COLUMNS = {CASES: CASE_COLUMNS, VIEWS_TABLE: VIEW_COLUMNS, LESIONS: LESION_COLUMNS}
EXACT = 2**53  # from here on, programs that have only floating point show other numbers
Row = dict[str, Any]


@attrs.define
class Rows:
    """Rows of the three tables."""

    cases: list[Row] = attrs.field(factory=list)
    views: list[Row] = attrs.field(factory=list)
    lesions: list[Row] = attrs.field(factory=list)

    def add(self, case: Mapping[str, Any]) -> None:
        """One exam, as its record has it."""
        fixed = {"case": case["id"], **{name: case[name] for name in ("group", "split", "annotated")}}
        self.cases.append(_row(CASES, {**fixed, **case["labels"]}, case["metadata"]))
        for view in case["views"]:
            known = {name: view[name] for name in VIEW_COLUMNS if name in view}
            self.views.append(_row(VIEWS_TABLE, {**known, "case": case["id"], "view": view["name"]}, view["details"]))
        for lesion in case["lesions"]:
            edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), lesion["box"], strict=True))
            known = {name: lesion[name] for name in ("view", "label", "kind", "pathology")}
            self.lesions.append(_row(LESIONS, {"case": case["id"], **known, **edges}, lesion["details"]))


def _row(table: str, fixed: Row, own: Mapping[str, Any]) -> Row:
    """What the source calls like a fixed column stands under another name."""
    return {**fixed, **{f"{name}_given" if name in COLUMNS[table] else name: value for name, value in own.items()}}


def write_tables(folder: Path, rows: Rows, csv: bool = False) -> None:
    """``cases.parquet``, ``views.parquet``, ``lesions.parquet``, on request each as CSV too."""
    import pyarrow.parquet as pq

    for name, found in ((CASES, rows.cases), (VIEWS_TABLE, rows.views), (LESIONS, rows.lesions)):
        table = as_table(found, COLUMNS[name])
        with replacing(table_path(folder, name)) as temporary:
            pq.write_table(table, temporary)
        if csv:
            with replacing(table_path(folder, name).with_suffix(".csv")) as temporary:
                table.to_pandas().to_csv(temporary, index=False, lineterminator="\n")


def as_table(rows: Sequence[Row], fixed: Mapping[str, str]) -> pa.Table:
    """Columns of one type each: the fixed ones, then the source's own by name.

    A column of the source's own is boolean, whole numbers or numbers where all its values are; else text, what is
    nested as JSON.
    """
    import pyarrow as pa

    own = sorted({name for row in rows for name in row} - set(fixed))
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in fixed.items()}
    for name in own:
        values, kind = _typed([row.get(name) for row in rows])
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def _typed(values: Sequence[Any]) -> tuple[list[Any], str]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return list(values), "bool"
    if kinds == {int} and all(abs(value) < EXACT for value in values if value is not None):
        return list(values), "int64"
    if kinds and kinds <= {int, float}:
        return [None if value is None else float(value) for value in values], "double"
    return [_text(value) for value in values], "string"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """``cases``, ``views`` and ``lesions``.

    Raises:
        DataError: a table that is missing, unreadable, or lacks a column.
    """
    return {name: _read_table(table_path(folder, name), COLUMNS[name]) for name in TABLES}


def _read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"table not found: {path}; the same 'taskfusion mammo prepare' writes it again")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"table not readable: {path}: {str(error).strip()}") from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(missing)}; expected {', '.join(columns)}")
    return frame
