"""The examples and the pages run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from taskfusion.experiment import run
from taskfusion.plugins import Registry, build_registry
from taskfusion.settings import SECTIONS
from taskfusion.spec import load_spec

ROOT = Path(__file__).parents[1]
STUDY = ROOT.parent / "shared" / "data" / "nyu_reader_study" / "reader_study_open.csv"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def mammography() -> Registry:
    """The built-in names and the mammography plugins'."""
    plugins = ("mammo_data", "mammo_density", "mammo_findings", "mammo_localization")
    return build_registry([pytest.importorskip(f"{name}.plugin") for name in plugins], entry_points=False)


@pytest.mark.slow
def test_wisconsin(tmp_path):
    made = run(ROOT / "examples" / "wisconsin.yaml", overrides=["evaluation.replicates=50"], folder=tmp_path / "w")
    table = made.results[made.results.split == "test"].set_index("fuser")
    assert table.auc["P_score"] > 0.97 and table.auc["error_alone"] < table.auc["P_score"]


@pytest.mark.slow
@pytest.mark.skipif(not STUDY.is_file(), reason="the public reader study's file is not beside the project")
def test_reader_study(tmp_path):
    quick = [f"evaluation.{key}" for key in ("cross_validation=2", "replicates=50", "repeats=1", "inner_folds=0")]
    quick += [f"fusers.{name}=null" for name in ("svm_ai", "forest_ai", "boosting_ai", "score_ai_Reader01")]
    quick += [f"fusers.{name}.{key}" for name in ("score_ai", "score_ai_readers") for key in ("hidden='1'", "alpha=10")]
    made = run(ROOT / "examples" / "reader_study.yaml", overrides=quick, folder=tmp_path / "r")
    table = made.results.set_index("fuser")
    assert table.n.unique().tolist() == [720] and table.positives.unique().tolist() == [31]
    assert round(table.auc["GMIC_top5_alone"], 4) == 0.8636  # the source's own figure
    assert table.auc["score_ai"] > table.auc["max_ai"] and table.auc["score_ai"] > table.auc["mean_ai"]


def test_the_examples_are_good_specs():
    registry = build_registry(entry_points=False)
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        if not path.name.startswith("paper"):
            assert load_spec(path, registry).fusers


def test_the_paper_s_experiment_is_the_same_small_and_at_its_size():
    registry = mammography()
    paper, small = (load_spec(ROOT / "examples" / name, registry) for name in ("paper.yaml", "paper_small.yaml"))
    assert [fuser.name for fuser in paper.fusers] == [fuser.name for fuser in small.fusers]
    assert list(paper.tasks) == list(small.tasks) and paper.targets == small.targets
    assert paper.evaluation == small.evaluation and paper.reader.config != small.reader.config


def test_the_pages_show_specs_that_hold_together():
    for page in ("README.md", "docs/spec.md"):
        for text in blocks(page, "yaml"):
            data = yaml.safe_load(text)
            assert set(data) <= set(SECTIONS)
            assert "extends" in data or {"cohort", "tasks", "fusers"} <= set(data)


def test_specs_on_the_pages_that_need_no_plugin_are_right(tmp_path):
    registry, loaded = build_registry(entry_points=False), []
    for page in ("README.md", "docs/spec.md"):
        for text in blocks(page, "yaml"):
            data = yaml.safe_load(text)
            if "extends" not in data and data["cohort"]["reader"] in registry.names("reader"):
                (tmp_path / "spec.yaml").write_text(text)
                loaded.append(load_spec(tmp_path / "spec.yaml", registry))
    assert len(loaded) >= 2


def test_the_python_on_the_pages_compiles_and_names_what_exists():
    import taskfusion

    for page in ("README.md", "docs/write-a-plugin.md"):
        for text in blocks(page, "python"):
            compile(text, page, "exec")
            for name in re.findall(r"taskfusion\.(\w+)\(", text):
                assert hasattr(taskfusion, name), f"{page} names taskfusion.{name}"
