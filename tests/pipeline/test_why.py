"""Why a case got its score: contributions add up, agree with the definition, and are there for every fuser."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import CaseToy, DetectionToy, ViewToy

import taskfusion
from taskfusion.inputs import FusionInput, ScoreTable
from taskfusion.pipeline import why
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.why import contributions, set_values


def table(tasks: int, cases: int = 5, seed: int = 0) -> FusionInput:
    values = np.random.default_rng(seed).uniform(size=(cases, tasks))
    return FusionInput(tuple(f"c{i}" for i in range(cases)), ScoreTable(tuple(f"t{k}/x" for k in range(tasks)), values))


def tangled(inputs: FusionInput) -> np.ndarray:
    """Not additive: products of neighbours, hidden scores as 0.3."""
    values = np.where(np.isnan(inputs.scores.values), 0.3, inputs.scores.values)
    return values.prod(axis=1) + values[:, 0] * values[:, -1] ** 2


def by_definition(score, inputs: FusionInput) -> np.ndarray:
    """The mean gain of each task over every order; the reference."""
    tasks, gains = len(inputs.tasks), np.zeros((len(inputs), len(inputs.tasks)))
    for order in itertools.permutations(range(tasks)):
        seen = np.zeros(tasks, bool)
        before = set_values(score, inputs, seen[None])[0]
        for task in order:
            seen[task] = True
            after = set_values(score, inputs, seen[None])[0]
            gains[:, task] += after - before
            before = after
    return gains / factorial(tasks)


@given(st.integers(1, 4), st.integers(0, 99))
def test_exact_contributions_equal_the_mean_over_all_orders(tasks, seed):
    inputs = table(tasks, seed=seed)
    found = contributions(tangled, inputs)
    assert found.exact and np.allclose(found.values, by_definition(tangled, inputs), atol=1e-12)


@pytest.mark.parametrize("tasks", [3, 12])
def test_contributions_add_up_to_score_minus_base(tasks):
    inputs = table(tasks)
    found = contributions(tangled, inputs)
    assert found.exact == (tasks <= why.EXACT)
    assert np.allclose(found.values.sum(axis=1) + found.base, tangled(inputs), atol=1e-12)


def test_sampled_contributions_come_close_to_exact_ones(monkeypatch):
    inputs = table(6, seed=2)
    exact = contributions(tangled, inputs).values
    monkeypatch.setattr(why, "EXACT", 2)
    sampled = contributions(tangled, inputs)
    assert not sampled.exact and np.abs(sampled.values - exact).max() < 0.05
    assert np.array_equal(sampled.values, contributions(tangled, inputs).values), "the seed decides"


def test_a_fuser_is_asked_at_most_once_per_set_of_tasks_and_case(monkeypatch):
    asked = []

    def counting(inputs: FusionInput) -> np.ndarray:
        asked.append(len(inputs))
        return tangled(inputs)

    monkeypatch.setattr(why, "ROWS", 64)
    contributions(counting, table(4, cases=30))
    assert sum(asked) == 2**4 * 30 and max(asked) <= 64


@pytest.fixture(scope="module")
def result(cohort):
    """Two fusers, one that sees all three tasks and one that sees one; do not mutate."""
    tasks = {"density": CaseToy(), "view": ViewToy(), "loc": DetectionToy()}
    plans = [*taskfusion.compose(tasks, "svm", detections=2).plans]
    import attrs

    plans.append(attrs.evolve(plans[0], name="view alone", fuser=taskfusion.fuser("max"), tasks=("view",)))
    return FusionPipeline(tasks, plans).fit(cohort).predict(cohort.part("test"))


def test_every_prediction_says_what_each_task_contributed(result):
    one = result[result.cases[0]]
    parts = one.contributions["ill"]["svm"]
    assert set(parts) == {"density", "view", "loc", "base"}
    assert sum(parts.values()) == pytest.approx(one.fused["ill"]["svm"], abs=1e-9)
    moved = [abs(value) for name, value in parts.items() if name != "base"]
    assert moved == sorted(moved, reverse=True)
    assert set(one.contributions["bad"]["view alone"]) == {"view", "base"}
    rows = result.contribution_table
    assert len(rows) == len(result) * 4 and {"case", "fuser", "target", "score", "base", "density"} <= set(rows)


def test_one_of_very_many_cases_is_explained_alone(result, monkeypatch):
    from taskfusion.pipeline import results

    together = result[result.cases[3]].contributions
    monkeypatch.setattr(results, "AT_ONCE", 1)
    alone = result[result.cases[3]].contributions
    assert alone["ill"]["svm"] == pytest.approx(together["ill"]["svm"])


def test_every_prediction_says_which_boxes_were_used_and_what_was_filled(result):
    row = next(k for k, case in enumerate(result.cases) if len(result[case].tasks["loc"]) > 4)
    one = result[result.cases[row]]
    used = one.used["ill"]["svm"]["loc"]
    best = {view: [b for b in one.tasks["loc"] if b["view"] == view][:2] for view in ("L", "R")}
    assert sorted(map(str, used)) == sorted(map(str, best["L"] + best["R"]))
    assert "loc" not in one.used["ill"]["view alone"]
    few = next(result[case] for case in result.cases if len(result[case].tasks["loc"]) < 2)
    assert few.filled["ill"]["svm"]["loc/R/2"] == "padding zero" and not few.filled["ill"]["view alone"]
