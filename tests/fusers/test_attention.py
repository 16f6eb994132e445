"""The attention fuser: bags of any size. What it shares with other networks stands in test_network.py."""

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

from taskfusion.errors import ContractError
from taskfusion.fusers.attention import AttentionFuser
from taskfusion.fusers.attention_config import AttentionConfig
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.inputs import FusionInput, Instances, ScoreTable

pytestmark = pytest.mark.slow
CONFIG = AttentionConfig(epochs=5, width=8, attention=4, **TINY)
TEST = toy_data(90, 2)
ALL_TASKS = ("whole", "each", "spots")


def some_empty(data: FusionData) -> FusionData:
    """Every fifth case has no instance at all."""
    return attrs.evolve(data, inputs=without_answers(data.inputs, np.arange(len(data)) % 5 == 0))


@pytest.fixture(scope="module")
def fitted():
    """Trained with empty bags in its batches and in the validation split; do not mutate."""
    return AttentionFuser(CONFIG).fit(some_empty(toy_data(160)), some_empty(toy_data(60, 1)), FuseContext(seed=1))


def test_empty_bags_do_not_spoil_training(fitted):
    assert all(np.isfinite(weight).all() for weight in fitted._model.get_weights())
    assert np.isfinite([fitted.summary()["loss"], fitted.summary()["val_loss"]]).all()
    assert auc(TEST.truth, fitted.predict(TEST.inputs)) > 0.85


def shuffled(found: Instances, rng: np.random.Generator) -> Instances:
    case = np.repeat(np.arange(len(found.counts)), found.counts)
    order = np.lexsort((rng.random(len(found)), case))
    assert found.features is not None
    return Instances(found.offsets, found.scores[order], found.views[order], found.features[order], found.view_count)


@settings(settings.get_profile("heavy"))
@given(st.integers(0, 10_000))
def test_the_order_of_instances_does_not_matter(fitted, seed):
    rng = np.random.default_rng(seed)
    mixed = {task: shuffled(found, rng) for task, found in TEST.inputs.instances.items()}
    scores = fitted.predict(attrs.evolve(TEST.inputs, instances=mixed))
    assert np.allclose(scores, fitted.predict(TEST.inputs), atol=1e-6)


@settings(settings.get_profile("heavy"))
@given(
    st.lists(st.integers(0, 89), min_size=1, max_size=100),
    st.lists(st.integers(0, 89)),
    st.sampled_from([(), *((task,) for task in ALL_TASKS)]),
)
def test_which_other_cases_are_asked_about_does_not_matter(fitted, rows, silent, tasks):
    inputs = without_answers(TEST.inputs, np.isin(np.arange(90), silent), tasks)
    whole = fitted.predict(inputs)
    assert np.isfinite(whole).all()
    assert np.array_equal(fitted.predict(inputs.select(np.array(rows))), whole[rows])


def test_the_order_of_tasks_does_not_matter(fitted):
    turned = dict(reversed(TEST.inputs.instances.items()))
    scores = fitted.predict(attrs.evolve(TEST.inputs, instances=turned))
    assert np.array_equal(scores, fitted.predict(TEST.inputs))


@settings(settings.get_profile("heavy"))
@given(st.lists(st.integers(0, 40), min_size=3, max_size=3))
def test_more_slots_change_nothing(fitted, more):
    feed = fitted.feed(TEST.inputs)
    slots = [int(most) for most in feed.counts.max(axis=0)]
    tight, roomy = (
        np.asarray(fitted._model.predict_on_batch(feed.padded(np.arange(16), room)))
        for room in (slots, [a + b for a, b in zip(slots, more, strict=True)])
    )
    assert np.allclose(tight, roomy, atol=1e-6)


def test_a_case_with_hundreds_of_detections_is_answered(fitted):
    crowd = many(TEST.inputs.instances["spots"], 300)
    inputs = attrs.evolve(TEST.inputs.select(np.array([4])), instances={**one_case(), "spots": crowd})
    both = FusionInput(
        ("crowded", "plain"),
        ScoreTable((), np.zeros((2, 0))),
        {},
        TEST.inputs.levels,
        {task: joined(inputs.instances[task], one_case()[task]) for task in ALL_TASKS},
    )
    scores = fitted.predict(both)
    assert np.isfinite(scores).all()
    assert np.isclose(scores[0], fitted.predict(inputs)[0], atol=1e-6)
    assert np.isclose(scores[1], fitted.predict(TEST.inputs)[4], atol=1e-6)


def one_case() -> dict[str, Instances]:
    return dict(TEST.inputs.select(np.array([4])).instances)


def many(found: Instances, count: int) -> Instances:
    """One case with so many instances, taken from many cases."""
    rows = np.arange(count) % len(found)
    assert found.features is not None
    return Instances(
        np.array([0, count]), found.scores[rows], found.views[rows], found.features[rows], found.view_count
    )


