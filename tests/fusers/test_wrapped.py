"""Any scikit-learn classifier as a fuser: objects that hold others, saving, and what a configuration tells of them."""

from __future__ import annotations

import numpy as np
import pytest
from score_tables import three_tasks
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from taskfusion.configs import structure
from taskfusion.errors import DataError, ModelFolderError, SpecError, UnknownNameError
from taskfusion.estimators import make_classifier
from taskfusion.files import read_json
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.score import SklearnFuser, SklearnFuserConfig

TRAIN, TEST = three_tasks(80, 0), three_tasks(40, 1)
PAIR = [("line", LogisticRegression()), ("bayes", GaussianNB())]
OBJECTS = [
    make_pipeline(MinMaxScaler((0, 2)), SVC(C=2.0)),
    VotingClassifier(PAIR),
    VotingClassifier(PAIR, voting="soft", weights=[1, 2]),
    StackingClassifier(PAIR, cv=3),
    CalibratedClassifierCV(LinearSVC()),
    GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}),
    RidgeClassifier(alpha=np.float64(2.0)),
    LogisticRegression(class_weight={0: 1, 1: 3}),
]


class Homemade(LogisticRegression):
    """A class that no model folder may hold."""


@pytest.mark.parametrize("classifier", OBJECTS, ids=lambda c: f"{type(c).__name__}-{getattr(c, 'voting', '')}")
def test_objects_are_saved_loaded_and_told_by_their_configuration(classifier, tmp_path):
    before = repr(classifier)
    fuser = SklearnFuser.of(classifier).fresh().fit(TRAIN, None, FuseContext(1))
    scores = fuser.predict(TEST.inputs)
    fuser.save(tmp_path)
    assert np.array_equal(SklearnFuser.load(tmp_path).predict(TEST.inputs), scores)
    again = SklearnFuser.load(tmp_path).fresh().fit(TRAIN, None, FuseContext(1))
    assert np.array_equal(again.predict(TEST.inputs), scores)
    assert repr(classifier) == before and ((scores >= 0) & (scores <= 1)).all()


def test_votes_without_probabilities_are_0_or_1():
    scores = SklearnFuser.of(VotingClassifier(PAIR)).fit(TRAIN, None, FuseContext()).predict(TEST.inputs)
    assert set(scores) == {0.0, 1.0}


def test_a_spec_can_name_what_is_inside():
    inside = {"steps": [["scale", {"estimator": "MinMaxScaler"}], ["svc", {"estimator": "SVC", "params": {"C": 2.0}}]]}
    config = {"estimator": "Pipeline", "params": inside, "grid": {"svc__gamma": ["scale", "auto"]}}
    fuser = SklearnFuser(structure(SklearnFuserConfig, config, "fuser")).fit(TRAIN, None, FuseContext())
    assert fuser._model["svc"].C == 2 and len(fuser.summary()["candidates"]) == 2


def test_a_grid_and_the_seed_reach_inside():
    tree = Pipeline([("tree", DecisionTreeClassifier())])
    fuser = SklearnFuser.of(tree, grid={"tree__max_depth": [1, 3]}).fit(TRAIN, TEST, FuseContext(5))
    assert fuser._model["tree"].random_state == 5 and fuser.summary()["compared"] == "on the validation split"


def test_what_a_configuration_cannot_tell_is_refused_only_when_it_is_fitted_again(tmp_path):
    fuser = SklearnFuser.of(make_pipeline(FunctionTransformer(np.tanh), LogisticRegression()))
    fuser.fit(TRAIN, None, FuseContext()).save(tmp_path)
    loaded = SklearnFuser.load(tmp_path)
    assert np.array_equal(loaded.predict(TEST.inputs), fuser.predict(TEST.inputs))
    with pytest.raises(
        SpecError, match=r"does not tell steps \(FunctionTransformer: func \(ufunc\)\); to fit it again"
    ):
        loaded.fresh().fit(TRAIN, None, FuseContext())


@pytest.mark.parametrize(
    ("classifier", "named"),
    [
        (Homemade(), r"\.Homemade"),
        (make_pipeline(Homemade()), r"\.Homemade"),
        (VotingClassifier([("a", Homemade())]), "Homemade"),
    ],
)
def test_foreign_classes_answer_and_are_not_saved(classifier, named, tmp_path):
    fuser = SklearnFuser.of(classifier).fit(TRAIN, None, FuseContext())
    assert len(fuser.predict(TEST.inputs)) == len(TEST)
    with pytest.raises(ModelFolderError, match=rf"would hold types that are not allowed: .*{named}"):
        fuser.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_few_cases_for_a_classifier_is_said():
    few = TRAIN.select(np.array([np.flatnonzero(TRAIN.truth)[0], np.flatnonzero(TRAIN.truth == 0)[0]]))
    with pytest.raises(DataError, match=r"'CalibratedClassifierCV' cannot learn from 2 cases of 3 scores: Cannot"):
        SklearnFuser.of(CalibratedClassifierCV(GaussianNB())).fit(few, None, FuseContext())


def test_refusals():
    with pytest.raises(SpecError, match=r"unknown parameter 'tree__depth' \(did you mean"):
        tree = Pipeline([("tree", DecisionTreeClassifier())])
        SklearnFuser.of(tree, grid={"tree__depth": [1]}).fit(TRAIN, TEST, FuseContext())
    with pytest.raises(
        UnknownNameError, match=r"unknown scikit-learn estimator 'MinMaxSkaler' \(did you mean 'MinMaxS"
    ):
        make_classifier("Pipeline", {"steps": [["scale", {"estimator": "MinMaxSkaler"}]]})
    with pytest.raises(SpecError, match=r"'Pipeline' with a memory would read pickles from 'cache'; leave it out"):
        make_classifier("Pipeline", {"steps": [["nb", {"estimator": "GaussianNB"}]], "memory": "cache"})
    with pytest.raises(SpecError, match=r"'Pipeline' with a memory would read pickles from 'cache'; leave it out"):
        SklearnFuser.of(Pipeline([("nb", GaussianNB())]), grid={"memory": ["cache"]}).fit(TRAIN, TEST, FuseContext())
    with pytest.raises(SpecError, match=r"grid of parameter 'C' is empty"):
        structure(SklearnFuserConfig, {"grid": {"C": []}}, "fuser")


def test_only_what_differs_from_the_defaults_is_told(tmp_path):
    SklearnFuser.of(KNeighborsClassifier(3)).fit(TRAIN, None, FuseContext()).save(tmp_path)
    config = read_json(tmp_path / "config.json")
    assert config["params"] == {"n_neighbors": 3} and config["untold"] == []
