"""A fuser as a scikit-learn classifier: labels, groups, frames, and its place in scikit-learn's own tools."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score_tables import three_tasks
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from taskfusion.errors import DataError, SpecError
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.score import LogisticConfig, LogisticFuser, MlpFuser, SvmConfig, SvmFuser
from taskfusion.fusers.sklearn_face import FuserClassifier

DATA = three_tasks(80, 0)
X, Y = DATA.inputs.scores.values, DATA.truth
FAST = LogisticFuser(LogisticConfig(C=(1.0,)))


def test_it_answers_as_the_fuser_does():
    face = FuserClassifier(FAST, random_state=3).fit(X, Y, groups=DATA.groups)
    assert np.array_equal(
        face.predict_proba(X)[:, 1], FAST.fresh().fit(DATA, None, FuseContext(3)).predict(DATA.inputs)
    )
    assert FAST._model is None  # the fuser it was given is left alone


def test_any_two_labels_the_second_being_the_target():
    face = FuserClassifier(FAST).fit(X, np.where(Y, "ill", "healthy"))
    assert face.classes_.tolist() == ["healthy", "ill"]
    assert np.array_equal(face.predict(X) == "ill", face.predict_proba(X)[:, 1] > 0.5)


def test_columns_of_a_frame_name_the_scores():
    frame = pd.DataFrame(X, columns=["density/dense", "findings/L", "findings/R"])
    face = FuserClassifier(FAST).fit(frame, Y)
    assert face.feature_names_in_.tolist() == list(frame) == list(face.fuser_._columns)
    with pytest.raises(ValueError, match="feature names"):
        face.predict(frame[frame.columns[::-1]])


def test_groups_are_kept_together_in_the_search():
    face = FuserClassifier(SvmFuser(SvmConfig(C=(0.1, 1.0))))
    assert "not searched" in face.fit(X, Y, groups=np.zeros(len(Y))).fuser_.summary()["compared"]
    assert "by group" in face.fit(X, Y, groups=[f"p{i // 2}" for i in range(len(Y))]).fuser_.summary()["compared"]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        face.fit(X, Y, groups=np.zeros(3))


def test_the_seed_is_zero_by_default_and_may_be_a_generator():
    first, second = (FuserClassifier(FAST, random_state=state).fit(X, Y) for state in (None, np.random.RandomState(0)))
    assert np.array_equal(first.predict(X), FuserClassifier(FAST, random_state=0).fit(X, Y).predict(X))
    assert len(second.predict(X)) == len(X)


def test_the_default_is_the_default_fuser():
    assert isinstance(FuserClassifier().fit(X[:30], Y[:30]).fuser_, MlpFuser)


def test_scikit_learns_tools_take_it():
    aucs = cross_val_score(FuserClassifier(FAST), X, Y, groups=DATA.groups, cv=GroupKFold(3), scoring="roc_auc")
    assert aucs.min() > 0.6
    patients = {"cv": GroupKFold(3), "groups": DATA.groups, "params": {"groups": DATA.groups}}
    assert len(cross_val_score(FuserClassifier(SvmFuser(SvmConfig(C=(0.1, 1.0)))), X, Y, **patients)) == 3
    tried = [LogisticFuser(LogisticConfig(C=(C,))) for C in (0.01, 1.0)]
    search = GridSearchCV(FuserClassifier(FAST), {"fuser": tried}, cv=3).fit(X, Y)
    assert search.best_params_["fuser"] in tried
    assert make_pipeline("passthrough", clone(FuserClassifier(FAST))).fit(X, Y).score(X, Y) > 0.6


def test_refusals():
    with pytest.raises(SpecError, match=r"FeatFuser needs more than scores; a FuserClassifier takes score fusers only"):
        FuserClassifier(FeatFuser()).fit(X, Y)
    with pytest.raises(SpecError, match=r"not a fuser: 'svm'; expected an object such as SvmFuser\(\)"):
        FuserClassifier("svm").fit(X, Y)
    with pytest.raises(DataError, match=r"y has 1 class, .*; two classes are needed"):
        FuserClassifier(FAST).fit(X, np.zeros(len(X)))
    with pytest.raises(
        DataError, match=r"Only binary classification is supported\. The type of the target is multiclass"
    ):
        FuserClassifier(FAST).fit(X, np.arange(len(X)) % 3)


@pytest.mark.slow
def test_the_check_that_needs_an_environment_variable():
    """scikit-learn skips its array-API check unless SciPy was imported with this variable set."""
    checks = Path(__file__).with_name("test_sklearn_checks.py")
    command = [sys.executable, "-m", "pytest", str(checks), "-k", "array_api", "-p", "no:cacheprovider", "-rs"]
    done = subprocess.run(command, env={**os.environ, "SCIPY_ARRAY_API": "1"}, capture_output=True, text=True)
    assert done.returncode == 0 and "SKIPPED" not in done.stdout, done.stdout
