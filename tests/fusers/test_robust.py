"""Score fusers on what real tables hold: few cases, empty and constant columns, other calibrations."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_tables import fusion_data, fusion_input, three_tasks
from sklearn.metrics import roc_auc_score

from taskfusion.configs import structure
from taskfusion.errors import DataError, NotFittedError, SpecError
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
    WeightedConfig,
    WeightedFuser,
)

FUSERS = [
    MlpFuser(MlpConfig(hidden=("1",), alpha=(1.0, 10.0))),
    LogisticFuser(LogisticConfig(C=(0.1, 1.0))),
    SvmFuser(SvmConfig(C=(1e-4, 1.0, 1000.0))),
    ForestFuser(ForestConfig(trees=(3, 5))),
    BoostingFuser(BoostingConfig(leaves=(4,), rounds=(5, 10))),
    WeightedFuser(WeightedConfig(ridge=(10.0, 1.0))),
]
COLUMNS = {
    "scores": lambda rng, n: rng.random(n),
    "never": lambda rng, n: np.full(n, np.nan),
    "sometimes": lambda rng, n: np.where(rng.random(n) < 0.5, np.nan, rng.random(n)),
    "constant": lambda rng, n: np.full(n, 0.3),
    "zero": lambda rng, n: np.zeros(n),
    "yes or no": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "years": lambda rng, n: rng.uniform(30, 90, n),
    "tiny": lambda rng, n: 10.0 ** -rng.uniform(0, 40, n),
    "few above zero": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.random(n)),
}
GROUPINGS = {"one": lambda n: np.zeros(n, int), "pairs": lambda n: np.arange(n) // 2, "each": np.arange}
RECALIBRATIONS = {
    "cube": lambda p: p**3,
    "hundredth": lambda p: 0.01 * p,
    "stretched": lambda p: 1 / (1 + np.exp(-(2 * np.log(p / (1 - p)) + 1))),
}


@st.composite
def tables(draw: st.DrawFn) -> FusionData:
    """Two to twenty cases, at least one of either class, of columns of any kind; maybe all the same case."""
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    n, positives = draw(st.sampled_from([(2, 1), (3, 1), (5, 2), (20, 1), (20, 2), (20, 10)]))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4))
    values = np.stack([COLUMNS[kind](rng, n) for kind in kinds], axis=1)
    if draw(st.booleans()) and draw(st.booleans()):
        values[:] = values[:1]
    truth = rng.permutation(np.arange(n) < positives).astype(int)
    return fusion_data(values, truth, GROUPINGS[draw(st.sampled_from(sorted(GROUPINGS)))](n))


@pytest.mark.slow
@pytest.mark.parametrize("fuser", FUSERS, ids=lambda f: type(f).__name__)
@settings(settings.get_profile("heavy"))
@given(train=tables(), one_class=st.booleans(), dropout=st.sampled_from([0.0, 0.4]))
def test_whatever_it_learns_from_it_answers_each_case_for_itself(fuser, train, one_class, dropout):
    validation = train.select(np.flatnonzero(train.truth == 0)) if one_class else None
    made = type(fuser)(attrs.evolve(fuser.config, task_dropout=dropout)).fit(train, validation, FuseContext(1))
    columns = len(train.inputs.scores.columns)
    asked = np.random.default_rng(0).random((6, columns))
    asked[0], asked[1], asked[2], asked[3, 0] = np.nan, 0, 1, np.nan
    scores = made.predict(fusion_input(asked))
    assert ((scores >= 0) & (scores <= 1)).all() and scores[0] == train.truth.mean()
    alone = np.concatenate([made.predict(fusion_input(asked[i : i + 1])) for i in range(6)])
    assert np.allclose(alone, scores, atol=1e-12) and len(made.predict(fusion_input(asked[:0]))) == 0


@pytest.mark.parametrize("name", sorted(RECALIBRATIONS))
@pytest.mark.parametrize("column", range(3))
def test_another_calibration_of_a_task_changes_little(name, column):
    """The default fuser's AUC moves by less than 0.02 when one task's scores are recalibrated."""
    parts = [three_tasks(300, 0), three_tasks(100, 1), three_tasks(1500, 2)]
    assert abs(auc(recalibrated(parts, column, name)) - auc(parts)) < 0.02


def auc(parts: list[FusionData]) -> float:
    train, validation, test = parts
    fuser = MlpFuser(MlpConfig(hidden=("1",))).fit(train, validation, FuseContext(1))
    return float(roc_auc_score(test.truth, fuser.predict(test.inputs)))


def recalibrated(parts: list[FusionData], column: int, name: str) -> list[FusionData]:
    changed = []
    for part in parts:
        values = part.inputs.scores.values.copy()
        values[:, column] = RECALIBRATIONS[name](values[:, column])
        changed.append(fusion_data(values, part.truth, part.groups))
    return changed


def test_an_svm_of_too_few_patients_says_that_it_is_not_calibrated():
    train = three_tasks(80, 0)
    lone = FusionData(train.inputs, np.arange(80) < 2, np.arange(80) // 2)
    assert SvmFuser(SvmConfig(C=(1.0,))).fit(train, None, FuseContext()).summary()["calibrated"] is True
    assert SvmFuser(SvmConfig(C=(1.0,))).fit(lone, None, FuseContext()).summary()["calibrated"] is False


@given(st.integers(0, 200))
@settings(settings.get_profile("heavy"))
def test_an_svm_answers_in_the_order_of_its_machine_even_of_noise(seed):
    rng = np.random.default_rng(seed)
    noise = fusion_data(rng.random((24, 2)), np.arange(24) % 2)
    fuser = SvmFuser(SvmConfig(C=(1e-3,))).fit(noise, None, FuseContext())
    machine = fuser._model.calibrated_classifiers_[0].estimator if fuser.summary()["calibrated"] else fuser._model
    decisions = machine.decision_function(fuser._design(noise.inputs))
    order = np.argsort(decisions)
    assert (np.diff(fuser.predict(noise.inputs)[order]) >= -1e-12).all()


def test_a_boosting_of_few_cases_learns_something():
    rng = np.random.default_rng(0)
    truth = np.arange(16) % 2
    scores = BoostingFuser().fit(fusion_data((truth * 0.5 + 0.5 * rng.random(16))[:, None], truth), None, FuseContext())
    assert np.ptp(scores.predict(fusion_input(np.array([[0.1], [0.9]])))) > 0.3


def test_refusals(tmp_path):
    with pytest.raises(DataError, match=r"score fuser: the tasks have no scores"):
        LogisticFuser().fit(fusion_data(np.zeros((2, 0)), np.arange(2)), None, FuseContext())
    with pytest.raises(SpecError, match=r"fuser: Length of 'C' must be >= 1: 0"):
        structure(SvmConfig, {"C": []}, "fuser")
    with pytest.raises(NotFittedError, match=r"this fuser is not trained; call fit first"):
        LogisticFuser().save(tmp_path)
    assert list(tmp_path.iterdir()) == []
