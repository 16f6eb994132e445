"""Validation out of the official training patients."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ddsm.real import DATA, needs

from mammo_data.cbis.source import CbisSource
from mammo_data.cbis.split import VALIDATION, splits_of
from mammo_data.cbis.tables import LesionRow, density_of, read_tables, split_of


def row(patient: int, split: str = "train", density: int = 2, pathology: str = "BENIGN", kind: str = "mass"):
    film = Path("folder/film.dcm")
    facts = ("L-CC", 1, kind, split, density, pathology, 4, 3, {})
    return LesionRow(f"P_{patient:05d}", *facts, film, film, film, "here")


@pytest.fixture(scope="module")
def patients():
    """Do not mutate: 300 patients, every third of the official test, every sixth of both parts."""
    found = {}
    for number in range(300):
        facts = {"density": 1 + number % 4, "pathology": ("BENIGN", "MALIGNANT")[number // 4 % 2]}
        rows = [row(number, "test" if number % 3 == 0 else "train", **facts)]
        found[rows[0].patient] = [*rows, *([row(number, **facts)] if number % 6 == 0 else [])]
    return found


def test_test_stays_and_a_share_of_training_becomes_validation(patients):
    splits = splits_of(patients)
    assert list(splits) == list(patients)
    assert {name for name, split in splits.items() if split == "test"} == {
        name for name, rows in patients.items() if split_of(rows) == "test"
    }
    assert Counter(splits.values()) == {"train": 176, "validation": 24, "test": 100}  # 12 % of 200


def test_validation_is_like_training(patients):
    splits = splits_of(patients, 0.2)
    strata = Counter(
        (density_of(rows), rows[0].status) for name, rows in patients.items() if splits[name] == "validation"
    )
    assert set(strata.values()) == {5} and len(strata) == 8


def test_the_same_seed_gives_the_same_and_none_is_the_official_split(patients):
    assert splits_of(patients, seed=1) == splits_of(patients, seed=1) != splits_of(patients, seed=2)
    assert splits_of(patients, 0) == {name: split_of(rows) for name, rows in patients.items()}
    turned = dict(reversed(patients.items()))
    assert splits_of(turned) == splits_of(patients)


def test_the_notice_tells_what_is_not_official(tmp_path):
    assert CbisSource(tmp_path).notice.endswith(
        "test is the official one, validation 12 % of the official training patients (drawn, seed 0)"
    )
    assert CbisSource(tmp_path, validation=0).notice.endswith("its official split, without validation")


@needs("cbis_ddsm_case_csv")
def test_of_the_real_patients_twelve_percent_of_training_become_validation():
    found: dict = {}
    for one in read_tables(DATA / "cbis_ddsm_case_csv")[0]:
        found.setdefault(one.patient, []).append(one)
    splits = splits_of(found)
    count = round(VALIDATION * (1248 - 31))
    assert Counter(splits.values()) == {"test": 349, "validation": count, "train": 1217 - count}
    share = {
        part: sum(any(one.status == "malignant" for one in found[name]) for name in splits if splits[name] == part)
        / Counter(splits.values())[part]
        for part in ("train", "validation")
    }
    assert abs(share["train"] - share["validation"]) < 0.02
