"""The reader study: seven models' real scores of 720 breasts, read from where it lies, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.peers.exams import Array, Exams, study

FOLDS, REPEATS = 5, 2


def read_study(path: Path) -> Exams:
    """A case a breast; both breasts of an exam are one group."""
    import pandas as pd

    frame = pd.read_csv(path)
    models = [name for name in frame.columns if name.startswith("AI_")]
    groups = np.unique(frame["case_ID"].astype(str), return_inverse=True)[1]
    return study(frame["label"].to_numpy(np.int64), groups, frame[models].to_numpy(np.float64))


def folds(exams: Exams, repeat: int) -> list[tuple[Array, Array]]:
    """Rows inside and outside of each fold; exams are kept together, malignant breasts shared out alike."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
    return list(splitter.split(exams.truth, exams.truth, exams.groups))
