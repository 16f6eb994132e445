"""The table of predictions, held against what it must be before anything is computed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

PREDICTION_COLUMNS = ("case", "group", "split", "fuser", "target", "truth", "score")
NUMBERED = ("repeat", "fold")  # 0 where the column is not there
RAW = "raw"  # the score before calibration; the score itself where the column is not there


def check_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """The columns we need, with truth as int and score as float; raises DataError naming the row that cannot be.

    ``repeat`` numbers answers to the same question (seeds, repeated cross-validation), ``fold`` the fold of
    cross-validation that answered, ``raw`` is the score before calibration; all three may be left out.
    """
    missing = [column for column in PREDICTION_COLUMNS if column not in predictions]
    if missing:
        raise DataError(f"predictions lack the column {missing[0]!r}; expected {', '.join(PREDICTION_COLUMNS)}")
    table = predictions[list(PREDICTION_COLUMNS)].reset_index(drop=True)
    for column in NUMBERED:
        table[column] = predictions[column].to_numpy() if column in predictions else 0
    table[RAW] = predictions[RAW].to_numpy() if RAW in predictions else table["score"]
    for column in (*PREDICTION_COLUMNS, *NUMBERED, RAW):
        _refuse(table, table[column].isna(), f"{column} is missing or NaN")
    _refuse(table, ~table["truth"].isin([UNKNOWN, 0, 1]), "truth is not 0, 1 or -1 (unknown)")
    _refuse(table, table.duplicated(["case", "fuser", "target", "repeat"]), "the case appears twice")
    for column, key in (("truth", ["case", "target"]), ("split", ["case"]), ("group", ["case"])):
        first = table.groupby(key, sort=False)[column].transform("first")
        _refuse(table, table[column] != first, f"the case has another {column} in an earlier row")
    return table.astype({"truth": int, "score": float, RAW: float, **dict.fromkeys(NUMBERED, int)})


def _refuse(table: pd.DataFrame, bad: pd.Series[bool], why: str) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    case, fuser, target = (table[column].iloc[row] for column in ("case", "fuser", "target"))
    raise DataError(f"predictions, row {row} (case {case!r}, fuser {fuser!r}, target {target!r}): {why}")
