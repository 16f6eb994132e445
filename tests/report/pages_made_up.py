"""Made-up reports with pictures: what the browser tests look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from taskfusion.evaluation import Bootstrap, choose_thresholds, comparisons, evaluate, operating_points
from taskfusion.evaluation.thresholds import rules_of
from taskfusion.report import CasePage, Mark, Picture, ReportData
from taskfusion.report.pictures import chest_wall, heat_uri, picture_uri

VIEWS = ("L-CC", "R-CC", "L-MLO", "R-MLO")
FUSERS = ("P", "max_F")
STRANGE = "a/b & <i>c</i> #1&view=x %25 'q\" ü"  # an id that says everything a link must survive


def breast(side: str, width: int = 40, height: int = 60) -> np.ndarray:
    """A half disc that grows from one edge, ``(height, width)`` uint8."""
    y, x = np.mgrid[:height, :width]
    from_wall = x if side == "left" else width - 1 - x
    inside = (from_wall / width / 0.8) ** 2 + ((y - height / 2) / height / 0.45) ** 2 < 1
    return np.where(inside, 90 + 2 * x, 3).astype(np.uint8)


def picture(view: str, wall: str = "") -> Picture:
    """Natively hung, unless told where the chest wall is."""
    pixels = breast(wall or ("left" if view.startswith("L") else "right"))
    marks = [Mark("mass", (0.2, 0.3, 0.4, 0.5)), Mark("mass", (0.2, 0.32, 0.42, 0.5), 0.9, "finder", True)]
    marks.append(Mark("calcification", (0.5, 0.6, 0.6, 0.7), 0.3, "finder"))
    heat = {"findings": heat_uri(np.linspace(0, 1, 48).reshape(8, 6))}
    uri = picture_uri(pixels, 5000)
    return Picture(view, uri, 40, 60, 600, 400, 0, 4095, chest_wall(pixels), marks, heat)


def case_page(case: str, views: Sequence[str] = VIEWS, **changes: object) -> CasePage:
    """A page with an answer of every level."""
    boxes = [{"view": views[0], "label": "mass", "score": 0.9, "box": [1.0, 2.0, 3.0, 4.0]}] if views else []
    tasks = {"density": {"dense": 0.7, "fatty": 0.3}, "findings": {v: {"lesion": 0.6} for v in views}, "finder": boxes}
    parts = {"density": -0.1, "findings": 0.25, "base": 0.4}
    contributions = {target: {"P": parts} for target in ("ill", "bad")}
    given = {"pictures": [picture(view) for view in views], "contributions": contributions, "tasks": tasks}
    return CasePage(case, **{**given, **changes})


def predictions(ids: Sequence[str]) -> pd.DataFrame:
    """Two targets and two fusers about these cases in the test split, and as many others for validation."""
    rng = np.random.default_rng(3)
    rows = []
    for target in ("ill", "bad"):
        for split, names in (("test", ids), ("validation", [f"v{k}" for k in range(len(ids))])):
            truth = np.arange(len(names)) % 3 % 2
            for fuser in FUSERS:
                score = np.round((truth + 1.5 * rng.random(len(names))) / 2.5, 4)
                columns = zip(names, truth, score, strict=True)
                rows += [(name, name, split, fuser, target, t, s) for name, t, s in columns]
    return pd.DataFrame(rows, columns=["case", "group", "split", "fuser", "target", "truth", "score"])


def report(cases: Sequence[CasePage], notice: str = "MADE UP: nobody") -> ReportData:
    """A report with everything the scripts work on."""
    table = predictions([page.case for page in cases])
    how = Bootstrap(20)
    return ReportData(
        title="A report",
        notice=notice,
        results=evaluate(table, replicates=20),
        predictions=table,
        targets={"ill": "", "bad": ""},
        comparisons=pd.concat([comparisons(table, "test", target, how) for target in ("ill", "bad")]),
        points=operating_points(table, choose_thresholds(table, rules_of([0.5, "youden"])), how),
        cases=cases,
    )
