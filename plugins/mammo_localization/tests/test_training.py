"""What a training survives, and what it proves."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from mammo_localization.fitting import fit_detector
from mammo_localization.sampling import Sampler
from mammo_localization.task import Localization
from mammo_localization.training import Draws, Ending
from mammo_localization.views import collect
from taskfusion.cases import Annotations, Case
from taskfusion.errors import DataError
from taskfusion.outputs import check_output
from taskfusion.progress import Progress
from taskfusion.tasks.base import FitContext


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def short(tiny):
    """A few steps in epochs that do not divide them."""
    return attrs.evolve(tiny, steps=5, epoch=2, patch_steps=4, batch=4, patch_batch=8)


@pytest.fixture(scope="module")
def views(make_cohort, short):
    """Training views; do not change them."""
    return collect(make_cohort(12, validation=0), short, Progress(), np.random.default_rng(0))


@pytest.fixture(scope="module")
def undisturbed(thin, views, short):
    """A detector trained in one go, and its figures; do not change it."""
    return fit_detector(views, short, FitContext(seed=3))


def die_in_epoch(patch, number, training_of):
    """Let a training of so many steps be killed when this epoch begins."""

    begin = Ending.on_epoch_begin

    def dies(self, epoch, logs=None):
        if epoch == number and self._draws.steps == training_of:
            raise KilledError
        begin(self, epoch, logs)

    patch.setattr(Ending, "on_epoch_begin", dies)


@pytest.mark.slow
def test_a_training_killed_in_both_stages_ends_as_an_undisturbed_one(
    thin, views, short, undisturbed, tmp_path, monkeypatch
):
    context = FitContext(seed=3, folder=tmp_path)
    for number, steps in ((1, short.patch_steps), (2, short.steps)):
        with monkeypatch.context() as patch:
            die_in_epoch(patch, number, steps)
            with pytest.raises(KilledError):
                fit_detector(views, short, context)
    detector, figures = fit_detector(views, short, context)
    expected, told = undisturbed
    assert figures == told
    assert len(figures["detector"]["loss"]) == 3
    assert all(np.array_equal(a, b) for a, b in zip(detector.get_weights(), expected.get_weights(), strict=True))
    assert not list(tmp_path.glob("*.checkpoint.npz"))


@pytest.mark.slow
def test_a_training_that_ended_is_not_done_again(thin, views, short, undisturbed, tmp_path, monkeypatch):
    context = FitContext(seed=3, folder=tmp_path)
    first, _ = fit_detector(views, short, context)
    die_in_epoch(monkeypatch, 0, short.steps)
    again, _ = fit_detector(views, short, context)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    with pytest.raises(KilledError):  # other boxes, another training
        fit_detector(attrs.evolve(views, boxes=[box + 1 for box in views.boxes]), short, context)


def spoil_from(patch, step):
    """Let images hold no numbers from this step on."""
    sound = Sampler.batch

    def batch(self, number):
        drawn = sound(self, number)
        return drawn | {"images": drawn["images"] * (np.nan if number >= step else 1)}

    patch.setattr(Sampler, "batch", batch)


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(thin, views, short, monkeypatch):
    said = []
    config = attrs.evolve(short, patch_steps=0, steps=6, schedule="constant")
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "say", lambda self, message: said.append(message))
        spoil_from(patch, 3)
        detector, figures = fit_detector(views, config, FitContext(seed=3))
    assert figures["detector"]["spoiled_epoch"] == [1]
    assert said == ["localization: detector: the loss was no longer a number; stopped with the weights of step 2"]
    good, _ = fit_detector(views, attrs.evolve(config, steps=2), FitContext(seed=3))
    assert all(np.array_equal(a, b) for a, b in zip(detector.get_weights(), good.get_weights(), strict=True))


@pytest.mark.slow
def test_a_loss_that_never_was_a_number_is_an_error(thin, views, short, monkeypatch):
    spoil_from(monkeypatch, 0)
    with pytest.raises(DataError, match="detector: the loss is not a number within the first 2 steps, so nothing was"):
        fit_detector(views, attrs.evolve(short, patch_steps=0), FitContext(seed=3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one class", "all black"])
def test_poor_cohorts_give_answers_that_are_numbers(thin, make_cohort, short, kind):
    cohort = make_cohort(8, validation=2)
    if kind == "one class":
        found = cohort.annotations
        same = Annotations(found.classes, found.case, found.view, found.boxes, 0 * found.labels)
        cohort = attrs.evolve(cohort, annotations=same)
    else:
        dark = [Case.of(case.id, {name: np.zeros((96, 80), np.uint16) for name in case.views}) for case in cohort.cases]
        cohort = attrs.evolve(cohort, cases=dark)
    task = Localization(short).fit(cohort, FitContext(seed=1))
    output = check_output(task.predict(cohort.cases), "localization", cohort.ids)
    assert np.isfinite(output.detections.scores).all()
    assert np.isfinite(output.detections.background).all()
    assert np.isfinite(task.summary()["detector"]["loss"]).all()
    assert all(np.isfinite(value) for value in task.metrics(output, cohort).values())


def found_lesions(output, cohort, false_per_image):
    """Share of lesions found at so many false detections per image; a second opinion, box by box."""
    detections, truth = output.detections, cohort.annotations
    image = np.repeat(np.arange(output.present.size), detections.counts())
    best, false = np.full(len(truth), -1.0), []
    for place, (x0, y0, x1, y1), score in zip(image, detections.boxes, detections.scores, strict=True):
        hit = False
        for row in np.flatnonzero(truth.case * len(output.spec.views) + truth.view == place):
            a0, b0, a1, b1 = truth.boxes[row]
            common = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - common
            centred = a0 <= (x0 + x1) / 2 <= a1 and b0 <= (y0 + y1) / 2 <= b1
            if centred or common >= 0.2 * union:
                hit, best[row] = True, max(best[row], score)
        if not hit:
            false.append(score)
    allowed = int(false_per_image * output.present.sum())
    threshold = sorted(false, reverse=True)[allowed] if allowed < len(false) else -0.5
    return float(np.mean(best > threshold))


@pytest.mark.slow
def test_the_detector_overfits_twenty_exams(make_cohort, tiny):
    """On the exams it learned from, on purpose: proof that it learns boxes (reduced network, small toy images)."""
    cohort = make_cohort(20, validation=0)
    config = attrs.evolve(tiny, steps=80, patch_steps=20, epoch=20)
    task = Localization(config).fit(cohort, FitContext(seed=1))
    assert len(cohort.annotations) == 20
    assert found_lesions(task.predict(cohort.cases), cohort, 0.5) >= 0.95
    assert task.summary()["detector"]["loss"][-1] < task.summary()["detector"]["loss"][0]


def test_draws_follow_from_the_epoch_that_runs():
    draws = Draws(lambda step: step, steps=7, epoch=3)
    assert (len(draws), draws.epochs, draws[2]) == (3, 3, 2)
    draws.begin(2)
    draws.on_epoch_end()  # Keras says so when it has only looked at shapes, too
    assert draws[0] == 6
    assert len(Draws(lambda step: step, steps=2, epoch=3)) == 2
