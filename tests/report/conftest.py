from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest

from taskfusion.evaluation import Bootstrap, differences, evaluate
from taskfusion.report import ReportData, TaskSection
from taskfusion.report.report import render

FUSERS = ("P_feat", "P_score", "max(findings)")
TARGETS = {"lesion": "Any lesion", "malignancy": "A malignant one."}


def make_predictions(cases: int = 60) -> pd.DataFrame:
    """Made-up predictions of three fusers, two targets and three splits, two cases a patient."""
    rng = np.random.default_rng(0)
    splits = np.array(["train", "validation", "test"])[np.arange(cases) // 2 % 3]
    rows = []
    for target in TARGETS:
        truth = rng.integers(0, 2, cases)
        for fuser in FUSERS:
            score = np.round((truth + rng.random(cases)) / 2, 3)
            rows += [(f"c{i}", f"p{i // 2}", splits[i], fuser, target, truth[i], score[i]) for i in range(cases)]
    return pd.DataFrame(rows, columns=["case", "group", "split", "fuser", "target", "truth", "score"])


def make_data(predictions: pd.DataFrame, **changes: Any) -> ReportData:
    task = TaskSection("findings", "view", ["mass", "normal"], {"views": 3600, "a view": 2.5}, {"AUC": 0.921})
    results = evaluate(predictions, replicates=50)
    data = ReportData("A report", "SYNTHETIC DATA: not real", results, predictions, TARGETS, [task], {"seed": "7"})
    return attrs.evolve(data, **changes)


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._silent = False
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)


@pytest.fixture
def light(monkeypatch):
    """Without the 4.5 MB of plotly: one test embeds it, the others need not."""
    monkeypatch.setattr("taskfusion.report.figures.plotly_script", lambda: "/* plotly */")


@pytest.fixture
def make(light) -> Callable[..., tuple[str, Page]]:
    """Render predictions, with changes to the data, and parse the page."""

    def page(predictions: pd.DataFrame, **changes: Any) -> tuple[str, Page]:
        text = render(make_data(predictions, **changes))
        return text, Page(text)

    return page


@pytest.fixture
def predictions() -> pd.DataFrame:
    return make_predictions()


@pytest.fixture
def many_predictions() -> pd.DataFrame:
    return make_predictions(900)


@pytest.fixture
def some_differences(predictions) -> pd.DataFrame:
    return differences(predictions, "P_feat", "test", "lesion", Bootstrap(50))


@pytest.fixture
def data(predictions) -> ReportData:
    return make_data(predictions)


@pytest.fixture
def parse() -> type[Page]:
    return Page
