"""The example package fuses three levels, saves, loads, and gives the same numbers again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import taskfusion_digits.plugin
from taskfusion.experiment import RunOutcome, run
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.plugins import Registry, build_registry
from taskfusion.progress import Progress
from taskfusion.spec import load_spec

SPEC = Path(__file__).parents[1] / "examples" / "digits_plugin" / "digits.yaml"
TASKS = ("ink", "glance", "windows")
FEWER = ["cohort.cases=400", "cohort.writers=40", "evaluation.replicates=20", "fusers.P_forest.trees=10"]
SCORE_FUSERS = ("P_score", *(f"{task}_alone" for task in TASKS), *(f"without_{task}" for task in TASKS))
FEWER += [f"fusers.{name}.{key}" for name in SCORE_FUSERS for key in ("hidden='1'", "alpha=10")]
TOLERANCE = {"rel": 1e-6, "abs": 1e-9}  # predictions.csv and sums in another order


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Built-ins and the example."""
    return build_registry([taskfusion_digits.plugin], entry_points=False)


@pytest.fixture(scope="module")
def made(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """The example's spec on fewer slips; do not mutate."""
    return run(SPEC, overrides=FEWER, folder=tmp_path_factory.mktemp("digits"), registry=registry)


def scores(outcome: RunOutcome) -> pd.Series:
    """Fused scores by case, fuser and target."""
    return outcome.predictions.set_index(["case", "fuser", "target"])["score"]


@pytest.mark.slow
def test_it_fuses_three_levels(made: RunOutcome) -> None:
    table = made.results[made.results.split == "test"].set_index(["target", "fuser"])
    assert tuple(made.task_metrics) == TASKS
    for target in ("seven", "high"):
        alone = [table.auc[target, f"{task}_alone"] for task in TASKS]
        assert table.auc[target, "P_score"] > max(0.8, np.median(alone))
    assert (made.folder / "report.html").is_file()


@pytest.mark.slow
def test_the_saved_model_gives_the_same_scores(made: RunOutcome, registry: Registry) -> None:
    cohort = load_spec(SPEC, registry, FEWER).reader.read(Progress())
    result = FusionPipeline.load(made.folder / "model", registry).predict(cohort.part("test"))
    wanted = scores(made)
    for (fuser, target), found in result.scores.items():
        assert found == pytest.approx(wanted.loc[list(result.cases), fuser, target].to_numpy(), **TOLERANCE)
    assert any(result.missing)  # lost views and totals are said


@pytest.mark.slow
def test_the_same_spec_gives_the_same_numbers(made: RunOutcome, registry: Registry, tmp_path: Path) -> None:
    again = run(SPEC, overrides=FEWER, folder=tmp_path / "again", registry=registry)
    pd.testing.assert_frame_equal(again.predictions, made.predictions)
    pd.testing.assert_frame_equal(again.results, made.results)
