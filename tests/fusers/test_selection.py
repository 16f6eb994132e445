"""Choosing among candidates: the tamest that is as good as the best, on validation or out of fold, groups apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_tables import fusion_data, three_tasks
from sklearn.svm import SVC

from taskfusion.fusers import scaling, score_base
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.linear import LogisticConfig, LogisticFuser
from taskfusion.fusers.selection import FOLDS, group_splits, select, some_of
from taskfusion.fusers.svm import SvmConfig, SvmFuser

TRUTH = np.array([0, 0, 1, 1] * 5)
ASKED = fusion_data(np.random.default_rng(0).random((20, 1)), TRUTH, np.arange(20) // 2)


def fitter(answers: dict[str, list[float]], seen: list | None = None):
    """Models that answer from a list, case by case, and remember what they were fitted on."""

    def fit_one(params, data):
        if seen is not None:
            seen.append(data)
        return params["name"]

    def score(model, inputs):
        return np.array([answers[model][int(case[1:])] for case in inputs.cases])

    return fit_one, score


def grid(*names: str):
    return [{"name": name} for name in names]


GOOD, BAD = TRUTH * 0.8 + 0.1, 0.9 - TRUTH * 0.8
LOW = TRUTH * 0.2 + 0.1  # as good an order as GOOD, and nobody is called positive


@pytest.mark.parametrize("validation", [ASKED, None])
def test_the_first_of_the_best_is_taken(validation):
    answers = {"bad": BAD, "low": LOW, "good": GOOD, "same": GOOD}
    best = select(grid("bad", "low", "good", "same"), fitter(answers), ASKED, validation)
    assert best.params["name"] == best.model == "low"
    assert [(t["name"], t["auc"], t["recall"]) for t in best.tried] == [
        ("bad", 0, 0),
        ("low", 1, 0),
        ("good", 1, 1),
        ("same", 1, 1),
    ]


def noisy(truth: np.ndarray, strength: float, seed: int) -> np.ndarray:
    return 1 / (1 + np.exp(-(strength * (truth - 0.5) + np.random.default_rng(seed).normal(size=len(truth)))))


@pytest.mark.parametrize(("cases", "chosen"), [(40, "tame"), (4000, "wild")])
def test_a_tamer_candidate_is_taken_unless_the_cases_can_tell_it_from_the_best(cases, chosen):
    truth = np.arange(cases) % 2
    data = fusion_data(np.zeros((cases, 1)), truth)
    answers = {"useless": noisy(truth, 0, 1), "tame": noisy(truth, 2, 1), "wild": noisy(truth, 2.4, 11)}
    best = select(grid("useless", "tame", "wild"), fitter(answers), data, data)
    reached = {tried["name"]: tried["auc"] for tried in best.tried}
    assert reached["wild"] > reached["tame"] > reached["useless"]
    assert best.params["name"] == chosen


def test_cases_of_one_patient_tell_less_than_as_many_patients():
    of_patient = np.arange(20) % 2
    patients = {"tame": noisy(of_patient, 1, 3), "wild": noisy(of_patient, 1.6, 11)}
    answers = {name: np.repeat(said, 6) for name, said in patients.items()}
    truth = np.repeat(of_patient, 6)
    chosen = {}
    for name, groups in {"alone": np.arange(120), "together": np.arange(120) // 6}.items():
        data = fusion_data(np.zeros((120, 1)), truth, groups)
        chosen[name] = select(grid("tame", "wild"), fitter(answers), data, data).params["name"]
    assert chosen == {"alone": "wild", "together": "tame"}


def test_of_several_targets_the_best_is_taken_and_recall_breaks_ties():
    truth = np.stack([TRUTH, 1 - TRUTH], axis=1)
    data = fusion_data(np.zeros((20, 1)), truth)
    answers = {name: np.stack([said, 1 - said], axis=1) for name, said in {"low": LOW, "good": GOOD}.items()}
    assert select(grid("low", "good"), fitter(answers), data, data).params["name"] == "good"


def test_out_of_fold_keeps_groups_apart():
    seen: list = []
    best = select(grid("good", "low"), fitter({"good": GOOD, "low": LOW}, seen), ASKED, None)
    assert best.how == f"out of fold on the training split, {FOLDS} folds by group" and len(seen) == 2 * FOLDS + 1
    for part in seen[:-1]:
        outside = set(ASKED.inputs.cases) - set(part.inputs.cases)
        assert not {ASKED.groups[int(case[1:])] for case in outside} & set(part.groups)
    assert len(seen[-1]) == len(ASKED)


def test_a_validation_split_of_one_class_is_not_used():
    half = ASKED.select(np.flatnonzero(TRUTH == 0))
    assert select(grid("good", "low"), fitter({"good": GOOD, "low": LOW}), ASKED, half).how.startswith("out of fold")


@pytest.mark.parametrize("groups", [np.zeros(20, int), np.where(TRUTH == 1, 0, np.arange(20) + 1)])
def test_where_nothing_can_be_compared_the_first_is_taken_and_it_is_said(groups):
    lone = fusion_data(np.zeros((20, 1)), TRUTH, groups)
    best = select(grid("bad", "good"), fitter({"bad": BAD, "good": GOOD}), lone, None)
    assert best.params["name"] == "bad" and best.tried == [] and best.how.startswith("not searched: too few groups")


def test_one_candidate_is_not_searched():
    best = select(grid("bad"), fitter({"bad": BAD}), ASKED, ASKED)
    assert (best.tried, best.how) == ([], "not searched: one candidate")


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=30), st.integers(2, 5))
def test_folds_are_a_partition_by_group_and_the_same_every_time(rows, folds):
    truth, groups = np.array(rows).T
    splits = group_splits(truth, groups, folds)
    assert len(splits) <= folds
    if splits:
        assert sorted(np.concatenate([outside for _, outside in splits])) == list(range(len(rows)))
    for (inside, outside), (_, again) in zip(splits, group_splits(truth, groups, folds), strict=True):
        assert not set(groups[inside]) & set(groups[outside]) and np.array_equal(outside, again)


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_some_cases_are_whole_groups_of_both_classes(cases, most, seed):
    truth, groups = np.arange(cases) % 3 == 0, np.arange(cases) // 3
    data = fusion_data(np.zeros((cases, 1)), truth, groups)
    drawn = some_of(data, most, seed)
    if cases <= most:
        assert drawn is data
    rows = [int(case[1:]) for case in drawn.inputs.cases]
    assert rows == sorted(rows) and drawn.has_both_classes == data.has_both_classes
    assert set(rows) == set(np.flatnonzero(np.isin(groups, drawn.groups)))
    assert drawn is data or most <= len(rows) < most + 3
    assert some_of(data, most, seed).inputs.cases == drawn.inputs.cases


def test_some_cases_of_one_class_will_not_do():
    data = fusion_data(np.zeros((20, 1)), np.arange(20) == 7)
    assert {len(some_of(data, 2, seed)) for seed in range(20)} <= {2, 20}
    assert any(some_of(data, 2, seed) is data for seed in range(5))


def test_very_many_cases_are_compared_on_some_and_learned_from_whole(monkeypatch):
    train, validation = three_tasks(300, 1), three_tasks(100, 2)
    plain = LogisticFuser().fit(train, validation, FuseContext())
    monkeypatch.setattr(score_base, "COMPARED", 100)
    fuser = LogisticFuser().fit(train, validation, FuseContext())
    assert fuser.summary()["compared"] == "on the validation split, learning from 100 of 300 cases"
    chosen = LogisticConfig(C=(fuser.summary()["chosen"]["C"],))
    whole = LogisticFuser(chosen).fit(train, validation, FuseContext())
    np.testing.assert_array_equal(fuser.predict(validation.inputs), whole.predict(validation.inputs))
    assert plain.summary()["compared"] == "on the validation split"


def test_many_cases_are_answered_a_part_at_a_time(monkeypatch):
    train, asked = three_tasks(100, 1), three_tasks(50, 2).inputs
    fuser = LogisticFuser().fit(train, None, FuseContext())
    whole, sizes = fuser.predict(asked), []
    answer = fuser.answer
    for module in (scaling, score_base):
        monkeypatch.setattr(module, "ROWS", 20)
    monkeypatch.setattr(fuser, "answer", lambda model, X: sizes.append(len(X)) or answer(model, X))
    np.testing.assert_allclose(fuser.predict(asked), whole, rtol=1e-12)
    assert sizes == [20, 20, 10]


def test_a_machine_of_square_cost_learns_from_some(monkeypatch):
    train, learned = three_tasks(300, 1), []
    monkeypatch.setattr(SvmFuser, "most", 100)
    monkeypatch.setattr(SvmFuser, "build", lambda self, params, rows: learned.append(len(rows.X)) or SVC(**params))
    SvmFuser(SvmConfig(C=(1.0,))).fit(train, None, FuseContext())
    assert learned == [100]
