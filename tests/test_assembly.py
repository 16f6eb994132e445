"""Outputs become score tables and feature blocks; what the fusers see does not depend on order or batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_outputs import counts, ragged
from toys import CaseToy, DetectionToy, ViewToy

from taskfusion.assembly import Assembler, missing_of, top_detections
from taskfusion.cases import Target
from taskfusion.errors import ContractError
from taskfusion.outputs import Detections, TaskOutput
from taskfusion.padding import BackgroundPadding, ZeroPadding

ANY, BAD = Target("ill"), Target("bad", ("bad",))


def plain_top(output: TaskOutput, target: Target, n: int, cell: int) -> list[float]:
    """The reference: sort the scores of one cell."""
    found, counted = output.detections, target.counts(output.spec.classes)
    rows = found.of(cell)
    kept = found.scores[rows][counted[found.labels[rows]]]
    return sorted(kept.tolist(), reverse=True)[:n]


@given(counts, st.integers(1, 5), st.sampled_from([ANY, BAD]))
def test_top_n_equals_sorting_each_view(sizes, n, target):
    output = ragged(sizes)
    slots = top_detections(output, target, n)
    scores, filled = slots.scores.reshape(-1, n), slots.filled.reshape(-1, n)
    for cell in range(len(sizes)):
        assert scores[cell][filled[cell]].tolist() == plain_top(output, target, n, cell)


@given(counts, st.integers(1, 4), st.integers(0, 99))
def test_the_order_of_detections_does_not_matter(sizes, n, seed):
    output = ragged(sizes)
    found = output.detections
    rng = np.random.default_rng(seed)
    cells = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((rng.random(len(cells)), cells))
    mixed = Detections(
        found.offsets, found.boxes[order], found.labels[order], found.scores[order], found.features[order]
    )
    other = TaskOutput(output.spec, output.cases, output.present, detections=mixed)
    first, second = top_detections(output, ANY, n), top_detections(other, ANY, n)
    assert np.array_equal(first.scores, second.scores) and np.array_equal(first.features, second.features)


@given(counts, st.integers(1, 4))
def test_a_batch_of_one_gives_the_same_row(sizes, n):
    output = ragged(sizes)
    make = Assembler(ANY, n, BackgroundPadding(), True)
    whole = make({"loc": output})
    for row in range(len(output)):
        alone = make({"loc": output.select(np.array([row]))})
        assert np.array_equal(alone.scores.values[0], whole.scores.values[row])
        assert np.array_equal(alone.features["loc"][0], whole.features["loc"][row])
        assert np.isfinite(alone.features["loc"]).all()


def outputs(cohort, count=6):
    cases = cohort.cases[:count]
    return {"density": CaseToy().predict(cases), "view": ViewToy().predict(cases), "loc": DetectionToy().predict(cases)}


def test_columns_are_named(cohort):
    inputs = Assembler(ANY, 2, ZeroPadding(), True)(outputs(cohort))
    assert inputs.scores.columns == ("density/ill", "view/L", "view/R", "loc/L/1", "loc/L/2", "loc/R/1", "loc/R/2")
    assert {name: block.shape for name, block in inputs.features.items()} == {
        "density": (6, 2, 8),
        "view": (6, 2, 8),
        "loc": (6, 4, 8),
    }


def test_background_fills_only_the_gaps(cohort):
    answers = {"loc": outputs(cohort)["loc"]}
    zero = Assembler(ANY, 5, ZeroPadding(), True)(answers).features["loc"]
    background = Assembler(ANY, 5, BackgroundPadding(), True)(answers).features["loc"]
    gaps = ~top_detections(answers["loc"], ANY, 5).filled.reshape(6, -1)
    assert gaps.any() and np.array_equal(zero[~gaps], background[~gaps])
    assert (zero[gaps] == 0).all() and np.allclose(background[gaps], -np.linspace(0.5, 1.5, 8))


def test_missing_answers_are_said_and_nan(cohort):
    import attrs

    cases = [attrs.evolve(cohort.cases[0], metadata={**cohort.cases[0].metadata, "hidden": "R", "no case": 1})]
    answers = {"density": CaseToy().predict(cases), "view": ViewToy().predict(cases)}
    assert missing_of(answers) == [("density", "view/R")]
    table = Assembler(ANY, 1, ZeroPadding())(answers).scores
    assert table.missing.tolist() == [[True, False, True]]


def test_refusals(cohort):
    make = Assembler(ANY, 1, ZeroPadding(), True)
    with pytest.raises(ContractError, match=r"nothing to fuse"):
        make({})
    with pytest.raises(ContractError, match=r"the tasks a, b answered about different cases"):
        make({"a": ViewToy().predict(cohort.cases[:2]), "b": ViewToy().predict(cohort.cases[:3])})
    bare = TaskOutput(ViewToy().spec, ["a"], [[True, True]])
    with pytest.raises(ContractError, match=r"gave no detections"):
        top_detections(bare, ANY, 1)
    import attrs

    plain = ViewToy().predict(cohort.cases[:2])
    plain = attrs.evolve(plain, spec=attrs.evolve(plain.spec, feature_size=0), features=None)
    with pytest.raises(ContractError, match=r"none of the tasks v has features; use a score fuser"):
        make({"v": plain})
