"""What the corrected test says of each fuser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

WINNER, TIED, BEHIND = "winner", "tied with the best", "behind the best"


def standings(compared: pd.DataFrame, alpha: float = 0.05) -> dict[str, str]:
    """What the corrected test says of each fuser of one target: the winner, tied with the best, or behind it.

    There is a winner only where the fuser of the highest AUC is better than **every** other one at ``alpha``.
    """
    best: dict[str, float] = {}
    for mine, other, auc, auc_other in compared[["fuser", "reference", "auc", "auc_reference"]].itertuples(index=False):
        best |= {mine: auc, other: auc_other}
    known = {name: auc for name, auc in best.items() if auc == auc}
    if not known:
        return {}
    top = max(known, key=lambda name: known[name])
    ours = compared[(compared["fuser"] == top) | (compared["reference"] == top)]
    names = np.where(ours["fuser"] == top, ours["reference"], ours["fuser"])
    beaten = dict(zip(names, ours["p_holm"] < alpha, strict=True))
    said = {name: BEHIND if beaten[name] else TIED for name in known if name != top}
    return {top: WINNER if said and all(beaten[name] for name in said) else TIED, **said}
