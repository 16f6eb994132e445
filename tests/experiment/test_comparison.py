"""Comparisons of runs and of tables, as objects and as printed tables."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import toys
import yaml

import taskfusion
from taskfusion.errors import DataError, SpecError, UnknownNameError
from taskfusion.evaluation.layout import Cell, Layout, p_matrix
from taskfusion.experiment import run
from taskfusion.plugins import build_registry

SPEC = """\
name: toy
cohort: {reader: toy, cases: 120}
tasks: {case_toy: , view_toy: }
targets: [ill]
ablate: [case_toy]
seeds: [3, 4]
fusers:
  P: {fuser: logistic, C: 1, calibrate: sigmoid}
  max: {}
  view: {fuser: max, tasks: [view_toy]}
evaluation: {replicates: 60, thresholds: [0.5, youden, {sensitivity: 0.9}]}
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """A run with two seeds and an ablation; do not mutate."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "toy.yaml").write_text(SPEC)
    return run(folder / "toy.yaml", folder=folder / "toy", registry=build_registry([toys], entry_points=False))


def made_up(fusers=("A", "B", "C"), split="test"):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 60)
    return pd.DataFrame(
        [
            (
                f"c{i}",
                f"g{i // 2}",
                split,
                fuser,
                "ill",
                truth[i],
                np.clip(rng.normal(0.4 + 0.1 * k * truth[i], 0.2), 0, 1),
            )
            for k, fuser in enumerate(fusers)
            for i in range(60)
        ],
        columns=["case", "group", "split", "fuser", "target", "truth", "score"],
    )


def test_each_fuser_stands_beside_itself_without_the_ablated_task(outcome):
    assert outcome.comparison.summary["fuser"].tolist() == ["P", "P - case_toy", "max", "max - case_toy", "view"]
    scores = outcome.predictions.pivot(index=["case", "repeat"], columns="fuser", values="score")
    assert scores["max - case_toy"].equals(scores["view"]) and not scores["max"].equals(scores["view"])


def test_each_seed_is_a_repeat(outcome):
    assert sorted(outcome.predictions["repeat"].unique()) == [0, 1]
    assert (outcome.results["repeats"] == 2).all()
    assert set(pd.read_csv(outcome.folder / "thresholds.csv")["repeat"]) == {0, 1}
    assert (outcome.folder / "rounds" / "1" / "tasks").is_dir()


def test_a_run_writes_its_tables(outcome):
    folder = outcome.folder
    names = {path.name for path in (folder / "tables").iterdir()}
    assert names == {
        "tables.md",
        "tables.tex",
        "summary.csv",
        "comparisons.csv",
        "differences.csv",
        "operating_points.csv",
    }
    text = (folder / "tables" / "tables.md").read_text()
    for title in ("ill: performance on the test split", "AUC minus that of P", "operating points", "calibration"):
        assert title in text
    costs = pd.read_csv(folder / "costs.csv")
    assert (costs[["ms_single", "ms_per_case"]] > 0).all(axis=None) and (costs["fit_seconds"] >= 0).all()


def test_calibration_is_judged_before_and_after(outcome):
    rows = outcome.comparison.summary.set_index("fuser")
    assert (
        rows.loc["P", "brier"] != rows.loc["P", "brier_raw"]
        and rows.loc["max", "brier"] == rows.loc["max", "brier_raw"]
    )


def test_a_run_compares_the_same_from_its_outcome_and_its_folder(outcome):
    for what in (outcome, outcome.folder, str(outcome.folder), [outcome.folder]):
        found = taskfusion.compare(what, replicates=60)
        for name in ("results", "pairs", "points", "differences"):
            pd.testing.assert_frame_equal(
                getattr(found, name), getattr(outcome.comparison, name), rtol=1e-6, check_dtype=False
            )


def test_a_table_is_enough(tmp_path):
    table = made_up()
    found = taskfusion.compare(table, replicates=50, reference="B", thresholds=[0.5])
    assert found.differences["fuser"].tolist() == ["A", "C"] and len(found.pairs) == 3 and found.costs.empty
    table.to_csv(tmp_path / "mine.csv", index=False)
    pd.testing.assert_frame_equal(
        taskfusion.compare(tmp_path / "mine.csv", replicates=50, reference="B").results,
        found.results,
        check_dtype=False,
    )


def test_fusers_of_several_tables_keep_their_names_unless_they_clash():
    first, second = made_up(("A", "B")), made_up(("C",))
    second["truth"] = first["truth"][:60]
    assert set(taskfusion.compare([first, second], replicates=9).summary["fuser"]) == {"A", "B", "C"}
    found = taskfusion.compare({"old": first, "new": first}, replicates=9)
    assert found.summary["fuser"].tolist() == ["old/A", "old/B", "new/A", "new/B"]
    same = found.pairs.set_index(["fuser", "reference"]).loc[("old/A", "new/A")]
    assert same["difference"] == 0 and same["p_holm"] == 1


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("nowhere", DataError, "nowhere holds no predictions.csv; expected the folder of a finished run"),
        (3, SpecError, "cannot compare int; expected a run's folder, an outcome or a table"),
        ([], SpecError, "nothing to compare; expected a run's folder, an outcome or a table of predictions"),
    ],
)
def test_what_is_no_run_is_refused(what, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        taskfusion.compare(what)


def test_runs_that_contradict_each_other_are_refused():
    first = made_up(("A",))
    with pytest.raises(DataError, match=r"fuser 'B', target 'ill'\): the case has another truth in an earlier row$"):
        taskfusion.compare([first, first.assign(fuser="B", truth=1 - first["truth"])])


def test_names_that_are_not_there_are_refused():
    table = made_up()
    with pytest.raises(UnknownNameError, match=r"^unknown split 'tset' \(did you mean 'test'\?\)"):
        taskfusion.compare(table, split="tset")
    with pytest.raises(UnknownNameError, match=r"^unknown fuser 'D'; known: A, B, C$"):
        taskfusion.compare(table, reference="D", replicates=9)
    message = "predictions have no case in 'cross-validation', 'test', 'validation', only in train"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        taskfusion.compare(made_up(split="train"))


def test_a_table_prints_as_markdown_and_latex():
    table = Layout("k", "A & B", ["Model", "50 %"], [[Cell("a|b_c", True), Cell("0.9 °")]], "100 % sure")
    assert table.markdown() == "### A & B\n\n| Model | 50 % |\n| :--- | ---: |\n| **a\\|b_c** | 0.9 ° |\n\n100 % sure\n"
    latex = table.latex()
    assert r"\caption{A \& B}" in latex and r"\textbf{a|b\_c} & 0.9 $^{\circ}$ \\" in latex and r"100 \% sure" in latex


def test_the_winner_alone_is_bold():
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 2
    rows = [
        (
            f"c{i}",
            f"c{i}",
            "test",
            fuser,
            "ill",
            truth[i],
            float(np.clip(rng.normal(0.5 + skill * truth[i], 0.1), 0, 1)),
        )
        for fuser, skill in (("good", 0.4), ("bad", 0.02), ("poor", 0.0))
        for i in range(300)
    ]
    table = pd.DataFrame(rows, columns=["case", "group", "split", "fuser", "target", "truth", "score"])
    lines = taskfusion.compare(table, replicates=200).markdown().splitlines()
    performance = lines[: next(i for i, line in enumerate(lines) if "AUC minus" in line)]
    assert [line.split("|")[1].strip() for line in performance if line.count("**") == 2] == ["good"]
    without = taskfusion.compare(table[table["fuser"] != "good"], replicates=200).markdown()
    assert "**" not in without.split("AUC minus")[0] and without.count("°") >= 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["ablate=[view]"], r"ablate\[0\]: unknown task 'view' \(did you mean 'view_toy'\?\)"),
        (["seeds=[1, 1]"], r"seeds: seeds \[1, 1\] must differ and be at least 0"),
        (["seeds=[-1]"], r"seeds: seeds \[-1\] must differ and be at least 0"),
        (
            ["evaluation.thresholds=[yuden]"],
            r"evaluation.thresholds: thresholds cannot be used: found 'yuden'; expected a number",
        ),
        (["evaluation.alpha=2"], r"evaluation.alpha: alpha is 2.0; expected above 0 and below 1"),
        (["evaluation.repeats=0"], r"evaluation.repeats: .*must be >= 1"),
        (["fusers.P.calibrate=platt"], r"calibrate: found 'platt'; known: isotonic, none, sigmoid"),
    ],
)
def test_what_a_spec_cannot_say_is_refused(tmp_path, registry, changes, message):
    (tmp_path / "toy.yaml").write_text(SPEC)
    with pytest.raises(SpecError, match=message):
        run(tmp_path / "toy.yaml", overrides=changes, folder=tmp_path / "x", registry=registry)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["fusers={P: {fuser: max, tasks: [case_toy]}}"], "ablate: no fuser sees task 'case_toy' and another one"),
        (
            ["fusers.'P - case_toy'={fuser: max}".replace("'", '"')],
            "ablate: two fusers would be named 'P - case_toy'; name the one of yours otherwise",
        ),
    ],
)
def test_an_ablation_that_is_none_is_refused(tmp_path, registry, changes, message):
    (tmp_path / "toy.yaml").write_text(SPEC)
    overrides = ["fusers=null", *changes] if changes[0].startswith("fusers={") else changes
    with pytest.raises(SpecError, match=re.escape(message)):
        run(tmp_path / "toy.yaml", overrides=overrides, folder=tmp_path / "x", registry=registry)


def test_seeds_can_be_asked_for_and_are_counted_from_the_specs_own(tmp_path, registry):
    text = SPEC.replace("seeds: [3, 4]", "seed: 7").replace("ablate: [case_toy]", "")
    (tmp_path / "toy.yaml").write_text(text)
    made = run(tmp_path / "toy.yaml", folder=tmp_path / "x", registry=registry, seeds=2)
    assert (
        yaml.safe_load((made.folder / "spec.yaml").read_text())["seeds"] == [7, 8]
        and (made.results["repeats"] == 2).all()
    )
    with pytest.raises(SpecError, match=r"^seeds is -1; expected at least 0$"):
        run(tmp_path / "toy.yaml", folder=tmp_path / "x", registry=registry, seeds=-1)


def test_cross_validation_repeats_with_other_folds_and_chooses_inside(tmp_path, registry):
    (tmp_path / "toy.yaml").write_text(SPEC.replace("seeds: [3, 4]", "").replace("ablate: [case_toy]", ""))
    how = ["evaluation.cross_validation=3", "evaluation.repeats=2", "evaluation.inner_folds=2"]
    made = run(tmp_path / "toy.yaml", overrides=how, folder=tmp_path / "x", registry=registry)
    folds = made.predictions.query("fuser == 'max'").pivot(index="case", columns="repeat", values="fold")
    assert set(folds[0]) == {1, 2, 3} and not folds[0].equals(folds[1])
    assert (made.results["n"] == 120).all() and (made.results["auc_spread"] >= 0).all()
    chosen = pd.read_csv(made.folder / "thresholds.csv").query("rule == 'youden' and fuser == 'max'")
    assert len(chosen) == 6 and (chosen["cases"] < 120).all()
    assert set(chosen["chosen_on"]) == {"training cases, out of 2 inner folds by group"}


def test_cross_validation_without_inner_folds_says_that_nothing_was_chosen(tmp_path, registry):
    (tmp_path / "toy.yaml").write_text(SPEC.replace("seeds: [3, 4]", "").replace("ablate: [case_toy]", ""))
    how = ["evaluation.cross_validation=2", "fusers.P=null"]
    made = run(tmp_path / "toy.yaml", overrides=how, folder=tmp_path / "x", registry=registry)
    points = made.comparison.points.set_index(["fuser", "rule"])
    assert points.loc[("max", "youden"), "chosen_on"] == "nothing: no cases to choose on"
    assert np.isnan(points.loc[("max", "youden"), "tpr"]) and points.loc[("max", "0.5"), "tpr"] >= 0


@pytest.mark.parametrize(("column", "marked"), [("p_wilcoxon", 0), ("p_holm", 2)])
def test_a_p_value_that_is_not_corrected_is_not_marked(column, marked):
    pair = {"fuser": "a", "reference": "b", "target": "ill", "p_wilcoxon": 1e-9, "p_holm": 1e-9}
    rows = p_matrix(pd.DataFrame([pair]), "ill", column, 0.05).rows
    assert [cell.text for row in rows for cell in row].count("< 0.001") == 2
    assert sum(cell.bold for row in rows for cell in row) == marked
