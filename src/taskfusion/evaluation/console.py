"""Results as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskfusion.errors import UnknownNameError
from taskfusion.evaluation.standing import WINNER

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table
    from rich.text import Text

MISSING = "–"
_SHARES = ("tpr", "tnr", "f1")


def format_table(results: pd.DataFrame, split: str) -> Table:
    """AUC with its interval, TPR, TNR and F1 of one split, a block of rows per target.

    A winner is marked only where ``results`` has a ``standing``, and so a corrected test has found one: the highest
    number is not the best fuser until a test says so.
    """
    from rich.table import Table
    from rich.text import Text

    known = results["split"].unique()
    if split not in known:
        raise UnknownNameError.of("split", split, known)
    part = results[results["split"] == split]
    table = Table(title=Text(f"{split} split"), title_justify="left", caption=_verdict(part), caption_justify="left")
    for name in ("target", "fuser", "n", "positives", "AUC [interval]", "TPR", "TNR", "F1"):
        table.add_column(name, justify="left" if name in ("target", "fuser") else "right", no_wrap=True)
    for target, rows in part.groupby("target", sort=False):
        for row, values in enumerate(rows.to_dict("records")):
            shares = (format_number(values[name]) for name in _SHARES)
            counts = (str(values[name]) for name in ("n", "positives"))
            name = str(target) if row == 0 else ""
            # Text, not str: a fuser named "[red]" is a name and no markup.
            auc = Text(format_auc(values), style="bold" if values.get("standing") == WINNER else "")
            table.add_row(Text(name), Text(str(values["fuser"])), *counts, auc, *shares)
        table.add_section()
    return table


def _verdict(part: pd.DataFrame) -> Text | None:
    """Who won, per target; None where nobody has tested."""
    from rich.text import Text

    if "standing" not in part:
        return None
    won = part[part["standing"] == WINNER]
    lines = [f"{row['target']}: {row['fuser']} is better than every other" for row in won.to_dict("records")]
    none = [str(target) for target in part["target"].unique() if target not in set(won["target"])]
    lines += [f"{', '.join(none)}: no fuser is shown to be better than every other"] if none else []
    return Text("\n".join(f"{line} (corrected for all pairs)" for line in lines))


def format_number(value: float, digits: int = 3) -> str:
    """``0.912``, and a dash for NaN."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def format_auc(row: Mapping[Any, Any]) -> str:
    """``0.912 [0.881, 0.940]`` from a row of results; without an interval where there is none."""
    auc, low, high = (row[name] for name in ("auc", "auc_low", "auc_high"))
    if math.isnan(auc) or math.isnan(low):
        return format_number(auc)
    return f"{auc:.3f} [{low:.3f}, {high:.3f}]"
