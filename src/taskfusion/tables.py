"""Reading tables that people bring: CSV, TSV or Parquet, with errors that name file, row and column.

Frames keep in their index the row number of the file, the header being row 1, as a spreadsheet or an editor shows it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from taskfusion.errors import DataError, did_you_mean
from taskfusion.images import Array

if TYPE_CHECKING:
    import pandas as pd

    from taskfusion.cases import Case

METADATA = "the cases' metadata"  # what errors call a table made of it
SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")
EMPTY = ["", "NA", "N/A", "NaN", "nan", "null", "None"]  # how numbers that are not there get written


def read_table(path: Path, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table; its index holds row numbers as in the file.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.parquet`` file.
        text: columns kept as text, so that the id ``007`` stays ``"007"`` and ``NA`` stays ``"NA"``; an empty cell
            is ``""`` there. Must exist.

    Raises:
        DataError: a missing, unreadable or empty file, or a missing column.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"table not found: {path}")
    if path.suffix.lower() not in (*SEPARATORS, *PARQUET):
        raise DataError(f"table of unknown kind: {path}; expected {', '.join((*SEPARATORS, *PARQUET))}")
    try:
        frame = _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path, text)
    except DataError:
        raise
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"table not readable: {path}: {str(error).strip()}") from error
    if frame.empty:
        raise DataError(f"table without rows: {path}")
    need_columns(frame.columns, text, str(path))
    return frame.assign(**{name: _as_text(frame[name]) for name in text})


def need_columns(columns: Iterable[str], names: Iterable[str], source: str) -> None:
    """Refuse a table that lacks a column.

    Args:
        columns: those it has.
        names: those it needs.
        source: what to call it, usually its path.

    Raises:
        DataError: naming the table, the first column it lacks and the nearest that it has.
    """
    known = [str(name) for name in columns]
    for name in names:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}{did_you_mean(name, known)}")


def find_columns(patterns: Sequence[str], columns: Sequence[str], source: str) -> tuple[str, ...]:
    """The columns named by these names or glob patterns (``"feature_*"``), in table order.

    Raises:
        DataError: for the first name or pattern that matches none.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        # A column may be called "p[1]", which as a pattern would be "p1": names go before patterns.
        found = {pattern} if pattern in columns else {name for name in columns if fnmatchcase(name, pattern)}
        if not found:
            raise DataError(f"{source}: no column matches {pattern!r}{did_you_mean(pattern, columns)}")
        chosen |= found
    return tuple(name for name in columns if name in chosen)


def case_ids(frame: pd.DataFrame, columns: tuple[str, ...], source: str = "table") -> list[str]:
    """The id of the case each row is about, ``(rows,)``: the columns joined with ``-``.

    Raises:
        DataError: a missing column, or an empty cell in one.
    """
    need_columns(frame.columns, columns, source)
    parts = [_as_text(frame[name]) for name in columns]
    empty = np.stack([(part == "").to_numpy(bool) for part in parts], axis=1)
    refuse(frame, empty, columns, source, "is empty; every row needs an id")
    ids = parts[0]
    for part in parts[1:]:
        ids = ids + "-" + part
    return [str(name) for name in ids]


def numbers(frame: pd.DataFrame, columns: Sequence[str], source: str) -> Array:
    """Columns as float64 ``(rows, columns)``, NaN where a cell is empty.

    Raises:
        DataError: a missing column, or the first cell that is no number.
    """
    need_columns(frame.columns, columns, source)
    values = np.empty((len(frame), len(columns)))
    for k, name in enumerate(columns):
        values[:, k] = _parsed(frame, name, source)
    return values


def _parsed(frame: pd.DataFrame, name: str, source: str) -> Array:
    import pandas as pd

    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column, errors="coerce")
        empty = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
        refuse(frame, (column.isna() & ~empty).to_numpy(bool), (name,), source, "is {value}; expected a number")
    return np.asarray(column.to_numpy(np.float64, na_value=np.nan))


