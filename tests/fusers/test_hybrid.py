"""The hybrid fuser: scores count beside features. What it shares with other networks stands in test_network.py."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from networks import TINY, auc, toy_data

from taskfusion.errors import ContractError
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.hybrid import HybridFuser
from taskfusion.fusers.hybrid_config import HybridConfig
from taskfusion.inputs import FusionInput

pytestmark = [pytest.mark.slow, pytest.mark.backend]
CONFIG = HybridConfig(epochs=6, filters=(4, 4, 4), kernel=3, score_units=8, **TINY)


def keeping(data: FusionData, tasks: tuple[str, ...]) -> FusionData:
    """Only these tasks have features; those of the others say nothing."""
    features = {task: data.inputs.features[task] for task in tasks}
    return attrs.evolve(data, inputs=attrs.evolve(data.inputs, features=features))


def scores_only(data: FusionData) -> FusionData:
    """Features that are noise."""
    rng = np.random.default_rng(0)
    noise = {task: rng.normal(size=block.shape) for task, block in data.inputs.features.items()}
    return attrs.evolve(data, inputs=attrs.evolve(data.inputs, features=noise))


def features_only(data: FusionData) -> FusionData:
    """Scores that are all the same."""
    table = attrs.evolve(data.inputs.scores, values=np.full_like(data.inputs.scores.values, 0.5))
    return attrs.evolve(data, inputs=attrs.evolve(data.inputs, scores=table))


@pytest.mark.parametrize("seen", [scores_only, features_only])
def test_it_learns_from_either(seen):
    fuser = HybridFuser(CONFIG).fit(seen(toy_data(160)), seen(toy_data(60, 1)), FuseContext(seed=1))
    test = seen(toy_data(150, 2))
    assert auc(test.truth, fuser.predict(test.inputs)) > 0.85


@pytest.fixture(scope="module")
def partly():
    """Trained where only one task has features; do not mutate."""
    return HybridFuser(CONFIG).fit(keeping(toy_data(120), ("whole",)), None, FuseContext(seed=1))


def test_a_task_without_features_counts_by_its_scores(partly):
    inputs = keeping(toy_data(60, 2), ("whole",)).inputs
    spots = inputs.hiding({"spots": np.ones(60, bool)})
    assert np.abs(partly.predict(inputs) - partly.predict(spots)).max() > 1e-3


def test_without_any_features_the_scores_are_enough(tmp_path):
    data = keeping(toy_data(120), ())
    fuser = HybridFuser(attrs.evolve(CONFIG, task_dropout=0.3)).fit(data, None, FuseContext())
    fuser.save(tmp_path)
    test = keeping(toy_data(90, 2), ())
    scores = HybridFuser.load(tmp_path).predict(test.inputs)
    assert np.array_equal(scores, fuser.predict(test.inputs)) and auc(test.truth, scores) > 0.85


def test_other_columns_and_other_blocks_are_refused(partly):
    inputs = toy_data(3).inputs
    with pytest.raises(ContractError, match=r"the fuser learned from feature blocks \{'whole': \(2, 8\)\}, found"):
        partly.predict(inputs)
    fewer = FusionInput(inputs.cases, attrs.evolve(inputs.scores, columns=("a",) * len(inputs.scores.columns)))
    with pytest.raises(ContractError, match=r"the fuser learned from columns \('whole/ill', .* found \('a', "):
        partly.predict(fewer)
