"""Model cards: true, complete, equal for equal trainings, and wherever the task goes."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import toys
import yaml

from taskfusion import compose
from taskfusion.cases import Annotations
from taskfusion.cli import main
from taskfusion.errors import ModelFolderError
from taskfusion.pipeline.cards import Judged, Learned, model_card, preset_of, saved_cards
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.tasks.base import CARD, FitContext
from taskfusion.tasks.diagnostics import About

SYNTHETIC = "SYNTHETIC: drawn | not real"


@attrs.frozen
class Options:
    size: int = 1
    view: toys.ToyConfig = attrs.field(factory=toys.ToyConfig)


class PresetToy(toys.CaseToy):
    """Looks at a case.

    More about it.
    """

    Config = Options
    presets = {"small": {}, "paper": {"size": 9, "view": {"noise": 3.0}}}  # noqa: RUF012  # as a plugin writes it
    about = About("For trying.", "Knows nothing.", ("A paper, section 2",))


@pytest.fixture(scope="module")
def cohort():
    """A toy cohort with a box of one class; do not mutate."""
    drawn = Annotations(("bad",), [0], [0], [[1, 1, 2, 2]], [0])
    return attrs.evolve(toys.toy_cohort(60), annotations=drawn, notice=SYNTHETIC)


@pytest.fixture(scope="module")
def task(cohort):
    return PresetToy(Options(9, toys.ToyConfig(noise=2.0))).fit(cohort, FitContext())


@pytest.fixture(scope="module")
def card(task, cohort):
    judged = Judged("test", 20, {"AUC per case": 0.9123, "cases": 20.0})
    return model_card("a|b", task, Learned(cohort, 7, "f00d"), judged)


def lines(text):
    return text.splitlines()


def test_the_head_is_yaml_that_says_what_it_is(card):
    head = yaml.safe_load(card.split("---\n")[1])
    assert head == {"library_name": "taskfusion", "tags": ["taskfusion", "level-case", "synthetic"]}


def test_it_says_what_is_synthetic_as_a_caution_and_quotes_other_notices(card, task, cohort):
    assert "> [!CAUTION]\n> **SYNTHETIC: drawn | not real**" in card
    real = model_card("x", task, Learned(attrs.evolve(cohort, notice="Some archive, CC BY 3.0"), 7))
    assert "\n> Some archive, CC BY 3.0\n" in real and "CAUTION" not in real and "synthetic" not in real


def test_it_says_purpose_limits_and_sources(card):
    for text in ("Looks at a case.", "For trying.", "Knows nothing. Nothing is known", "- A paper, section 2"):
        assert text in card
    assert "More about it" not in card


def test_it_counts_cases_patients_labels_and_boxes_per_split(card, cohort):
    counts = {split: len(cohort.rows(split)) for split in ("train", "validation", "test")}
    assert f"| cases | {' | '.join(map(str, counts.values()))} |" in card
    assert f"| patients | {' | '.join(str(n // 2) for n in counts.values())} |" in card
    ill = cohort.part("train").label("ill")
    assert f"| ill | 0: {(ill == 0).sum()}, 1: {(ill == 1).sum()} |" in card
    assert "| boxes: bad | 1 | 0 | 0 |" in card
    assert "Cohort `toy`, fingerprint `f00d`" in card


def test_labels_of_very_many_values_are_not_listed_and_unknown_ones_named(task, cohort):
    labels = {"age": np.arange(60), "ill": np.full(60, -1)}
    text = model_card("x", task, Learned(attrs.evolve(cohort, labels=labels, targets={}), 0))
    train = len(cohort.rows("train"))
    assert f"| age | {train} values |" in text and f"| ill | unknown: {train} |" in text


def test_it_says_the_figures_and_about_how_many_cases(card):
    assert "## Results on the test split, 20 cases" in card
    assert "| AUC per case | 0.912 |" in card and "| cases | 20 |" in card


def test_without_figures_there_is_no_section_about_them(task, cohort):
    assert "Results" not in model_card("x", task, Learned(cohort, 0))


def test_it_says_preset_changed_options_and_seed(card):
    assert "| preset | paper |" in card and "| seed | 7 |" in card
    assert "Options that differ from preset `paper`:" in card
    assert "| view.noise | `2.0` |" in card and "| size |" not in card


def test_the_nearest_preset_is_found():
    assert preset_of(PresetToy()) == ("small", {})
    assert preset_of(toys.CaseToy(toys.ToyConfig(size=3))) == ("defaults", {"size": 3})


def test_no_name_breaks_the_tables(card):
    assert lines(card)[5] == "# a\\|b"


@pytest.fixture(scope="module")
def saved(registry, cohort, tmp_path_factory):
    """A saved pipeline of a trained and of a ready task; do not mutate."""
    folder = tmp_path_factory.mktemp("saved")
    ready = toys.ViewToy().fit(cohort, FitContext())
    pipeline = compose({"fresh": toys.CaseToy(), "ready": ready}, fuser="score").fit(cohort)
    return pipeline, pipeline.save(folder / "model", registry)


@pytest.fixture(scope="module")
def registry():
    from taskfusion.plugins import build_registry

    return build_registry([toys], entry_points=False)


def test_a_task_trained_here_has_a_card_and_a_given_one_none(saved):
    pipeline, _ = saved
    assert pipeline.ready["fresh"].model.card.startswith("---\n") and pipeline.ready["ready"].model.card == ""


def test_the_card_is_saved_listed_and_comes_back(saved, registry):
    pipeline, folder = saved
    assert saved_cards(folder) == {"fresh": pipeline.ready["fresh"].model.card}
    again = FusionPipeline.load(folder, registry)
    assert again.ready["fresh"].model.card == pipeline.ready["fresh"].model.card


def test_a_changed_card_is_noticed(saved, registry, tmp_path):
    pipeline, _ = saved
    path = pipeline.save(tmp_path / "model", registry) / "tasks" / "fresh" / CARD
    path.write_text("All is well.")
    with pytest.raises(ModelFolderError, match=r"model_card\.md is changed since the model was saved"):
        saved_cards(tmp_path / "model")


def test_equal_trainings_give_equal_cards(cohort, saved):
    again = compose({"fresh": toys.CaseToy()}, fuser="score").fit(cohort)
    assert again.ready["fresh"].model.card == saved[0].ready["fresh"].model.card


def test_the_command_prints_it(saved, capsys):
    main(["card", str(saved[1])])
    assert "# fresh" in capsys.readouterr().out
    main(["card", str(saved[1]), "fresh", "--html"])
    assert "<h1>fresh</h1>" in capsys.readouterr().out


def test_the_command_names_what_it_does_not_know(saved, capsys, tmp_path):
    for arguments, message in (
        ([str(saved[1]), "fesh"], r"unknown task with a card 'fesh' (did you mean 'fresh'?)"),
        ([str(tmp_path)], "manifest.json is missing"),
    ):
        with pytest.raises(SystemExit):
            main(["card", *arguments])
        assert message in capsys.readouterr().err


def test_only_the_warning_is_red():
    from taskfusion.cli.card import red_warnings

    text = red_warnings("> [!CAUTION]\n> **SYNTHETIC**\n\n> a citation\nplain")
    assert [line.startswith("\x1b[31m") for line in text.splitlines()] == [True, True, False, False, False]
