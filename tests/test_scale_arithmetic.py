"""The arithmetic of ``docs/scale.md``: proportions of what was measured, and what to measure where nothing was."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def arithmetic():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("scale_arithmetic", ROOT / "benchmarks" / "scale_arithmetic.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDS = {
    "prepare": {"machine": "m", "exams": 2, "size": [10, 8], "cpu_seconds": 3.6, "bytes": 4000},
    "inference": {
        "machine": {"cores": "2"},
        "networks": {
            "findings": {"size": [10, 8], "seconds": {"model.predict": [9.0], "ours, keras": [0.8, 0.9, 1.0]}}
        },
    },
    "scale": {
        "rows": [
            {"kind": "score", "cases": 10, "disk_mb": 1, "seconds": {"fit": 1}, "peak_mb": {"fit": 1}},
            {"kind": "score", "cases": 1000, "disk_mb": 2.0, "seconds": {"fit": 7.2}, "peak_mb": {"fit": 500}},
        ]
    },
}


def test_a_thousand_times_the_cases_is_a_thousand_times_the_work(arithmetic):
    text = arithmetic.page(RECORDS, {"runs/a/run.json": {"cases": 100, "seconds": {"fit": 36.0}}}, 2000)
    assert "| prepared images, 16-bit PNG, 10×8 | 2 kB an exam | 4 MB | prepare |" in text
    assert "| preparing, synthetic, 10×8 | 1.80 core seconds an exam | 1 h | prepare |" in text
    assert "| findings, 10×8, ours, keras | 1.11 images a second | 2 h | inference |" in text
    assert "| store, score fuser | 2 MB for 1,000 cases | 4 MB | scale |" in text
    assert "| fit, score fuser | 7.2 s for 1,000 cases | 0.004 h | scale |" in text
    assert "| run, stage fit | 36.0 s for 100 cases | 0.2 h | `runs/a/run.json` |" in text
    assert "not measured" not in text and "Machine: m." in text


def test_what_was_not_measured_is_said_with_its_command(arithmetic):
    text = arithmetic.page({}, {}, 1000)
    for name in ("prepare", "inference", "scale"):
        assert f"- {name}: not measured yet; `python benchmarks/" in text


def test_the_page_keeps_all_but_the_block(arithmetic):
    page = (ROOT / "docs" / "scale.md").read_text()
    first = arithmetic.replaced(page, "| a table |")
    assert "| a table |" in first and arithmetic.replaced(first, "x") == arithmetic.replaced(page, "x")
    outside = [text.split(arithmetic.BEGIN)[0] + text.split(arithmetic.END)[1] for text in (page, first)]
    assert outside[0] == outside[1]
    with pytest.raises(SystemExit, match="the page needs one line"):
        arithmetic.replaced("no marks", "x")


def test_the_command_reads_what_is_there(arithmetic, tmp_path, monkeypatch, capsys):
    (tmp_path / "prepare").mkdir()
    (tmp_path / "prepare" / "prepare.json").write_text(json.dumps(RECORDS["prepare"]))
    target = tmp_path / "page.md"
    target.write_text(f"before\n{arithmetic.BEGIN}\nold\n{arithmetic.END}\nafter\n")
    monkeypatch.setattr("sys.argv", ["x", "--bench", str(tmp_path), "--cases", "500", "--write", str(target)])
    arithmetic.main()
    assert "500 exams" in capsys.readouterr().out
    assert target.read_text().startswith("before\n") and "old" not in target.read_text()
