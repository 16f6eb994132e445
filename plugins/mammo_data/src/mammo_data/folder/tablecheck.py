"""What the tables of a cohort folder show to be wrong, without a look at an image. Pure functions of frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_data.folder.layout import CASES, LESIONS, VIEWS_TABLE
from mammo_data.readers.folder import torn_groups
from mammo_data.synthetic import DENSITIES
from taskfusion.cases import SPLITS, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

ALLOWED = {"lesion": 1, "malignancy": 1, "density": len(DENSITIES) - 1}  # the largest value of each label


def check_tables(
    tables: Mapping[str, pd.DataFrame], classes: Sequence[str], names: Sequence[str]
) -> dict[str, list[str]]:
    """Kind to a line for each thing that is wrong, also kinds of which there is nothing.

    Args:
        tables: ``cases``, ``views`` and ``lesions``.
        classes: of lesions.
        names: of views.
    """
    cases, views, lesions = tables[CASES], tables[VIEWS_TABLE], tables[LESIONS]
    sized = with_sizes(lesions, views)
    return {
        "cases twice": twice(cases),
        "unknown splits": unknown_splits(cases),
        "patients in two splits": patients_in_two_splits(cases),
        "unknown labels": unknown_labels(cases) + unknown_classes(lesions, classes),
        "labels that contradict the lesions": contradictions(cases, lesions),
        "views of no case": _strangers(views, cases),
        "unknown views": [f"{row.case} {row.view}" for row in _rows(views[~views["view"].isin(list(names))])],
        "views twice": [f"{row.case} {row.view}" for row in _rows(views[views.duplicated(["case", "view"])])],
        "cases without a view": cases.loc[~cases["case"].isin(views["case"]), "case"].tolist(),
        "lesions of no view": [_lesion(row) for row in _rows(sized[sized["height"].isna()])],
        "boxes without area": without_area(lesions),
        "boxes outside the image": outside(sized),
    }


def twice(cases: pd.DataFrame) -> list[str]:
    """Cases with several rows, with their splits."""
    found = cases[cases["case"].duplicated(keep=False)].groupby("case", sort=True)["split"]
    return [f"{case}: {len(splits)} rows, split {' and '.join(sorted(set(splits)))}" for case, splits in found]


def unknown_splits(cases: pd.DataFrame) -> list[str]:
    """Splits of another name than the three; a case may have none."""
    bad = cases[~cases["split"].isin(["", *SPLITS])]
    return [f"{row.case}: {row.split!r}; expected one of {', '.join(SPLITS)}" for row in _rows(bad)]


def patients_in_two_splits(cases: pd.DataFrame) -> list[str]:
    """Patients whose cases are in several splits."""
    torn = torn_groups(cases["group"].to_numpy(str), cases["split"].to_numpy(str))
    return [f"{group}: {' and '.join(parts)}" for group, parts in torn.items()]


def unknown_labels(cases: pd.DataFrame) -> list[str]:
    """Values that a label does not have."""
    found = []
    for name, top in ALLOWED.items():
        bad = cases[~cases[name].between(UNKNOWN, top)]
        found += [
            f"{case}: {name} is {value}; expected {UNKNOWN}..{top}"
            for case, value in zip(bad["case"], bad[name], strict=True)
        ]
    return found


def unknown_classes(lesions: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Lesions of a class that the cohort does not have."""
    bad = lesions[~lesions["label"].isin(list(classes))]
    return [f"{row.case} {row.view}: lesion of class {row.label!r}" for row in _rows(bad)]


def contradictions(cases: pd.DataFrame, lesions: pd.DataFrame) -> list[str]:
    """Cases whose labels are known and say other than their lesions."""
    malignant = set(lesions.loc[lesions["pathology"] == "malignant", "case"])
    truth = {"lesion": set(lesions["case"]), "malignancy": malignant}
    found = []
    for name, positive in truth.items():
        expected = cases["case"].isin(list(positive)).astype(np.int64)
        bad = cases[(cases[name] != expected) & (cases[name] != UNKNOWN)]
        found += [
            f"{case}: {name} is {value}, its lesions say {1 - value}"
            for case, value in zip(bad["case"], bad[name], strict=True)
        ]
    return found


def with_sizes(lesions: pd.DataFrame, views: pd.DataFrame) -> pd.DataFrame:
    """Lesions with height and width of their view, NaN where there is no such view."""
    sizes = views[["case", "view", "height", "width"]].drop_duplicates(["case", "view"])
    own = lesions.drop(columns=["height", "width"], errors="ignore")
    return own.merge(sizes, on=["case", "view"], how="left")


def without_area(lesions: pd.DataFrame) -> list[str]:
    """Boxes that are not finite, or not xmin < xmax and ymin < ymax."""
    boxes = lesions[["xmin", "ymin", "xmax", "ymax"]].to_numpy(np.float64)
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
    return [_lesion(row) for row in _rows(lesions[~good])]


def outside(sized: pd.DataFrame) -> list[str]:
    """Boxes that leave their image."""
    over = (sized["xmax"] > sized["width"]) | (sized["ymax"] > sized["height"])
    bad = sized[over | (sized["xmin"] < 0) | (sized["ymin"] < 0)]
    return [f"{_lesion(row)} leaves {row.width:.0f} x {row.height:.0f}" for row in _rows(bad)]


def _strangers(views: pd.DataFrame, cases: pd.DataFrame) -> list[str]:
    return [f"{row.case} {row.view}" for row in _rows(views[~views["case"].isin(cases["case"])])]


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples(index=False))


def _lesion(row: Any) -> str:
    box = ", ".join(f"{edge:g}" for edge in (row.xmin, row.ymin, row.xmax, row.ymax))
    return f"{row.case} {row.view}: {row.label} ({box})"
