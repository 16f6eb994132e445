"""Fusers: what they learn, what they choose, and that the best of the losers is never hidden."""

from __future__ import annotations

import numpy as np
import pytest

from taskfusion.assembly import FusionInput, ScoreTable
from taskfusion.errors import ContractError, DataError, NotFittedError
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.pooled import MaxFuser, MeanFuser
from taskfusion.fusers.score import (
    BoostingFuser,
    ForestFuser,
    LogisticFuser,
    MlpConfig,
    MlpFuser,
    SklearnFuser,
    SklearnFuserConfig,
    SvmConfig,
    SvmFuser,
    WeightedFuser,
    layer_sizes,
)


def data(cases: int, seed: int = 0) -> FusionData:
    """Two informative scores, differently calibrated, and one of noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=cases)
    seen = hidden[:, None] + rng.normal(size=(cases, 2))
    scores = np.column_stack([1 / (1 + np.exp(-seen[:, 0])), 0.01 / (1 + np.exp(-seen[:, 1])), rng.random(cases)])
    inputs = FusionInput(tuple(f"c{i}" for i in range(cases)), ScoreTable(("a", "b", "n"), scores))
    return FusionData(inputs, (hidden > 0.3).astype(int), np.arange(cases) // 2)


TRAIN, VALIDATION, TEST = data(160), data(60, 1), data(300, 2)
ALL = [
    MlpFuser(MlpConfig(hidden=("1",), alpha=(1.0, 10.0))),
    SvmFuser(SvmConfig(C=(0.1, 1.0))),
    ForestFuser(),
    WeightedFuser(),
    LogisticFuser(),
    BoostingFuser(),
    SklearnFuser(),
    SklearnFuser(SklearnFuserConfig("GaussianNB")),
]


def auc(fuser, test: FusionData = TEST) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(test.truth, fuser.predict(test.inputs)))


@pytest.fixture(scope="module", params=ALL, ids=lambda f: f"{type(f).__name__}-{getattr(f.config, 'estimator', '')}")
def fitted(request):
    """One trained fuser of each kind; do not mutate."""
    return request.param.fresh().fit(TRAIN, VALIDATION, FuseContext(seed=3))


def test_learned_fusers_beat_the_maximum(fitted):
    assert auc(fitted) > auc(MaxFuser()) + 0.03


def test_predictions_are_probabilities_and_finite_also_where_scores_are_missing(fitted):
    values = TEST.inputs.scores.values.copy()
    values[::3, 0] = np.nan
    values[:2] = np.nan
    scores = fitted.predict(FusionInput(TEST.inputs.cases, ScoreTable(("a", "b", "n"), values)))
    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()
    assert scores[:2].tolist() == [TRAIN.truth.mean()] * 2  # about whom nobody says anything: the base rate


def test_the_same_seed_gives_the_same_answer(fitted):
    again = fitted.fresh().fit(TRAIN, VALIDATION, FuseContext(seed=3))
    assert np.array_equal(again.predict(TEST.inputs), fitted.predict(TEST.inputs))


def test_saved_and_loaded_to_the_bit(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = type(fitted).load(tmp_path)
    assert np.array_equal(loaded.predict(TEST.inputs), fitted.predict(TEST.inputs))
    assert dict(loaded.summary()) == dict(fitted.summary())


def test_other_columns_are_refused(fitted):
    other = FusionInput(("x",), ScoreTable(("a", "b"), np.zeros((1, 2))))
    with pytest.raises(ContractError, match=r"the fuser learned from columns \('a', 'b', 'n'\), found \('a', 'b'\)"):
        fitted.predict(other)


def test_the_grid_is_searched_on_validation_auc():
    fuser = SvmFuser(SvmConfig(C=(1e-4, 1.0))).fit(TRAIN, VALIDATION, FuseContext())
    tried = fuser.summary()["candidates"]
    best = max(tried, key=lambda c: (c["auc"], c["recall"]))
    assert len(tried) == 2 and fuser.summary()["chosen"]["C"] == best["C"]


def test_without_validation_the_grid_is_searched_by_grouped_folds():
    fuser = SvmFuser(SvmConfig(C=(1e-4, 1.0))).fit(TRAIN, None, FuseContext())
    assert len(fuser.summary()["candidates"]) == 2 and auc(fuser) > 0.7


def test_any_classifier_object():
    from sklearn.linear_model import LogisticRegression

    fuser = SklearnFuser.of(LogisticRegression(C=0.5)).fresh().fit(TRAIN, VALIDATION, FuseContext())
    assert fuser._model.C == 0.5 and auc(fuser) > 0.7


def test_baselines():
    values = np.array([[0.2, 0.8, np.nan], [np.nan] * 3])
    inputs = FusionInput(("a", "b"), ScoreTable(("x", "y", "z"), values))
    assert MaxFuser().predict(inputs).tolist() == [0.8, 0.5]
    assert MeanFuser().predict(inputs).tolist() == [0.5, 0.5]


def test_refusals():
    with pytest.raises(NotFittedError, match=r"this fuser is not trained"):
        SvmFuser().predict(TEST.inputs)
    one = FusionData(TRAIN.inputs, np.zeros(len(TRAIN), int), TRAIN.groups)
    with pytest.raises(DataError, match=r"score fuser: 0 positive of 160 training cases; both classes are needed"):
        SvmFuser().fit(one, None, FuseContext())
    again = LogisticFuser().fit(TRAIN, VALIDATION, FuseContext())
    with pytest.raises(DataError, match=r"both classes are needed"):
        again.fit(one, None, FuseContext())
    with pytest.raises(NotFittedError, match=r"this fuser is not trained"):  # not half of one fit and half of another
        again.predict(TEST.inputs)


def test_layer_sizes():
    assert layer_sizes("1", 8) == (8,) and layer_sizes("1 0.5", 8) == (8, 4) and layer_sizes("1 0.5", 2) == (2, 2)
