from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from taskfusion.errors import UnknownNameError
from taskfusion.evaluation import evaluate, format_table


def render(table) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    return console.file.getvalue()


def test_shows_the_split_asked_for(predictions):
    results = evaluate(predictions, replicates=20)
    text = render(format_table(results, "test"))
    for row in results[results["split"] == "test"].to_dict("records"):
        assert f"{row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]" in text
        assert f"{row['tpr']:.3f}" in text
    assert text.count("lesion") == 1
    assert text.count("P_feat") == 2


def test_nan_is_a_dash_and_a_name_is_no_markup(predictions):
    results = evaluate(predictions.assign(truth=1, fuser=predictions["fuser"] + "[red]"), replicates=5)
    text = render(format_table(results, "test"))
    assert "–" in text
    assert " nan " not in text
    assert "P_feat[red]" in text


def test_auc_without_an_interval_stands_alone(predictions):
    results = evaluate(predictions, replicates=5).assign(auc_low=np.nan, auc_high=np.nan)
    assert ", " not in render(format_table(results, "test"))


def test_refuses_an_unknown_split(predictions):
    with pytest.raises(UnknownNameError, match=r"^unknown split 'tests' \(did you mean 'test'\?\); known: test, train"):
        format_table(evaluate(predictions, replicates=5), "tests")
