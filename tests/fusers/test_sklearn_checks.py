"""scikit-learn's own checks over every score fuser, in full: no check is expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from taskfusion.fusers.pooled import MaxFuser, MeanFuser
from taskfusion.fusers.score import (
    BoostingConfig,
    BoostingFuser,
    ForestConfig,
    ForestFuser,
    LogisticConfig,
    LogisticFuser,
    MlpConfig,
    MlpFuser,
    SklearnFuser,
    SklearnFuserConfig,
    SvmConfig,
    SvmFuser,
    WeightedConfig,
    WeightedFuser,
)
from taskfusion.fusers.sklearn_face import FuserClassifier

# Short grids, for speed: the checks fit each fuser about a hundred times.
FUSERS = [
    MaxFuser(),
    MeanFuser(),
    WeightedFuser(WeightedConfig(ridge=(10.0, 1.0))),
    LogisticFuser(LogisticConfig(C=(0.1, 1.0))),
    MlpFuser(MlpConfig(hidden=("1",), alpha=(1.0,))),
    SvmFuser(SvmConfig(C=(1.0,))),
    ForestFuser(ForestConfig(trees=(5, 10))),
    BoostingFuser(BoostingConfig(leaves=(4,), rounds=(10, 20))),
    SklearnFuser(SklearnFuserConfig("GaussianNB")),
    LogisticFuser(LogisticConfig(C=(0.1,), task_dropout=0.3)),
]


@pytest.mark.slow
@parametrize_with_checks([FuserClassifier(fuser) for fuser in FUSERS])
def test_check_estimator(estimator, check):
    check(estimator)
