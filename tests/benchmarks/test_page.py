"""The page is made of what is there, names what was not run, and shows failures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from bench import sections
from bench.page import anything, page
from bench.peers.lines import adapter_lines, user_lines
from startup import COMMANDS, content

MACHINE = {"cores": "2"}
PEERS = {
    "title": "Peers",
    "text": ["Somebody wins."],
    "tables": [
        {"title": "AUC", "columns": ["", "clean"], "rows": [["a|b", 0.81234567], ["c", "–"]], "note": "Larger."}
    ],
    "data": {"not": "printed"},
}


def part(title: str, results: list, error: str = "", seconds: float = 60.0) -> dict:
    return {"title": title, "results": results, "record": {"error": error, "seconds": seconds}}


def test_a_page_has_the_sentences_and_tables_of_a_section():
    text = page(MACHINE, [part("x", [PEERS])])
    assert text.startswith("# Benchmarks\n")
    assert "## Peers\n\nSomebody wins.\n\n### AUC\n\nLarger.\n\n|  | clean |\n|---|---|\n| a\\|b | 0.8123 |" in text
    assert "cores: 2" in text
    assert "This section took 1.0 minutes." in text
    assert "printed" not in text


def test_a_page_names_what_was_not_run_and_why():
    text = page(MACHINE, [part("Inference", [], "`inference.py` is not there"), {**part("Scale", []), "record": None}])
    assert "Not run: Inference (`inference.py` is not there); Scale." in text


def test_a_section_that_failed_half_way_says_so():
    assert "This section ended early: exit status 1: boom." in page(
        MACHINE, [part("x", [PEERS], "exit status 1: boom")]
    )


def test_json_of_any_other_shape_is_printed():
    lines = anything({"rate": 3.14159265, "sizes": [1, 2], "runs": [{"n": 1, "s": 0.5}, {"n": 2}], "deep": {"a": True}})
    assert "- rate: 3.142" in lines
    assert "- sizes: 1, 2" in lines
    assert "| 1 | 0.5 |" in lines
    assert "| 2 |  |" in lines
    assert lines[lines.index("### deep") + 2] == "- a: True"


def test_a_page_beside_the_json_is_printed_under_the_sections_heading():
    found = {"rate": 1, "markdown": "# Own title\n\nText.\n\n## Part\n\n| a |\n|---|\n\n### Deeper\n"}
    text = page(MACHINE, [part("Scale", [found])])
    assert "## Scale\n\nText.\n\n### Part\n\n| a |\n|---|\n\n#### Deeper\n" in text
    assert "rate" not in text
    assert "# Own title" not in text


def test_start_up_is_compared_with_bare_python():
    taken = {name: [0.1 * (k + 1), 0.1 * (k + 1)] for k, name in enumerate(COMMANDS)}
    rows = content(taken)["tables"][0]["rows"]
    assert rows[0][1:] == ["0.100", "+0.000", "1.00"]
    assert rows[-1] == ["`taskfusion plugins`", "0.400", "+0.300", "4.00"]


@pytest.fixture
def script(tmp_path) -> Path:
    """Writes what it is told, then fails if it is told to."""
    file = tmp_path / "script.py"
    file.write_text(
        "import pathlib, sys\n"
        "(pathlib.Path(sys.argv[-1]) / 'found.json').write_text('{\"rate\": 1}')\n"
        "if '--fail' in sys.argv: sys.exit('boom')\n"
    )
    return file


def test_a_section_is_run_and_its_json_read(script, tmp_path):
    section = sections.Section("s", "S", (str(script),))
    assert sections.record(section, tmp_path) is None
    assert sections.run(section, tmp_path)["error"] == ""
    assert sections.results(section, tmp_path) == [{"rate": 1}]
    (tmp_path / "s" / "found.md").write_text("text")
    assert sections.results(section, tmp_path) == [{"rate": 1, "markdown": "text"}]
    assert sections.record(section, tmp_path)["error"] == ""


def test_a_section_that_fails_or_is_not_there_is_recorded(script, tmp_path):
    failing = sections.Section("f", "F", (str(script), "--fail"))
    assert sections.run(failing, tmp_path)["error"] == "exit status 1: boom"
    assert sections.results(failing, tmp_path) == [{"rate": 1}]
    gone = sections.Section("g", "G", (str(tmp_path / "gone.py"),))
    assert sections.run(gone, tmp_path)["error"] == "`benchmarks/gone.py` is not there"


def test_the_command_writes_page_and_json_out_of_what_is_there(tmp_path, monkeypatch):
    from bench.__main__ import main

    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "peers.json").write_text(json.dumps(PEERS))
    target = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "--out", str(tmp_path), "--page", str(target)])
    main()
    assert "## Peers" in target.read_text()
    assert "Not run: Start-up; Inference of the networks" in target.read_text()
    assert json.loads((tmp_path / "benchmarks.json").read_text())["sections"][0]["results"] == [PEERS]


SOURCE = '''
import numpy


# user code one
def one():
    """Not counted,
    nor this."""
    # nor this

    return 1
# end of user code


# user code two
x = """counted"""
y = 2
# end of user code
'''


def test_lines_of_user_code_are_those_between_the_marks(tmp_path):
    assert [user_lines(SOURCE, label) for label in ("", "one", "two", "three")] == [4, 2, 2, 0]
    adapter, padding = tmp_path / "adapter.py", tmp_path / "padding.py"
    padding.write_text("# user code\nz = 3\n# end of user code\n")
    adapter.write_text(SOURCE)
    assert adapter_lines(adapter, padding, "one") == 2
    adapter.write_text("from bench.peers.padding import padded\n" + SOURCE)
    assert adapter_lines(adapter, padding, "one") == 3