def metadata_frame(cases: Sequence[Case], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The metadata of cases as a table indexed by case id, empty where a case lacks a value.

    Args:
        cases: one row each.
        columns: those wanted, known or not; None for all, in the order in which they turn up.
    """
    import pandas as pd

    if columns is None:
        columns = list(dict.fromkeys(str(key) for case in cases for key in case.metadata))
    rows = [[case.metadata.get(name) for name in columns] for case in cases]
    return pd.DataFrame(rows, columns=list(columns), index=pd.Index([case.id for case in cases], name="case"))


def refuse_twice(frame: pd.DataFrame, keys: Array, source: str, about: Callable[[int], str]) -> None:
    """Refuse two rows about the same thing.

    Args:
        frame: its index numbers the rows.
        keys: ``(rows,)`` or ``(rows, parts)``: what each row is about.
        source: what to call the table.
        about: a row's key in words.

    Raises:
        DataError: naming the first such row and the one it repeats.
    """
    import pandas as pd

    twice = pd.DataFrame(keys).duplicated().to_numpy()
    if twice.any():
        second = int(np.argmax(twice))
        first = int(np.argmax((keys == keys[second]).reshape(len(keys), -1).all(axis=1)))
        unit, index = frame.index.name or "row", frame.index
        raise DataError(f"{source}, {unit}s {index[first]} and {index[second]} are both about {about(second)}")


def refuse(frame: pd.DataFrame, bad: Array, columns: Sequence[str], source: str, why: str) -> None:
    """Raise about the first bad cell, if any.

    Args:
        frame: its index numbers the rows and its index name says what they are.
        bad: ``(rows,)`` or ``(rows, columns)`` booleans.
        columns: the names of the columns of ``bad``.
        source: what to call the table, usually its path.
        why: what is wrong; ``{value}`` stands for the cell.

    Raises:
        DataError: naming table, row and column.
    """
    cells = bad.reshape(len(frame), len(columns))
    if cells.any():
        row, column = (int(k) for k in np.argwhere(cells)[0])
        _refuse_cell(frame, row, columns[column], source, why)


def _refuse_cell(frame: pd.DataFrame, row: int, column: str, source: str, why: str) -> NoReturn:
    value = frame[column].iloc[row]
    shown = value if isinstance(value, str) else getattr(value, "item", lambda: value)()
    place = f"{frame.index.name or 'row'} {frame.index[row]}, column {column!r}"
    raise DataError(f"{source}, {place} {why.replace('{value}', repr(shown))}")


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path, engine="pyarrow").reset_index(drop=True)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return frame


def _read_csv(path: Path, text: Sequence[str]) -> pd.DataFrame:
    import warnings

    import pandas as pd

    data, separator = path.read_bytes(), SEPARATORS[path.suffix.lower()]
    names = _header(data, separator, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                io.BytesIO(data),
                sep=separator,
                dtype=dict.fromkeys(text, str),
                index_col=False,  # else rows with one cell too many shift all columns
                encoding="utf-8-sig",
                low_memory=False,
                keep_default_na=False,
                na_values={name: EMPTY for name in names if name not in text},
            )
        except pd.errors.ParserWarning as warning:
            raise ValueError("rows have more cells than the header") from warning
    frame.index = _row_numbers(data, len(frame))
    return frame


def _header(data: bytes, separator: str, path: Path) -> list[str]:
    """Column names as written; pandas would rename the second of two equal ones."""
    import pandas as pd

    first = pd.read_csv(io.BytesIO(data), sep=separator, header=None, nrows=1, dtype=str, encoding="utf-8-sig")
    names = [str(name) for name in first.iloc[0]]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: two columns are called {twice[0]!r}")
    return names


def _row_numbers(data: bytes, rows: int) -> pd.Index:
    """Blank lines are skipped but counted; cells with line breaks make counting impossible, then rows are counted."""
    import pandas as pd

    filled = [number for number, line in enumerate(data.splitlines(), 1) if line.strip()][1:]
    return pd.Index(filled if len(filled) == rows else range(2, rows + 2), name="row")


def _as_text(column: pd.Series) -> pd.Series:
    import pandas as pd

    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")  # Parquet stores 7 with a gap elsewhere in the column as 7.0
    return column.astype(object).where(column.notna(), "").map(str)
