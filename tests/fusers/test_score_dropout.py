"""Task dropout: which rows it makes, and that fusers learn to do without a task."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from score_tables import disturbed, fusion_data
from sklearn.metrics import roc_auc_score

from taskfusion.configs import structure
from taskfusion.errors import SpecError
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.score import (
    BoostingConfig,
    BoostingFuser,
    ForestConfig,
    ForestFuser,
    LogisticConfig,
    LogisticFuser,
    MlpConfig,
    MlpFuser,
    SvmConfig,
    SvmFuser,
)
from taskfusion.fusers.score_dropout import COPIES, with_hidden_tasks
from taskfusion.inputs import FusionInput, ScoreTable

TRAIN, TEST = disturbed(300, 0), disturbed(600, 2)
FUSERS = [
    LogisticFuser(LogisticConfig(C=(1.0,))),
    MlpFuser(MlpConfig(hidden=("1",), alpha=(3.0,))),
    SvmFuser(SvmConfig(C=(1.0,))),
    ForestFuser(ForestConfig(trees=(20,))),
    BoostingFuser(BoostingConfig(leaves=(4,), rounds=(50,))),
]


def auc(fuser, inputs: FusionInput) -> float:
    return float(roc_auc_score(TEST.truth, fuser.predict(inputs)))


def test_copies_come_after_the_cases_and_lose_whole_tasks_but_never_all():
    values = np.random.default_rng(0).random((40, 4))
    values[0, 2:] = np.nan
    data = FusionData(
        FusionInput(tuple(map(str, range(40))), ScoreTable(("a/1", "a/2", "b/1", "c"), values)),
        np.arange(40) % 2,
        np.arange(40) // 2,
    )
    longer = with_hidden_tasks(data, 0.5, seed=1)
    seen = longer.inputs.scores.values
    copied = np.array([int(name) for name in longer.inputs.cases])
    missing = np.isnan(seen)
    assert np.array_equal(seen[:40], values, equal_nan=True)
    assert (missing[:, 0] == missing[:, 1]).all() and not missing.all(axis=1).any()
    assert (missing[40:].sum(axis=1) > np.isnan(values)[copied[40:]].sum(axis=1)).all()
    assert np.array_equal(seen[~missing], values[copied][~missing])
    assert np.array_equal(longer.truth, data.truth[copied]) and np.array_equal(longer.groups, data.groups[copied])


def test_tasks_are_hidden_with_the_probability_asked_for():
    data = fusion_data(np.random.default_rng(0).random((4000, 2)), np.arange(4000) % 2)
    copies = np.isnan(with_hidden_tasks(data, 0.1, seed=0).inputs.scores.values[4000:])
    assert abs(len(copies) / (4000 * COPIES) - 2 * 0.1 * 0.9) < 0.01 and (copies.sum(axis=1) == 1).all()


def test_the_seed_decides():
    same, again, other = (with_hidden_tasks(TRAIN, 0.3, seed).inputs.scores.values for seed in (1, 1, 2))
    assert np.array_equal(same, again, equal_nan=True) and not np.array_equal(same, other, equal_nan=True)


def test_without_it_or_with_one_task_nothing_changes():
    one = fusion_data(np.random.default_rng(0).random((5, 1)), np.arange(5) % 2)
    assert with_hidden_tasks(TRAIN, 0.0, 0) is TRAIN and with_hidden_tasks(one, 0.5, 0) is one


@pytest.mark.parametrize("fuser", FUSERS, ids=lambda f: type(f).__name__)
def test_with_it_a_missing_task_costs_less(fuser):
    hidden = TEST.inputs.hiding({"t0": np.ones(len(TEST), bool)})
    plain = fuser.fresh().fit(TRAIN, None, FuseContext(1))
    made = type(fuser)(attrs.evolve(fuser.config, task_dropout=0.3)).fit(TRAIN, None, FuseContext(1))
    loss, loss_with = (auc(f, TEST.inputs) - auc(f, hidden) for f in (plain, made))
    assert loss_with < loss - 0.02 and auc(made, hidden) > auc(plain, hidden) + 0.02


def test_it_is_a_probability_below_one():
    with pytest.raises(SpecError, match=r"fuser 'svm'.*task_dropout.*< 1"):
        structure(SvmConfig, {"task_dropout": 1.0}, "fuser 'svm'")
