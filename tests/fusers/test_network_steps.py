"""Many steps a call give what ``fit`` gives batch by batch, whatever the feed, and stop for the same reasons."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from networks import TINY, toy_data
from recording import Recorder

from taskfusion.errors import DataError
from taskfusion.fusers.attention import AttentionFuser
from taskfusion.fusers.attention_config import AttentionConfig
from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.hybrid import HybridFuser
from taskfusion.fusers.hybrid_config import HybridConfig
from taskfusion.progress import Progress

pytestmark = pytest.mark.slow
SMALL = HybridConfig(epochs=3, filters=(4, 4, 4), kernel=3, score_units=4, task_dropout=0.3, dropout=0.3, **TINY)
KINDS = {
    "hybrid": HybridFuser(SMALL),
    "attention": AttentionFuser(AttentionConfig(epochs=3, width=8, attention=4, task_dropout=0.3, **TINY)),
}
TEST = toy_data(50, 2)


@pytest.fixture(autouse=True)
def _tensorflow_only():
    from taskfusion.fusers.network_steps import can_run_together

    if not can_run_together():
        pytest.skip("another backend trains batch by batch")


class Told(Progress):
    """One recorded step, and what is said."""

    def __init__(self) -> None:
        self.bar, self.said = Recorder(), []

    def step(self, description, total=None):
        from contextlib import nullcontext

        self.total = total
        return nullcontext(self.bar)

    def say(self, message):
        self.said.append(message)


def some_unknown(data: FusionData) -> FusionData:
    row = np.arange(len(data))[:, None]
    return attrs.evolve(data, truth=np.where(row % 5 == np.arange(2), -1, data.truth))


def fit(kind: str, joint: bool = False, progress: Progress | None = None):
    train, validation = toy_data(70, 0, joint), toy_data(37, 1, joint)  # neither fills its last batch
    if joint:
        train, validation = some_unknown(train), some_unknown(validation)
    return KINDS[kind].fresh().fit(train, validation, FuseContext(3, progress or Progress()))


@pytest.mark.parametrize("joint", [False, True], ids=["one target", "two targets"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_fit_learns(kind, joint, monkeypatch):
    together = fit(kind, joint)
    monkeypatch.setattr("taskfusion.fusers.network_training.can_run_together", lambda: False)
    one_by_one = fit(kind, joint)
    assert np.allclose(together.predict(TEST.inputs), one_by_one.predict(TEST.inputs), atol=1e-4)
    for name, value in one_by_one.summary().items():
        assert together.summary()[name] == pytest.approx(value, abs=1e-4), name


def test_arrays_that_come_batch_by_batch_teach_the_same(monkeypatch):
    from taskfusion.fusers.network_steps import Streamed

    held = fit("hybrid", joint=True)
    streamed = []
    monkeypatch.setattr("taskfusion.fusers.network_steps.RESIDENT", 0)
    monkeypatch.setattr("taskfusion.fusers.network_steps.STREAMED", 12000)  # not all batches of an epoch at once
    monkeypatch.setattr(
        "taskfusion.fusers.network_steps.Streamed", lambda feed: streamed.append(Streamed(feed)) or streamed[-1]
    )
    found = fit("hybrid", joint=True)
    assert len(streamed) == 2
    assert 1 < streamed[0].steps(streamed[0].carried({"rows": np.arange(16)})) < 4
    assert np.allclose(found.predict(TEST.inputs), held.predict(TEST.inputs), atol=1e-6)


def test_every_batch_is_told_about_and_figures_are_shown():
    told = Told()
    fit("hybrid", progress=told)
    assert told.bar.amount == told.total == 3 * 4
    assert {"loss", "val_loss"} == set().union(*told.bar.shown)


def test_early_stopping_keeps_the_best_weights():
    patient = HybridFuser(attrs.evolve(SMALL, epochs=6, patience=1, tolerance=10.0))  # nothing is ten better
    made = patient.fit(toy_data(70, 0), toy_data(37, 1), FuseContext(3))
    first = HybridFuser(attrs.evolve(SMALL, epochs=1)).fit(toy_data(70, 0), toy_data(37, 1), FuseContext(3))
    assert made.summary()["epochs"] == 2
    assert np.allclose(made.predict(TEST.inputs), first.predict(TEST.inputs), atol=1e-6)


def spoiling(monkeypatch, after: int):
    """Make every loss after so many calls no number."""
    from taskfusion.training.many_steps import ManySteps

    train, calls = ManySteps.train, []

    def spoiled(self, batches):
        calls.append(train(self, batches))
        return calls[-1] if len(calls) <= after else float("nan")

    monkeypatch.setattr(ManySteps, "train", spoiled)


def test_a_loss_that_is_no_number_brings_back_the_weights_before_it(monkeypatch):
    two = HybridFuser(attrs.evolve(SMALL, epochs=2)).fit(toy_data(70, 0), None, FuseContext(3))
    spoiling(monkeypatch, after=2)  # an epoch of four batches is one call
    told = Told()
    made = HybridFuser(attrs.evolve(SMALL, epochs=5)).fit(toy_data(70, 0), None, FuseContext(3, told))
    assert made.summary()["epochs"] == 2
    assert np.allclose(made.predict(TEST.inputs), two.predict(TEST.inputs), atol=1e-6)
    assert told.said == [
        "fuser 'hybrid fuser': the loss was no longer a number in epoch 3; stopped with the weights before it"
    ]


def test_a_loss_that_never_was_a_number_is_refused(monkeypatch):
    spoiling(monkeypatch, after=0)
    with pytest.raises(DataError, match=r"fuser 'hybrid fuser': the loss is not a number in the first epoch"):
        fit("hybrid")
