"""Truncated, swapped, empty and mislabelled files of every database, as the command sees them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from folder.archives import EXAMS, FILMS, WRITERS

from mammo_data.commands import command
from taskfusion.errors import DataError

Spoil = Callable[[Path, Path], None]


def truncate(film: Path, root: Path) -> None:
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])


def empty(film: Path, root: Path) -> None:
    film.write_bytes(b"")


def swap(with_pattern: str) -> Spoil:
    def swapped(film: Path, root: Path) -> None:
        other = next(iter(sorted(root.glob(with_pattern))))
        mine, its = film.read_bytes(), other.read_bytes()
        film.write_bytes(its)
        other.write_bytes(mine)

    return swapped


def put_in_place(pattern: str) -> Spoil:
    def replaced(film: Path, root: Path) -> None:
        shutil.copy(next(iter(sorted(root.glob(pattern)))), film)

    return replaced


def picture(film: Path, root: Path) -> None:
    film.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


BAD = [
    ("ddsm", truncate, "truncated", "cut off"),
    ("ddsm", empty, "empty", "the file is empty"),
    ("ddsm", swap("*/*/case3024/*.LEFT_CC.OVERLAY"), "mislabelled", "not a JPEG: begins with 544f5441"),
    ("ddsm", picture, "mislabelled", "not a JPEG: begins with 89504e47"),
    ("cbis", truncate, "truncated", "has no readable pixels"),
    ("cbis", empty, "empty", "is empty"),
    ("cbis", swap("Mass-Training_P_00002_LEFT_CC_1/*/*/000001.dcm"), "swapped", "two grey values: a mask"),
    ("cbis", put_in_place("Mass-Training_P_00005_*_CC/*/*/*.dcm"), "mislabelled", "says it is Mass-Training_P_00005"),
    ("dicom", truncate, "truncated", "the pixels cannot be decoded"),
    ("dicom", empty, "empty", "the file is empty"),
    ("dicom", put_in_place("patient 0/L-MLO.dcm"), "duplicate", "is the same image as"),
    ("dicom", picture, "not DICOM", "is no DICOM file"),
]


@pytest.fixture(scope="module", params=WRITERS)
def pristine(request, tmp_path_factory):
    """Do not mutate: a database's name and a whole archive of it."""
    root = tmp_path_factory.mktemp(request.param) / "raw"
    WRITERS[request.param](root)
    return request.param, root


def prepare(database, place, *options):
    output = place / "cohort"
    return CliRunner().invoke(
        command, ["prepare", database, str(place / "raw"), "-j", "1", "-o", str(output), *options]
    )


def copied(pristine, tmp_path):
    shutil.copytree(pristine[1], tmp_path / "raw")
    return tmp_path / "raw", tmp_path / "raw" / FILMS[pristine[0]]


def test_a_whole_archive_ends_with_0_and_writes_into_its_folder_only(pristine, tmp_path, made, monkeypatch):
    database, _ = pristine
    raw, _ = copied(pristine, tmp_path)
    monkeypatch.chdir(tmp_path)
    before, when = made.tree(raw), {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    done = prepare(database, tmp_path)
    assert done.exit_code == 0, done.output
    assert len(pd.read_parquet(tmp_path / "cohort/cases.parquet")) == EXAMS[database]
    assert made.tree(raw) == before and {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == when
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "raw"]
    assert CliRunner().invoke(command, ["check", str(tmp_path / "cohort"), "-j", "1"]).exit_code == 0


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]} {bad[2]}")
def test_a_bad_file_is_skipped_with_its_reason_and_count_and_the_rest_goes_on(bad, tmp_path, made):
    database, spoil, kind, reason = bad
    raw = tmp_path / "raw"
    WRITERS[database](raw)
    film = raw / FILMS[database]
    spoil(film, raw)
    before = made.tree(raw)
    done = prepare(database, tmp_path)
    assert done.exit_code == 3, done.output
    with (tmp_path / "cohort/skipped.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (found,) = [row for row in rows if row["kind"] == kind and reason in row["reason"]]
    assert database == "dicom" or found["what"] == str(film)
    assert found["what"] not in found["reason"]
    count = sum(row["kind"] == kind for row in rows)
    assert f"{count:>9,}  {kind}, e.g. " in done.output
    assert f"skipped  {len(rows):,}, each with its reason in {tmp_path / 'cohort/skipped.csv'}" in done.output
    assert len(pd.read_parquet(tmp_path / "cohort/cases.parquet")) == EXAMS[database]
    assert made.tree(raw) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "raw"]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]} {bad[2]}")
def test_strict_stops_at_the_first_bad_file(bad, tmp_path, made):
    database, spoil, _, reason = bad
    raw = tmp_path / "raw"
    WRITERS[database](raw)
    spoil(raw / FILMS[database], raw)
    done = prepare(database, tmp_path, "--strict")
    assert isinstance(done.exception, DataError)  # the program prints it and ends with 1
    assert "(--strict stops here)" in str(done.exception)
    assert reason in str(done.exception)
    assert not (tmp_path / "cohort" / "cases.parquet").exists()
