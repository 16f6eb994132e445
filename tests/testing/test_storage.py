"""What the kit sees in saved files and in configurations."""

from __future__ import annotations

import zipfile
from pathlib import Path

import attrs
import numpy as np
import pytest

from taskfusion.testing.report import CheckError, Outcome, Report
from taskfusion.testing.storage import array_difference, check_config, no_doors, refuse_code, variations


def test_data_are_let_through(tmp_path):
    np.savez(tmp_path / "a.npz", weights=np.zeros(3), names=np.array(["a", "b"]))
    np.save(tmp_path / "b.npy", np.zeros(3))
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "d.h5").write_bytes(b"\x89HDF\r\n\x1a\n....")
    with zipfile.ZipFile(tmp_path / "e.keras", "w") as file:
        file.writestr("config.json", "{}")
    refuse_code(tmp_path)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.joblib", lambda p: p.write_bytes(b"x"), r"a.joblib may run code when it is loaded \(.joblib\)"),
        ("sub/b.npz", lambda p: np.savez(p, o=np.array([{}], object)), r"sub/b.npz does not load without pickle"),
        ("c.npy", lambda p: np.save(p, np.array([{}], object)), r"c.npy does not load without pickle"),
        (
            "d.dat",
            lambda p: p.write_bytes(__import__("pickle").dumps([1, 2])),
            r"d.dat is a pickle; expected data only",
        ),
        ("e.zip", lambda p: zipfile.ZipFile(p, "w").writestr("x/data.pkl", b"."), r"e.zip holds x/data.pkl"),
        ("f.py", lambda p: p.write_text("1"), r"f.py may run code"),
    ],
)
def test_what_could_run_code_is_refused(tmp_path, name, write, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write(path)
    with pytest.raises(CheckError, match=message):
        refuse_code(tmp_path)


def test_doors_are_watched_and_closed_again(tmp_path):
    with no_doors() as opened:
        (tmp_path / "a.txt").write_text("x")
        list(tmp_path.iterdir())
    assert opened and open.__module__ in ("io", "_io")
    before = len(opened)
    Path(tmp_path / "a.txt").read_text()
    assert len(opened) == before


@attrs.frozen
class Many:
    on: bool = True
    size: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    least: int = attrs.field(default=5, validator=attrs.validators.le(5))
    rate: float = attrs.field(default=1.0, validator=attrs.validators.le(1))
    name: str = "a"
    pair: tuple[int, ...] = (1, 2)
    single: tuple[int, ...] = (1,)
    fixed: int = attrs.field(default=3, validator=attrs.validators.in_([3]))


def test_fields_are_varied_within_what_is_allowed():
    found = dict(variations(Many()))
    assert set(found) == {"on", "size", "least", "rate", "name", "pair"}
    assert all(config != Many() for config in found.values())


def test_a_configuration_that_is_no_data_is_refused():
    @attrs.frozen
    class Odd:
        thing: object = attrs.field(factory=lambda: {1, 2})

    with pytest.raises(CheckError, match=r"Odd is no JSON data"):
        check_config(Odd())


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), ""),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), "at (1,) 2 and 2.1"),
        (np.zeros(2), np.zeros(3), "shapes (2,) and (3,)"),
        (None, np.zeros(3), "one of them is not there"),
        (None, None, ""),
        (np.array([np.nan]), np.array([0.0]), "at (0,) nan and 0"),
    ],
)
def test_arrays_are_compared_to_the_bit(one, other, text):
    assert array_difference(one, other) == text


def test_reports_read_well():
    report = Report("it", (Outcome("a", "passed"), Outcome("b", "failed", "no"), Outcome("c", "skipped", "why")))
    assert str(report) == "it\n  ✓ a\n  ✗ b: no\n  – c: why"
