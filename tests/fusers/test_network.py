"""What every network fuser promises; each kind is trained once."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from networks import TINY, auc, toy_data, without_answers

from taskfusion.configs import structure
from taskfusion.errors import DataError, NotFittedError, SpecError
from taskfusion.fusers.attention import AttentionFuser
from taskfusion.fusers.attention_config import AttentionConfig
from taskfusion.fusers.balance import balancing_weights, pools_of
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.feat import FeatFuser
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.feeds import hidden_tasks
from taskfusion.fusers.hybrid import HybridFuser
from taskfusion.fusers.hybrid_config import HybridConfig

KINDS = {
    "feat": FeatFuser(FeatConfig(epochs=6, filters=(4, 4, 4), kernel=3, **TINY)),
    "hybrid": HybridFuser(HybridConfig(epochs=6, filters=(4, 4, 4), kernel=3, score_units=4, **TINY)),
    "attention": AttentionFuser(AttentionConfig(epochs=6, width=8, attention=4, **TINY)),
}
pytestmark = pytest.mark.slow
TEST = toy_data(90, 2, joint=True)


def some_unknown(data: FusionData) -> FusionData:
    """Nobody knows a third of the first target and another third of the second."""
    if data.truth.ndim == 1:
        return data
    row = np.arange(len(data))[:, None]
    return attrs.evolve(data, truth=np.where(row % 3 == np.arange(2), -1, data.truth))


def fit(kind, truths):
    joint = truths == "two targets"
    fuser = type(KINDS[kind])(attrs.evolve(KINDS[kind].config, task_dropout=0.2 if joint else 0.0))
    train, validation = (some_unknown(toy_data(cases, seed, joint)) for cases, seed in ((120, 0), (40, 1)))
    return fuser.fit(train, validation, FuseContext(seed=5))


# One target of feat and hybrid is trained in their own tests.
TRAINED = [("attention", "one target"), *((kind, "two targets") for kind in KINDS)]


@pytest.fixture(scope="module", params=TRAINED, ids=", ".join)
def fitted(request):
    """(kind, truths, trained fuser) of each; do not mutate."""
    return *request.param, fit(*request.param)


def test_every_target_is_learned_and_answered_in_its_own_column(fitted):
    _, truths, fuser = fitted
    scores = fuser.predict(TEST.inputs)
    assert scores.shape == ((90,) if truths == "one target" else (90, 2))
    for column, score in enumerate(scores.reshape(90, -1).T):
        assert auc(TEST.truth[:, column], score) > 0.85
    assert ((scores >= 0) & (scores <= 1)).all()
    assert fuser.summary()["epochs"] <= 6 and fuser.summary()["parameters"] > 0


def test_saved_and_loaded_to_the_bit(fitted, tmp_path):
    _, _, fuser = fitted
    fuser.save(tmp_path)
    loaded = type(fuser).load(tmp_path)
    assert np.array_equal(loaded.predict(TEST.inputs), fuser.predict(TEST.inputs))
    assert loaded.summary() == fuser.summary() and loaded.config == fuser.config


def test_a_case_is_answered_alone_as_among_others(fitted):
    _, _, fuser = fitted
    some = np.array([70, 3, 3])
    alone = fuser.predict(TEST.inputs.select(some))
    assert np.allclose(alone, fuser.predict(TEST.inputs)[some], atol=1e-6)


def test_missing_answers_give_finite_scores_and_touch_no_other_case(fitted):
    _, _, fuser = fitted
    whole = fuser.predict(TEST.inputs)
    silent = np.arange(90) % 3 == 0
    scores = fuser.predict(without_answers(TEST.inputs, silent))
    assert np.isfinite(scores).all() and np.allclose(scores[~silent], whole[~silent], atol=1e-6)
    assert np.allclose(scores[silent], scores[0], atol=1e-6)  # nothing is known of any of them
    for task in TEST.inputs.tasks:
        assert np.isfinite(fuser.predict(without_answers(TEST.inputs, silent, (task,)))).all()


def test_no_cases_no_answers(fitted):
    _, truths, fuser = fitted
    none = fuser.predict(TEST.inputs.select(np.zeros(0, int)))
    assert none.shape == ((0,) if truths == "one target" else (0, 2))


def test_the_seed_decides_with_hidden_tasks_too(fitted):
    kind, truths, fuser = fitted
    if kind != "feat" and truths == "two targets":  # trained with task dropout; feat repeats itself in test_feat.py
        assert np.array_equal(fit(kind, truths).predict(TEST.inputs), fuser.predict(TEST.inputs))


def test_three_positives_and_no_validation_split_are_enough():
    data = toy_data(300)
    rare = np.zeros(300, int)
    rare[np.argsort(np.nanmean(data.inputs.scores.values, axis=1))[-3:]] = 1
    fuser = HybridFuser(attrs.evolve(KINDS["hybrid"].config, epochs=2))
    fuser.fit(FusionData(data.inputs, rare, data.groups), None, FuseContext())
    assert fuser.summary()["epochs"] == 2 and auc(rare, fuser.predict(data.inputs)) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_refusals(kind, tmp_path):
    fuser = KINDS[kind].fresh()
    with pytest.raises(NotFittedError, match=r"this fuser is not trained; call fit first"):
        fuser.predict(TEST.inputs)
    with pytest.raises(NotFittedError, match=r"this fuser is not trained; call fit first"):
        fuser.save_state(tmp_path)
    one = FusionData(TEST.inputs, np.zeros((90, 2), int), TEST.groups)
    with pytest.raises(DataError, match=rf"{kind}\w* fuser: 0 positive of 90 training cases"):
        fuser.fit(one, None, FuseContext())


@pytest.mark.parametrize(
    ("cls", "option", "problem"),
    [
        (FeatConfig, {"task_dropout": 1.0}, "'task_dropout' must be < 1"),
        (FeatConfig, {"filters": [8, 0]}, "'filters' must be >= 1"),
        (HybridConfig, {"score_units": 0}, "'score_units' must be >= 1"),
        (AttentionConfig, {"learning_rate": 0.0}, "'learning_rate' must be > 0"),
    ],
)
def test_options_that_make_no_network_are_refused(cls, option, problem):
    with pytest.raises(SpecError, match=problem):
        structure(cls, option, "fuser 'x'")


def test_configurations_and_classes_import_no_keras():
    rooms = ", ".join(f"taskfusion.fusers.{kind}, taskfusion.fusers.{kind}_config" for kind in KINDS)
    code = f"import sys; import {rooms}; print([m for m in ('keras', 'tensorflow', 'sklearn') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


masks = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8).flatmap(lambda s: hnp.arrays(bool, s))


@settings(max_examples=200, deadline=None)
@given(masks, st.floats(0, 0.99), st.integers(0, 1000))
def test_hidden_are_answers_that_exist_and_never_all_of_a_case(present, share, seed):
    hidden = hidden_tasks(present, share, np.random.default_rng(seed))
    assert not (hidden & ~present).any()
    assert ((present & ~hidden).any(axis=1) == present.any(axis=1)).all()


def test_the_share_of_hidden_answers_is_as_asked():
    hidden = hidden_tasks(np.ones((4000, 3), bool), 0.3, np.random.default_rng(0))
    assert np.allclose(hidden.mean(axis=0), 0.3 - 0.3**3 / 3, atol=0.02)  # of three hidden ones, one is given back


truths = hnp.arrays(np.int64, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.integers(-1, 1))


@settings(max_examples=200, deadline=None)
@given(truths, st.integers(1, 8))
def test_pools_are_combinations_and_rare_ones_stand_alone_only_for_a_class_of_their_own(truth, enough):
    pools = pools_of(truth, enough)
    for pool in np.unique(pools):
        inside = truth[pools == pool]
        counts = np.unique(inside, axis=0, return_counts=True)[1]
        assert (counts >= enough).sum() <= 1  # no two large combinations share a pool
    weights = balancing_weights(truth, pools)
    assert ((weights > 0) == (truth >= 0)).all()


@given(truths)
def test_both_classes_of_a_target_weigh_the_same(truth):
    pools = pools_of(truth, 4)
    drawn = balancing_weights(truth, pools) / np.bincount(pools)[pools][:, None]  # pools take turns
    for column in range(truth.shape[1]):
        weight = [drawn[truth[:, column] == value, column].sum() for value in (0, 1)]
        if min(weight) > 0:
            assert np.isclose(weight[0], weight[1], rtol=1e-4)


def test_a_handful_of_odd_cases_takes_no_turns():
    truth = np.array([[0, 0]] * 50 + [[1, 0]] * 30 + [[1, 1]] * 20 + [[0, 1]])
    assert len(np.unique(pools_of(truth, 8))) == 3
    only = np.array([[0, 0]] * 50 + [[1, 0]] * 30 + [[1, 1]] * 3)
    assert len(np.unique(pools_of(only, 8))) == 3  # nobody else is positive for the second target


def test_an_unknown_truth_weighs_nothing_in_training():
    from taskfusion.fusers.network_training import Labelled, training_batches

    data = some_unknown(toy_data(60, joint=True))
    fuser = FeatFuser()
    fuser.learn_scaling(data.inputs)
    batches = training_batches(Labelled(fuser.feed(data.inputs), data.truth), fuser.config, 0)
    for index in range(len(batches)):
        _, truth, weights = batches[index]
        assert set(np.unique(truth)) <= {0, 1} and weights.shape == truth.shape
        assert (weights == 0).any() and (weights.sum(axis=1) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_task_dropout_hides_from_training_batches_only_what_it_is_asked_to(kind):
    from taskfusion.fusers.network_training import Labelled, training_batches

    data, fuser = toy_data(60), KINDS[kind].fresh()
    fuser.learn_scaling(data.inputs)
    feed = fuser.feed(data.inputs)
    plain, hiding = (
        training_batches(Labelled(feed, data.truth), attrs.evolve(fuser.config, task_dropout=share), 0)[0]
        for share in (0.0, 0.5)
    )
    assert np.array_equal(plain[1], hiding[1])
    name = "known" if kind == "attention" else next(iter(feed.blank))
    touched = (plain[0][name] != hiding[0][name]).reshape(len(plain[1]), -1).any(axis=1)
    assert touched.any() and not touched.all()


def test_a_hidden_task_looks_like_one_that_gave_no_answer():
    data = toy_data(40)
    rows = np.arange(40)
    for kind in KINDS.values():
        fuser = kind.fresh()
        fuser.learn_scaling(data.inputs)
        for column, task in enumerate(data.inputs.tasks):
            hidden = np.zeros((40, 3), bool)
            hidden[::2, column] = True
            found = fuser.feed(data.inputs).batch(rows, hidden)
            wanted = fuser.feed(data.inputs.hiding({task: hidden[:, column]})).batch(rows)
            assert_same(found, wanted, fuser)


def assert_same(found, wanted, fuser):
    """Equal tensors; where instances are left out, only what is known of the others counts."""
    if not isinstance(fuser, AttentionFuser):
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
        return
    assert np.array_equal(found["known"].sum(axis=1), wanted["known"].sum(axis=1))
