"""The kit passes a task that keeps the contract, and names the one promise that another breaks."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import attrs
import numpy as np
import pytest
import toys
from kit_subjects import Bright, Options, write_pickle

from taskfusion.cases import Cohort
from taskfusion.errors import ContractError, DataError
from taskfusion.outputs import Level, TaskSpec
from taskfusion.testing import Checking, check_task, small_cohort
from taskfusion.testing.cohorts import SmallConfig


@pytest.fixture(scope="module")
def small() -> Cohort:
    """The kit's own cohort; do not mutate."""
    return small_cohort()


def test_a_task_that_keeps_the_contract_passes_everything(small):
    report = check_task(Bright, small).raise_for_failures()
    assert report.ok and not report.of("skipped") and report.subject == "task Bright"
    assert len(report.of("passed")) == len(report.outcomes) >= 15


def test_an_instance_is_checked_with_its_own_configuration(small):
    class Loud(Bright):
        def fit(self, cohort, context):
            assert self.config.scale == 3.0
            return super().fit(cohort, context)

    assert check_task(Loud(Options(scale=3.0)), small).ok
    assert not check_task(Loud, small).ok


class Reading(Bright):
    def __init__(self, config=None):
        super().__init__(config)
        Path(__file__).read_text()


class Forgetful(Bright):
    def __init__(self, config=None):
        super().__init__(Options())


class SpecRaises(Bright):
    @property
    def spec(self):
        if self._mean is None:
            raise AttributeError("no spec yet")
        return super().spec


class AnswersUntrained(Bright):
    def predict(self, cases):
        self._mean = self._mean or 90.0
        return super().predict(cases)


class Raises(Bright):
    def predict(self, cases):
        if self._mean is None:
            raise TypeError("None is no number")
        return super().predict(cases)


class Peeks(Bright):
    def fit(self, cohort, context):
        self.measured(cohort.part("test").cases[:1])
        return super().fit(cohort, context)


class PeeksAtMetadata(Bright):
    def fit(self, cohort, context):
        [case.metadata.get("age") for case in cohort.cases]
        return super().fit(cohort, context)


class PeeksQuietly(Bright):
    """Swallows what the guarded image raises."""

    def fit(self, cohort, context):
        with contextlib.suppress(Exception):
            self.measured(cohort.cases)
        return super().fit(cohort, context)


class PeeksAtLabels(Bright):
    def fit(self, cohort, context):
        super().fit(cohort, context)
        self._mean += float(cohort.label("ill").mean())
        return self


class ReturnsNothing(Bright):
    def fit(self, cohort, context):
        super().fit(cohort, context)


class Random(Bright):
    def fit(self, cohort, context):
        super().fit(cohort, context)
        self._mean += np.random.default_rng().random()
        return self


class NoViews(Bright):
    @property
    def spec(self):
        return TaskSpec(Level.VIEW, ("ill",), (), 1)


class NoSpec(Bright):
    spec = "view"


class WrongShape(Bright):
    def answer(self, cases, seen):
        output = super().answer(cases, seen)
        return attrs.evolve(output, features=output.features[..., :0])


class WrongOrder(Bright):
    def answer(self, cases, seen):
        return super().answer(cases[::-1], seen)


class PresentNan(Bright):
    """A lacking view is NaN, and said to be there."""

    def answer(self, cases, seen):
        output = super().answer(cases, seen)
        return attrs.evolve(output, present=np.ones_like(output.present))


class Guesses(Bright):
    """A lacking view is taken for a black one: a silent zero."""

    def look(self, case, view):
        found = super().look(case, view)
        return 0.0 if np.isnan(found) else found


class GuessesUnreadable(Bright):
    def look(self, case, view):
        try:
            return super().look(case, view)
        except DataError:
            return 0.0


class KeyErrors(Bright):
    def look(self, case, view):
        return float(case.views[view].read().mean())


class BatchDependent(Bright):
    def answer(self, cases, seen):
        return super().answer(cases, seen - np.nanmean(seen) + 90)


class RoundsOnSaving(Bright):
    def load_weights(self, folder):
        super().load_weights(folder)
        self._mean = round(self._mean, 3)


class Pickles(Bright):
    def save_weights(self, folder):
        super().save_weights(folder)
        write_pickle(folder / "weights.bin")


class SameFingerprint(Bright):
    def fingerprint(self, sources=None):
        return "always"


COUNT = itertools.count()


class UnstableFingerprint(Bright):
    def fingerprint(self, sources=None):
        return str(next(COUNT))


class Paints(Bright):
    def look(self, case, view):
        if view not in case.views:
            return float("nan")
        pixels = case.views[view].read()
        found = float(pixels.mean())
        pixels[:2] = 255 - pixels[:2]
        return found


class ArraySummary(Bright):
    def summary(self):
        return {"mean": np.float32(self._mean or 0)}


