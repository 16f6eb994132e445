"""Reader ``cohort``: the folder that ``taskfusion mammo prepare`` made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from mammo_data.folder.layout import CASES, LESIONS, VIEWS_TABLE, read_complete_manifest, table_path
from mammo_data.folder.pixels import FolderImage
from mammo_data.folder.tables import CASE_COLUMNS, read_tables
from taskfusion.cases import SPLITS, Annotations, Case, Cohort, Target, View
from taskfusion.errors import DataError
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.splits import split_by_group

if TYPE_CHECKING:
    import pandas as pd

    from taskfusion.testing import Checking

LABELS = ("lesion", "malignancy", "density")
TABLE_II = (1511.0, 290.0, 453.0)
FRACTIONS = {name: share / sum(TABLE_II) for name, share in zip(SPLITS, TABLE_II, strict=True)}


def _path(value: str | Path) -> Path:
    return Path(value)


@attrs.frozen
class CohortFolder:
    """Which folder, and whose split.

    Attributes:
        path: the folder.
        split: ``recorded`` takes the one of the database, ``drawn`` draws one by patient and alike in pathology,
            ``none`` leaves it open; ``auto`` is ``recorded`` where every case has one, ``drawn`` where none has.
        fractions: of the drawn split; Table II's by default.
        seed: of the drawn split.
    """

    path: Path = attrs.field(converter=_path)
    split: Literal["auto", "recorded", "drawn", "none"] = "auto"
    fractions: Mapping[str, float] = attrs.field(factory=lambda: dict(FRACTIONS))
    seed: int = 0


class CohortFolderReader(CohortReader):
    """Reads the tables; an image is opened when its view is read, and named then if it has gone."""

    Config = CohortFolder

    @classmethod
    def checking(cls) -> Checking:
        """Needs a folder that somebody has prepared."""
        from taskfusion.testing import Checking

        return Checking(skip="it reads a folder made by 'taskfusion mammo prepare'")

    def read(self, progress: Progress) -> Cohort:
        """Labels ``lesion``, ``malignancy`` and ``density`` (0..3 for a..d), boxes, and a split.

        Raises:
            DataError: no cohort folder, one that is not ready, of a newer format, or with tables that contradict
                each other.
        """
        folder = self.config.path
        manifest = read_complete_manifest(folder)
        tables = read_tables(folder)
        cases = tables[CASES]
        if cases.empty:
            raise DataError(f"{folder} has no case that can be used; see {folder / 'skipped.csv'}")
        classes = tuple(manifest["classes"])
        return Cohort(
            name=manifest["name"],
            cases=_cases(folder, cases, tables[VIEWS_TABLE]),
            views=tuple(manifest["views"]),
            labels={name: cases[name].to_numpy(np.int64) for name in LABELS},
            targets=_targets(manifest["targets"]),
            split=_split(self.config, cases),
            annotations=_annotations(folder, tables, classes, tuple(manifest["views"])),
            notice=manifest["notice"],
        )


def _targets(targets: Mapping[str, Sequence[str] | None]) -> dict[str, Target]:
    return {
        name: Target(name, None if labels is None else tuple(labels), f"any {name.replace('malignancy', 'malignant')}")
        for name, labels in targets.items()
    }


def _cases(folder: Path, cases: pd.DataFrame, views: pd.DataFrame) -> list[Case]:
    found: dict[str, dict[str, View]] = {name: {} for name in cases["case"]}
    for case, view, path, sha in views[["case", "view", "path", "sha256"]].itertuples(index=False):
        if case not in found:
            raise DataError(f"{table_path(folder, VIEWS_TABLE)}: case {case!r} is not in cases.parquet")
        found[case][view] = View(view, FolderImage(folder / path, case, sha))
    metadata = metadata_of(cases)
    groups = cases["group"].tolist()
    return [Case(case, found[case], metadata[row], groups[row]) for row, case in enumerate(cases["case"])]


def metadata_of(cases: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each case, the columns of the database's own; None where they are empty."""
    own = cases[[name for name in cases.columns if name not in CASE_COLUMNS]].astype(object)
    rows: list[Any] = own.where(own.notna(), None).to_dict("records")
    return rows


def _annotations(
    folder: Path, tables: Mapping[str, pd.DataFrame], classes: tuple[str, ...], views: tuple[str, ...]
) -> Annotations:
    lesions = tables[LESIONS]
    where = str(table_path(folder, LESIONS))
    return Annotations(
        classes=classes,
        case=_numbered(lesions["case"], tables[CASES]["case"].tolist(), f"{where}: case"),
        view=_numbered(lesions["view"], views, f"{where}: view"),
        boxes=lesions[["xmin", "ymin", "xmax", "ymax"]].to_numpy(np.float32),
        labels=_numbered(lesions["label"], classes, f"{where}: label"),
    )


def _numbered(values: pd.Series, known: Sequence[str], what: str) -> np.ndarray:
    numbers = {name: number for number, name in enumerate(known)}
    unknown = sorted({str(value) for value in values if value not in numbers})
    if unknown:
        raise DataError(f"{what} {unknown[0]!r} is unknown; 'taskfusion mammo check' lists all such rows")
    return np.array([numbers[value] for value in values], np.int64)


def _split(config: CohortFolder, cases: pd.DataFrame) -> np.ndarray | None:
    recorded = cases["split"].to_numpy(str)
    groups = cases["group"].to_numpy(str)
    if config.split == "none":
        return None
    if config.split == "recorded" or (config.split == "auto" and (recorded != "").any()):
        _refuse_unfit(config.path, cases["case"].to_numpy(str), recorded, groups)
        return recorded
    pathology = np.maximum(cases["lesion"].to_numpy(), 0) + np.maximum(cases["malignancy"].to_numpy(), 0)
    return split_by_group(groups, pathology.astype(np.int64), config.fractions, config.seed)


def _refuse_unfit(folder: Path, ids: np.ndarray, recorded: np.ndarray, groups: np.ndarray) -> None:
    strange = np.flatnonzero(~np.isin(recorded, SPLITS))
    if len(strange):
        row = strange[0]
        raise DataError(
            f"{table_path(folder, CASES)}: {len(strange)} of {len(ids)} cases have no known split, the first "
            f"{str(ids[row])!r} with {str(recorded[row])!r}; expected one of {', '.join(SPLITS)}, or split: drawn"
        )
    torn = torn_groups(groups, recorded)
    if torn:
        group, parts = next(iter(torn.items()))
        raise DataError(
            f"{table_path(folder, CASES)}: patient {group!r} is in {' and '.join(parts)}; expected every patient in "
            "one split, or split: drawn"
        )


def torn_groups(groups: np.ndarray, split: np.ndarray) -> dict[str, list[str]]:
    """Groups whose cases are in several splits, with the splits; cases of no split ("") are in none."""
    found: dict[str, set[str]] = {}
    for group, part in zip(groups.tolist(), split.tolist(), strict=True):
        if part:
            found.setdefault(group, set()).add(part)
    return {group: sorted(parts) for group, parts in sorted(found.items()) if len(parts) > 1}
