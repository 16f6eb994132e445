"""The feature fuser: a small network, trained once for this module."""

from __future__ import annotations

import numpy as np
import pytest

from taskfusion.assembly import FusionInput, ScoreTable
from taskfusion.errors import ContractError, DataError, NotFittedError
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.outputs import Level

pytestmark = [pytest.mark.slow, pytest.mark.backend]
CONFIG = FeatConfig(filters=(4, 4, 4), dense=8, epochs=12, batch_size=16, learning_rate=0.01, patience=4)


def data(cases: int, seed: int) -> FusionData:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=cases)
    shapes = {"density": (4, 32), "loc": (6, 32)}
    blocks = {
        name: (hidden[:, None, None] + rng.normal(size=(cases, *shape)) * 2).astype(np.float32)
        for name, shape in shapes.items()
    }
    levels = {"density": Level.CASE, "loc": Level.DETECTION}
    table = ScoreTable(("s",), np.zeros((cases, 1)))
    inputs = FusionInput(tuple(f"c{i}" for i in range(cases)), table, blocks, levels)
    return FusionData(inputs, (hidden > 0).astype(int), np.arange(cases))


TEST = data(150, 2)


@pytest.fixture(scope="module")
def fitted():
    """One trained fuser; do not mutate."""
    return FeatFuser(CONFIG).fit(data(160, 0), data(60, 1), FuseContext(seed=1))


def test_it_learns(fitted):
    from sklearn.metrics import roc_auc_score

    assert roc_auc_score(TEST.truth, fitted.predict(TEST.inputs)) > 0.9
    assert fitted.summary()["epochs"] <= CONFIG.epochs and fitted.summary()["parameters"] > 0


def test_the_seed_decides(fitted):
    again = FeatFuser(CONFIG).fit(data(160, 0), data(60, 1), FuseContext(seed=1))
    assert np.array_equal(again.predict(TEST.inputs), fitted.predict(TEST.inputs))


def test_saved_and_loaded_to_the_bit(fitted, tmp_path):
    fitted.save(tmp_path)
    assert np.array_equal(FeatFuser.load(tmp_path).predict(TEST.inputs), fitted.predict(TEST.inputs))


def test_one_case_answers_as_in_a_batch_and_gaps_stay_finite(fitted):
    whole = fitted.predict(TEST.inputs)
    one = {name: block[:1] for name, block in TEST.inputs.features.items()}
    inputs = FusionInput(("c0",), ScoreTable(("s",), np.zeros((1, 1))), one, TEST.inputs.levels)
    assert np.allclose(fitted.predict(inputs), whole[:1], atol=1e-6)
    hollow = {name: np.full_like(block, np.nan) for name, block in one.items()}
    assert np.isfinite(fitted.predict(FusionInput(("c0",), inputs.scores, hollow, TEST.inputs.levels))).all()


def test_without_validation_it_trains_all_epochs():
    import attrs

    short = FeatFuser(attrs.evolve(CONFIG, epochs=1)).fit(data(40, 0), None, FuseContext())
    assert short.summary()["epochs"] == 1


def test_refusals(fitted):
    with pytest.raises(NotFittedError, match=r"this fuser is not trained"):
        FeatFuser().predict(TEST.inputs)
    other = FusionInput(("a",), ScoreTable((), np.zeros((1, 0))), {"x": np.zeros((1, 2, 3))})
    with pytest.raises(ContractError, match=r"the fuser learned from feature blocks .* found \{'x': \(2, 3\)\}"):
        fitted.predict(other)
    flat = data(10, 0)
    with pytest.raises(DataError, match=r"feature fuser: 0 positive of 10 training cases"):
        FeatFuser(CONFIG).fit(FusionData(flat.inputs, np.zeros(10, int), flat.groups), None, FuseContext())
