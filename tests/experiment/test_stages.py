"""Runs: a spec in, a folder out; repeatable, resumable, honest about splits."""

from __future__ import annotations

import re

import pandas as pd
import pytest
import toys

from taskfusion.cases import Cohort
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.experiment import run
from taskfusion.files import read_json

SPEC = """\
name: toy
cohort: {reader: toy, cases: 90}
tasks: {case_toy: , view_toy: , detection_toy: }
targets: [ill]
fusers:
  P: {fuser: svm, C: 1}
  max: {tasks: [view_toy]}
evaluation: {replicates: 50}
"""
FILES = {
    "spec.yaml",
    "tasks",
    "outputs",
    "fusers",
    "results.csv",
    "predictions.csv",
    "report.html",
    "model",
    "run.json",
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "toy.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def outcome(spec, tmp_path_factory):
    """One run; do not mutate."""
    from taskfusion.plugins import build_registry

    folder = tmp_path_factory.mktemp("run") / "toy"
    return run(spec, folder=folder, registry=build_registry([toys], entry_points=False))


def test_the_folder_is_laid_out_as_designed(outcome):
    assert {path.name for path in outcome.folder.iterdir()} >= FILES
    assert (outcome.folder / "fusers" / "P" / "ill" / "estimator.skops").is_file()


def test_results_have_a_row_per_fuser_target_and_split(outcome):
    table = pd.read_csv(outcome.folder / "results.csv")
    assert table.columns.tolist()[:8] == ["fuser", "target", "split", "n", "positives", "auc", "auc_low", "auc_high"]
    assert len(table) == 2 * 3 and set(table.split) == {"train", "validation", "test"}
    rows = pd.read_csv(outcome.folder / "predictions.csv")
    assert len(rows) == 90 * 2 and {"case", "fuser", "target", "truth", "score", "missing"} <= set(rows.columns)


def test_the_record_says_versions_seed_seconds_and_notice(outcome):
    record = read_json(outcome.folder / "run.json")
    assert record["notice"] == "TOY DATA" and record["main_split"] == "test" and record["seed"] == 0
    assert {"cohort", "fit", "predict", "evaluation", "model"} <= set(record["seconds"])
    assert record["tasks"]["view_toy"]["metrics"]["cases"] == outcome.results.n.iloc[-1]
    assert "TOY DATA" in (outcome.folder / "report.html").read_text()


def test_each_task_has_its_figures_and_its_card(outcome):
    tasks = outcome.folder / "tasks"
    assert (tasks / "view_toy" / "metrics.csv").read_text().splitlines()[0] == "metric,value"
    card = (outcome.folder / "model" / "tasks" / "view_toy" / "model_card.md").read_text()
    assert card == (tasks / "view_toy" / "model_card.md").read_text()
    test = outcome.results[outcome.results.split == "test"].n.iloc[0]
    assert f"## Results on the test split, {test} cases" in card
    assert f"fingerprint `{read_json(outcome.folder / 'run.json')['cohort']}`" in card
    assert "Model card" in (outcome.folder / "report.html").read_text()


SELF_MEASURED = """\
name: measured
cohort: {reader: small}
tasks: {risk: {task: sklearn, columns: [age], label: ill}}
fusers: {P: {fuser: score}}
evaluation: {replicates: 20}
"""


def test_a_task_that_knows_its_truth_shows_its_curve(tmp_path):
    (tmp_path / "s.yaml").write_text(SELF_MEASURED)
    made = run(tmp_path / "s.yaml", folder=tmp_path / "run")
    assert list(made.task_metrics["risk"]) == ["AUC per case"]
    [curve] = made.task_curves["risk"]
    points = pd.read_csv(tmp_path / "run" / "tasks" / "risk" / "curves.csv")
    assert points.kind.unique().tolist() == ["roc"] and points.y.tolist() == pytest.approx(curve.y.tolist(), abs=1e-5)
    assert 'id="roc-task-0"' in (tmp_path / "run" / "report.html").read_text()


def test_the_report_has_a_page_for_every_judged_case(outcome):
    text = (outcome.folder / "report.html").read_text()
    judged = outcome.predictions[outcome.predictions.split == "test"]["case"].unique()
    assert sorted(re.findall(r'class="case" data-case="(.+?)"', text)) == sorted(judged)
    assert "What each task is worth" in text and "Missing inputs" in text and "Who is better than whom" in text


def test_the_report_can_be_told_to_hold_less(spec, outcome, registry):
    changes = ["report.cases=5", "report.stress=none"]
    run(spec, overrides=changes, folder=outcome.folder, registry=registry)
    text = (outcome.folder / "report.html").read_text()
    assert text.count('class="case" data-case=') == 5 and "first: 5 of " in text
    assert "Missing inputs" not in text and "What each task is worth" in text
    run(spec, overrides=["report.cases=0"], folder=outcome.folder, registry=registry)
    assert 'class="case" data-case=' not in (outcome.folder / "report.html").read_text()
    run(spec, folder=outcome.folder, registry=registry)  # as the other tests find it


def test_a_second_run_computes_no_task_output_and_gives_the_same_tables(spec, outcome, registry):
    before = {name: (outcome.folder / name).read_bytes() for name in ("results.csv", "predictions.csv")}
    toys.CALLS.clear()
    run(spec, folder=outcome.folder, registry=registry)
    assert not toys.CALLS
    assert all((outcome.folder / name).read_bytes() == text for name, text in before.items())


def test_a_run_in_another_folder_gives_identical_tables(spec, outcome, registry, tmp_path):
    run(spec, folder=tmp_path / "again", registry=registry)
    for name in ("results.csv", "predictions.csv", "differences.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (outcome.folder / name).read_bytes()


def test_the_saved_spec_runs_again(outcome, registry, tmp_path):
    again = run(outcome.folder / "spec.yaml", folder=tmp_path / "again", registry=registry)
    assert again.results.equals(outcome.results)


def test_cross_validation_judges_every_case_once(spec, registry, tmp_path):
    made = run(spec, overrides=["evaluation.cross_validation=3"], folder=tmp_path / "cv", registry=registry)
    assert made.main_split == "cross-validation" and set(made.results.split) == {"cross-validation"}
    assert made.results.n.tolist() == [90, 90] and (tmp_path / "cv" / "model" / "manifest.json").is_file()
    text = (tmp_path / "cv" / "report.html").read_text()
    assert text.count('class="case" data-case=') == 90 and '"contributions":{"ill":{"P":{' in text


def test_no_split_to_judge_by(spec, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(toys.ToyReader, "read", lambda self, progress: toys.toy_cohort(60).with_split(None))
    with pytest.raises(DataError, match=r"has no case in split 'test' or 'validation'.*cross_validation"):
        run(spec, folder=tmp_path / "x", registry=registry)


def test_an_unknown_target_names_the_nearest(spec, registry, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown target 'il' \(did you mean 'ill'\?\)"):
        run(spec, overrides=["targets=[il]"], folder=tmp_path / "x", registry=registry)


def test_generated_views_are_written_once(tmp_path):
    import numpy as np

    from taskfusion.cases import Case, View
    from taskfusion.materialize import materialize
    from taskfusion.progress import Progress

    views = {"L": View("L", np.arange(6, dtype=np.uint16).reshape(2, 3) * 9000)}
    made = Cohort("g", [Case("a", views), Case("b", views)], ("L",), generated=True)
    stored = materialize(made, tmp_path, Progress(), jobs=1)
    assert not stored.generated and np.array_equal(stored.cases[1].views["L"].read(), views["L"].read())
    assert stored.fingerprint() == made.fingerprint()
    (tmp_path / "a" / "L.png").unlink()
    stamp = (tmp_path / "b" / "L.png").stat().st_mtime_ns
    materialize(made, tmp_path, Progress(), jobs=1)
    assert (tmp_path / "a" / "L.png").is_file() and (tmp_path / "b" / "L.png").stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_a_run_that_memory_does_not_hold_says_the_same(spec, outcome, registry, tmp_path):
    streamed = run(spec, folder=tmp_path / "toy", registry=registry, overrides=["memory=0"])
    for name in ("results.csv", "predictions.csv", "thresholds.csv"):
        assert (streamed.folder / name).read_text() == (outcome.folder / name).read_text()
    assert streamed.task_metrics == outcome.task_metrics
