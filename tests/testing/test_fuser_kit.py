"""The kit passes a fuser that keeps the contract, and names the one promise that another breaks."""

from __future__ import annotations

import numpy as np
import pytest
from kit_subjects import Average, write_pickle

from taskfusion.errors import ContractError
from taskfusion.fusers.pooled import MaxFuser
from taskfusion.testing import Checking, check_fuser, fusion_data, small_outputs
from taskfusion.testing.made_up import all_absent


def test_a_fuser_that_keeps_the_contract_passes_everything():
    report = check_fuser(Average).raise_for_failures()
    assert {outcome.message for outcome in report.of("skipped")} == {
        "it does not take gaps",
        "it learns one target at a time",
    }
    assert len(report.of("passed")) >= 15
    assert check_fuser(Average(), name="mine").subject == "mine"


def test_a_fuser_that_learns_nothing_is_checked_as_such():
    report = check_fuser(MaxFuser).raise_for_failures()
    assert "it has nothing to learn" in {outcome.message for outcome in report.of("skipped")}


def test_a_fuser_on_features_gets_them():
    class OnFeatures(Average):
        needs_features = True

        def pooled(self, inputs):
            assert set(inputs.features) == {"whole", "side", "spot"}
            assert inputs.features["spot"].shape[1:] == (4, 8)
            return super().pooled(inputs)

    check_fuser(OnFeatures).raise_for_failures()


def test_a_class_can_leave_itself_out():
    class Unwilling(Average):
        @classmethod
        def checking(cls):
            return Checking(skip="needs a GPU")

    assert [outcome.message for outcome in check_fuser(Unwilling).outcomes] == ["needs a GPU"]


class AnswersUntrained(Average):
    def predict(self, inputs):
        return np.full(len(inputs), 0.4) if self._shift is None else super().predict(inputs)


class Confused(Average):
    def predict(self, inputs):
        if self._shift is None:
            raise AttributeError("_shift")
        return super().predict(inputs)


class ReturnsNothing(Average):
    def fit(self, train, validation, context):
        super().fit(train, validation, context)


class Fills(Average):
    def fit(self, train, validation, context):
        np.nan_to_num(train.inputs.scores.values, copy=False)
        return super().fit(train, validation, context)


class NeedsValidation(Average):
    def fit(self, train, validation, context):
        assert validation.has_both_classes
        return super().fit(train, validation, context)


class Nan(Average):
    def pooled(self, inputs):
        return inputs.scores.values.mean(axis=1)


class Unbounded(Average):
    def predict(self, inputs):
        return 3 * super().predict(inputs)


class Column(Average):
    def predict(self, inputs):
        return super().predict(inputs)[:, None]


class Listed(Average):
    def predict(self, inputs):
        return super().predict(inputs).tolist()


class OneClass(Average):
    def fit(self, train, validation, context):
        self._shift, self._columns = 0.5, train.inputs.scores.columns
        return self


class AnyColumns(Average):
    def predict(self, inputs):
        self._columns = inputs.scores.columns if self._columns else ()
        return super().predict(inputs)


class BatchDependent(Average):
    def predict(self, inputs):
        found = super().predict(inputs)
        return np.clip(found - found.mean() + 0.5, 0, 1)


class Ranked(Average):
    """Depends on the order alone: each case gets its place."""

    def predict(self, inputs):
        super().predict(inputs)
        return np.linspace(0, 1, len(inputs)) if len(inputs) > 1 else super().predict(inputs)


class Random(Average):
    def fit(self, train, validation, context):
        super().fit(train, validation, context)
        self._shift += np.random.default_rng().random() / 9
        return self


class Rounds(Average):
    def load_state(self, folder):
        super().load_state(folder)
        self._shift = round(self._shift, 3)


class Pickles(Average):
    def save_state(self, folder):
        super().save_state(folder)
        write_pickle(folder / "model.pkl")


class NeverFresh(Average):
    def fresh(self):
        return self


class ArraySummary(Average):
    def summary(self):
        return {"shift": np.zeros(2)}


@pytest.mark.parametrize(
    ("fuser", "promise", "message"),
    [
        (
            AnswersUntrained,
            "Asked before",
            r"answers untrained, and otherwise than trained .*; expected NotFittedError",
        ),
        (Confused, "Asked before", r"raised AttributeError: _shift"),
        (ReturnsNothing, "Training returns", r"fit returned None; expected the fuser itself"),
        (Fills, "Training returns", r"fit changed the data it was given; expected it to work on copies"),
        (NeedsValidation, "without a validation", r"raised AttributeError: 'NoneType'"),
        (Nan, "Answers are finite", r"predict returned NaN or infinity; expected finite scores"),
        (Unbounded, "Answers are finite", r"predict returned \[.*\]; expected scores from 0 to 1"),
        (Column, "Answers are finite", r"predict returned shape \(17, 1\); expected \(17,\)"),
        (Listed, "Answers are finite", r"predict returned list; expected an array"),
        (OneClass, "one class only", r"fit on healthy cases only .* raised nothing; expected DataError"),
        (AnyColumns, "other tasks", r"predict on inputs that lack a task raised nothing; expected TaskFusionError"),
        (BatchDependent, "neither on the batch", r"asked one by one, answers differ: at"),
        (Ranked, "neither on the batch", r"answers differ: at"),
        (Random, "Trained again", r"answers differ: at .*seed everything random with context.seed"),
        (Rounds, "Saved and loaded", r"answers after save and load differ: at"),
        (Pickles, "no pickle", r"model.pkl may run code when it is loaded \(.pkl\)"),
        (NeverFresh, "fresh\\(\\)", r"."),
        (ArraySummary, "The summary", r"summary\(\) is no JSON data"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_broken_promise_is_named(fuser, promise, message):
    report = check_fuser(fuser)
    assert any(promise.replace("\\", "") in outcome.name for outcome in report.of("failed")), str(report)
    with pytest.raises(ContractError, match=message):
        report.raise_for_failures()


def test_generated_data_are_what_a_pipeline_would_give():
    data = fusion_data(Average(), 40, seed=5)
    assert data.has_both_classes and len(data) == 40 and len(np.unique(data.groups)) == 20
    assert data.inputs.scores.columns[:3] == ("whole/ill", "side/L", "side/R")
    assert 0 < data.inputs.scores.missing.mean() < 0.3
    best = np.nanmean(data.inputs.scores.values, axis=1)
    assert best[data.truth == 1].mean() > best[data.truth == 0].mean() + 0.2  # there is something to learn


def test_nothing_is_left_where_all_is_absent():
    outputs = all_absent(small_outputs(5))
    assert not any(output.present.any() for output in outputs.values())
    assert len(outputs["spot"].detections) == 0
