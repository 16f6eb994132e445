"""From the peers' raw answers to sentences and tables: wins, failures, and what did not install."""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.page import page
from bench.peers.catalogue import DEFAULT, VENVS
from bench.peers.figures import Interval
from bench.peers.report import content, in_words, signed, spread, verdict
from bench.peers.tally import STUDY_NAME, tally
from bench.peers.venvs import Environment, closure, megabytes, ready, why

CASES = 40
GOOD, BETTER, BROKEN, GONE = DEFAULT, "LightGBM", "XGBoost", "torchmil ABMIL"


def scores(truth: list[int], strength: float, seed: int) -> list[float]:
    noise = np.random.default_rng(seed).normal(size=len(truth))
    return (1 / (1 + np.exp(-strength * (np.array(truth) - 0.5) - noise))).tolist()


def answer(found: list[float], **more: Any) -> dict[str, Any]:
    return {"scores": found, "fit_seconds": 1.0, **more}


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    """Three cohorts and a small reader study; one peer is better, one raises, one does not install. Do not mutate."""
    truth = [int(k % 3 == 0) for k in range(CASES)]
    rows = {f"{STUDY_NAME}/{k}": list(range(k % 5, CASES, 5)) for k in range(10)}
    probes = {"plain": {"missing task": "error: ValueError: NaN"}, "imputed": {"missing task": "answers"}}
    rest = dict.fromkeys(("missing view", "zero detections", "NaN score"), "answers")
    probes = {kind: {**rest, **found} for kind, found in probes.items()}

    def peer(strength: float) -> tuple[dict[str, Any], dict[str, Any]]:
        costs = answer(scores(truth, strength, 0), one_ms=0.5, batch_us=3.0, probes=probes)
        jobs = {f"clean/{k}": answer(scores(truth, strength, k)) for k in (1, 2)}
        jobs |= {name: answer([scores(truth, strength, 9)[row] for row in of]) for name, of in rows.items()}
        return {"jobs": {"clean/0": costs}, "peak_megabytes": 200.0}, {"jobs": jobs}

    good, better = peer(1.0), peer(4.0)
    broken = {"jobs": {"clean/0": {"error": "error: ValueError: no"}}, "peak_megabytes": 1.0}
    environments = {name: vars(Environment("/nowhere/python")) for name in (*VENVS, "taskfusion")}
    environments["torchmil"] = vars(Environment("", "ERROR: No matching distribution found for torchmil"))
    return {
        "peers": [GOOD, BETTER, BROKEN, GONE],
        "seeds": 3,
        "feature_seeds": 1,
        "empty_views": 0.39,
        "environments": environments,
        "truths": {
            **{f"clean/{k}": truth for k in range(3)},
            STUDY_NAME: {"truth": truth, "groups": list(range(CASES)), "rows": rows},
        },
        "costs": {GOOD: good[0], BETTER: better[0], BROKEN: broken},
        "answers": {GOOD: good[1], BETTER: better[1], BROKEN: {"jobs": {}}},
        "study": "study.csv",
    }


@pytest.fixture(scope="module")
def found(raw) -> dict[str, Any]:
    """Do not mutate."""
    return content(raw)


def table(found: dict[str, Any], start: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for t in found["tables"] if t["title"].startswith(start) for row in t["rows"]}


def test_a_peer_that_wins_is_said_to_win(found):
    text = "\n".join(found["text"])
    assert "Setting *clean*, from scores: the best peer by AUC is LightGBM" in text
    assert "**below it by more than the interval**" in text
    assert "Ahead of taskfusion score in AUC, interval of one comparison clear of 0: LightGBM (clean)." in text