class NanMetrics(Bright):
    def metrics(self, output, cohort):
        return {"AUC": float("nan")}


BROKEN = [
    (
        Reading,
        "constructor stores",
        r"called io.open\(.*test_task_kit.py'\)\); expected a constructor that only stores",
    ),
    (Forgetful, "constructor stores", r"Forgetful\(config\).config is not that config"),
    (SpecRaises, "Before training the spec", r"raised AttributeError: no spec yet \(test_task_kit.py:\d+ in spec\)"),
    (AnswersUntrained, "Asked before it is trained", r"predict before fit raised nothing; expected NotFittedError"),
    (Raises, "Asked before it is trained", r"raised TypeError: None is no number .*; expected NotFittedError"),
    (Peeks, "sees nothing of the test split", r"image 'L' of test case case-"),
    (PeeksAtMetadata, "sees nothing of the test split", r"metadata 'age' of test case case-"),
    (
        PeeksQuietly,
        "sees nothing of the test split",
        r"fit looked at image 'L' of test case .*; expected train and val",
    ),
    (PeeksAtLabels, "test split's labels", r"scores differ: .*expected equal answers"),
    (ReturnsNothing, "Training returns the task", r"fit returned None; expected the task itself \(return self\)"),
    (Random, "Trained again with the same seed", r"scores differ: at .*seed everything random with context.seed"),
    (NoViews, "the spec declares", r"task spec: level view needs views"),
    (NoSpec, "the spec declares", r"spec is 'view'; expected a TaskSpec"),
    (WrongShape, "declared shapes", r"features has shape \(7, 2, 0\); expected \(7, 2, 1\)"),
    (WrongOrder, "declared shapes", r"answered about other cases than it was asked, or in another order"),
    (
        PresentNan,
        "A view that a case lacks",
        r"a case without view 'L': a score is NaN but present; expected an absent",
    ),
    (Guesses, "A view that a case lacks", r"a case without view 'L' is answered for that view; expected an absent"),
    (GuessesUnreadable, "An image that cannot be read", r"an unreadable image 'L' is answered for that view"),
    (KeyErrors, "A case without any view", r"a case without views raised KeyError: 'L' .*; expected an absent answer"),
    (BatchDependent, "neither on the chunk", r"asked one by one, scores differ: at .*expected the answers of one call"),
    (RoundsOnSaving, "Saved and loaded", r"after save and load scores differ: at"),
    (Pickles, "no pickle", r"weights/weights.bin is a pickle; expected data only"),
    (SameFingerprint, "The fingerprint", r"the fingerprint does not change with option 'scale'"),
    (UnstableFingerprint, "The fingerprint", r"two tasks of one configuration have fingerprints"),
    (Paints, "Asking does not change", r"predict changed a case; expected it to copy first"),
    (ArraySummary, "Summary and metrics", r"summary\(\) is no JSON data"),
    (NanMetrics, "Summary and metrics", r"metrics \['AUC'\] are not finite"),
]


@pytest.mark.parametrize(
    ("task", "promise", "message"), BROKEN, ids=lambda v: v.__name__ if isinstance(v, type) else ""
)
def test_a_broken_promise_is_named(task, promise, message):
    report = check_task(task, small_cohort())
    assert any(promise in outcome.name for outcome in report.of("failed")), str(report)
    with pytest.raises(ContractError, match=message):
        report.raise_for_failures()


def test_what_hangs_on_a_failed_training_is_left_out_with_a_reason(small):
    report = check_task(Peeks, small)
    left_out = [outcome for outcome in report.of("skipped") if "it could not be trained: LeakError" in outcome.message]
    assert len(left_out) >= 8


def test_a_task_of_detections_and_one_without_images(small):
    report = check_task(toys.DetectionToy, toys.toy_cohort(36))
    assert [outcome.name for outcome in report.of("failed")] == ["Asked before it is trained, it raises NotFittedError"]
    assert {outcome.message for outcome in report.of("skipped")} == {"it reads no image"}


def test_a_class_says_how_it_is_checked(small):
    class Choosy(Bright):
        views = ("A", "B")

        @classmethod
        def checking(cls):
            return Checking({"scale": 5}, small_cohort(SmallConfig(cases=18, views=("A", "B"))))

    class Unwilling(Bright):
        @classmethod
        def checking(cls):
            return Checking(skip="needs a GPU")

    class Confused(Bright):
        @classmethod
        def checking(cls):
            return {"scale": 5}

    assert check_task(Choosy).ok
    (outcome,) = check_task(Unwilling).outcomes
    assert outcome.status == "skipped" and outcome.message == "needs a GPU"
    with pytest.raises(ContractError, match=r"checking\(\) returned \{'scale': 5\}; expected a Checking"):
        check_task(Confused)


def test_ctrl_c_stops_the_kit(small):
    class Interrupted(Bright):
        def fit(self, cohort, context):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_task(Interrupted, small)
