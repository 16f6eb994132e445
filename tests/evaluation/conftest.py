from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

SKILL = {"P_feat": 1.6, "P_score": 1.3, "max(findings)": 0.7}


def make_predictions(cases: int = 90, seed: int = 0, fusers: dict[str, float] | None = None) -> pd.DataFrame:
    """Made-up predictions: two cases a patient, three splits, two targets; scores better by ``fusers``."""
    rng = np.random.default_rng(seed)
    splits = np.array(["train", "validation", "test"])[np.arange(cases) // 2 % 3]
    rows = []
    for target, share in (("lesion", 0.5), ("malignancy", 0.2)):
        truth = (rng.random(cases) < share).astype(int)
        for fuser, skill in (fusers or SKILL).items():
            score = 1 / (1 + np.exp(-(skill * (2 * truth - 1) + rng.normal(size=cases))))
            rows += [
                (f"c{i}", f"p{i // 2}", splits[i], fuser, target, truth[i], round(score[i], 2)) for i in range(cases)
            ]
    return pd.DataFrame(rows, columns=["case", "group", "split", "fuser", "target", "truth", "score"])


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    return make_predictions


@pytest.fixture
def predictions() -> pd.DataFrame:
    return make_predictions()