def test_figures_are_means_over_cohorts_with_intervals_and_paired_differences(raw, found):
    ours, theirs = tally(raw)[:2]
    values = [v.value for v in (ours.by_setting["AUC"]["clean"], theirs.by_setting["AUC"]["clean"])]
    assert theirs.against["AUC"]["clean"].value == pytest.approx(values[1] - values[0])
    assert ours.by_setting["AUC"]["clean"].n == 3
    assert table(found, "AUC by setting")[BETTER][0].startswith("**")
    assert table(found, "AUC by setting")[BETTER][1] == "–"
    assert table(found, "AUC less")[BETTER][0].startswith("+")


def test_what_did_not_install_or_fit_is_told(found):
    problems = table(found, "What did not install")
    assert problems[GONE][1] == "does not install: ERROR: No matching distribution found for torchmil"
    assert problems[BROKEN][1] == "does not fit: error: ValueError: no"
    assert GONE not in table(found, "What it costs")


def test_a_missing_input_is_told_with_what_imputing_by_hand_brings(found):
    assert table(found, "What happens")[GOOD][0] == "error: ValueError: NaN; answers by hand"
    assert in_words({"plain": {"x": "NaN"}, "imputed": {"x": "NaN"}}, "x") == "NaN; imputing does not help"
    assert in_words({"plain": {"x": "answers"}}, "x") == "answers"


def test_the_reader_study_has_intervals_over_patients(found):
    row = table(found, "The reader study")
    assert row[GOOD][1] == "–"
    assert row[BETTER][1].startswith("+")


def test_everything_is_json_and_makes_a_page(found):
    text = json.dumps(found, allow_nan=False)
    part = {"title": "Peers", "results": [json.loads(text)], "record": None}
    assert "### What it costs" in page({"cores": "2"}, [part])


def test_intervals_in_words():
    wide, single = Interval(0.8, 0.7, 0.9, 10), Interval(0.8, math.nan, math.nan, 1)
    assert (spread(wide), spread(single), spread(None)) == ("0.800 ± 0.100 (10)", "0.800 (1)", "–")
    assert signed(Interval(0.01, -0.02, 0.04, 3)) == "+0.010 [-0.020, +0.040]"
    assert verdict(Interval(-0.01, -0.03, 0.01, 5)) == "not below it by more than the interval"
    assert verdict(single) == "no interval from a single cohort"


class Made:
    """A distribution as far as its requirements go."""

    def __init__(self, *requires: str) -> None:
        self.requires = list(requires)


def test_the_size_of_a_package_counts_what_it_requires_and_no_other_extra():
    known: Any = {
        "a": Made("b>=1", 'c; extra == "more"', 'd; python_version < "3"'),
        "b": Made("a"),
        "c": Made(),
        "d": Made(),
    }
    assert closure("a", known) == {"a", "b"}
    assert closure("A[more]", known) == {"a", "b", "c"}
    assert closure("z", known) == set()


def test_an_installed_package_has_a_size():
    found = list(importlib.metadata.distributions())
    assert megabytes("numpy", found) > 1
    assert megabytes("no-such-package", found) == 0


def test_an_environment_that_is_there_as_wanted_is_not_made_again(tmp_path, monkeypatch):
    made: list[Path] = []

    def fake(folder: Path, requirements: tuple[str, ...]) -> Environment:
        made.append(folder)
        return Environment("", "no") if "bad" in requirements else Environment(sys.executable)

    monkeypatch.setattr("bench.peers.venvs._made", fake)
    for requirements in (("a==1",), ("a==1",), ("a==2",), ("bad",), ("bad",)):
        ready("x", requirements, tmp_path)
    assert len(made) == 4  # not the second, and what failed is tried again
    (tmp_path / "x.json").write_text((tmp_path / "x.json").read_text().replace(sys.executable, "/gone/python"))
    ready("x", ("a==2",), tmp_path)
    assert len(made) == 5


def test_of_an_installers_output_the_last_error_is_kept():
    assert why("WARNING: x\nERROR: first\nERROR: No matching distribution\n\n") == "ERROR: No matching distribution"
    assert why("") == "it said nothing"