def joined(a: Instances, b: Instances) -> Instances:
    assert a.features is not None and b.features is not None
    return Instances(
        np.concatenate([a.offsets, b.offsets[1:] + len(a)]),
        np.concatenate([a.scores, b.scores]),
        np.concatenate([a.views, b.views]),
        np.concatenate([a.features, b.features]),
        a.view_count,
    )


def test_weights_say_how_much_each_instance_counted(fitted):
    silent = np.arange(90) == 7
    inputs = without_answers(TEST.inputs, silent)
    weights = fitted.attention_weights(inputs)
    total = np.zeros(90)
    for task, found in inputs.instances.items():
        assert weights[task].shape == (len(found),) and (weights[task] >= 0).all()
        total += np.bincount(np.repeat(np.arange(90), found.counts), weights[task], minlength=90)
    assert np.allclose(total, np.where(silent, 0, 1), atol=1e-5)
    mixed = shuffled(inputs.instances["spots"], np.random.default_rng(0))
    moved = fitted.attention_weights(attrs.evolve(inputs, instances={**inputs.instances, "spots": mixed}))
    for case in (0, 50):
        own = slice(*mixed.offsets[case : case + 2])
        assert np.allclose(np.sort(moved["spots"][own]), np.sort(weights["spots"][own]), atol=1e-6)


def featureless(data: FusionData, tasks: tuple[str, ...]) -> FusionData:
    bare = {task: attrs.evolve(data.inputs.instances[task], features=None) for task in tasks}
    return attrs.evolve(data, inputs=attrs.evolve(data.inputs, instances={**data.inputs.instances, **bare}))


def test_tasks_without_features_work_on_scores_alone(tmp_path):
    fuser = AttentionFuser(CONFIG).fit(featureless(toy_data(160), ALL_TASKS), None, FuseContext(seed=2))
    inputs = featureless(TEST, ALL_TASKS).inputs
    assert auc(TEST.truth, fuser.predict(inputs)) > 0.85
    fuser.save(tmp_path)
    assert np.array_equal(AttentionFuser.load(tmp_path).predict(inputs), fuser.predict(inputs))


def test_a_task_that_never_spoke_in_training_may_speak_later():
    data = featureless(toy_data(60), ("whole",))
    quiet = attrs.evolve(data, inputs=without_answers(data.inputs, np.ones(60, bool), ("spots",)))
    fuser = AttentionFuser(attrs.evolve(CONFIG, epochs=1)).fit(quiet, None, FuseContext())
    assert np.isfinite(fuser.predict(data.inputs)).all()


def test_other_instances_are_refused(fitted):
    with pytest.raises(ContractError, match=r"the fuser learned from instances \{'whole': .*'features': 8.*found"):
        fitted.predict(featureless(TEST, ("whole",)).inputs)


def test_it_loads_where_its_layers_were_never_imported(fitted, tmp_path):
    fitted.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from taskfusion.fusers.attention import AttentionFuser; "
        "print(AttentionFuser.load(Path(sys.argv[1]))._model.count_params())"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert found.stdout.strip() == str(fitted.summary()["parameters"]), found.stderr


floats = st.floats(-50, 50, width=32)
bags = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.float32, shape, elements=floats), hnp.arrays(bool, shape))
)


@settings(max_examples=200, deadline=None)
@given(bags, st.integers(0, 9))
def test_weights_are_a_softmax_over_what_is_known(bag, more):
    from taskfusion.fusers.attention_network import masked_softmax

    scores, known = bag
    weights = np.asarray(masked_softmax(scores, known.astype(np.float32)))
    for row, score, there in zip(weights, scores.astype(float), known, strict=True):
        raised = np.exp(score - score.max()) * there
        share = np.exp(score[there] - score[there].max(initial=-np.inf))
        assert np.allclose(row[there], share / share.sum() if there.any() else raised[there], atol=1e-6)
        assert (row[~there] == 0).all()
    wider = [np.pad(array, ((0, 0), (0, more)), constant_values=7).astype(np.float32) for array in (scores, known)]
    wider[1][:, scores.shape[1] :] = 0
    assert np.allclose(np.asarray(masked_softmax(*wider))[:, : scores.shape[1]], weights, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(bags, st.randoms(use_true_random=False))
def test_pooling_knows_no_order_and_is_zero_for_an_empty_bag(bag, random):
    from taskfusion.fusers.attention_network import masked_softmax, pool

    scores, known = bag
    values = np.stack([scores, scores**2 / 50], axis=-1)
    order = np.array(random.sample(range(scores.shape[1]), scores.shape[1]))
    there = known.astype(np.float32)
    pooled = np.asarray(pool(values, masked_softmax(scores, there)))
    again = np.asarray(pool(values[:, order], masked_softmax(scores[:, order], there[:, order])))
    assert np.allclose(pooled, again, atol=1e-4, rtol=1e-5)
    assert (pooled[~known.any(axis=1)] == 0).all() and np.isfinite(pooled).all()
