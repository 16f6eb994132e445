"""docs/promises.md names tests that exist, and properties are looked at as often as it says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?!promise |-)(.*?) \| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/\S+\.py)`: ((?:`test_\w+`(?:, )?)+)")
ASKS = (
    "from hypothesis import settings; import conftest; print(*(settings.get_profile(n).max_examples for n in {names}))"
)


def names_in(path: Path) -> set[str]:
    """The names of a file's tests; nothing is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("promise", "shown"), ROW.findall(PAGE), ids=lambda text: text[:40])
def test_every_promise_names_tests_that_exist(promise, shown):
    named = NAMED.findall(shown)
    assert named and "; ".join(f"`{path}`: {tests}" for path, tests in named) == shown, "a cell names nothing but tests"
    for path, tests in named:
        assert (ROOT / path).is_file(), path
        missing = set(re.findall(r"`(\w+)`", tests)) - names_in(ROOT / path)
        assert not missing, f"{path} has no {missing}"


def test_the_page_has_all_promises():
    assert len(ROW.findall(PAGE)) > 40 and len(re.findall(r"^## ", PAGE, re.MULTILINE)) >= 13


def examples(**environment: str) -> list[int]:
    """How many examples the profiles look at."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "TASKFUSION_EXAMPLES")}
    command = [sys.executable, "-c", ASKS.format(names=("house", "heavy"))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**kept, **environment}, check=True)
    return [int(word) for word in done.stdout.split()]


def test_properties_are_looked_at_200_times_in_ci():
    house, heavy = examples()
    assert heavy < house < 200
    assert examples(CI="true") == [200, 200]
    assert examples(CI="true", TASKFUSION_EXAMPLES="7") == [7, 7]


def test_no_property_asks_for_fewer():
    files = [path for folder in ("tests", "plugins", "examples") for path in (ROOT / folder).rglob("test_*.py")]
    stated = [int(number) for path in files for number in re.findall(r"max_examples=(\d+)", path.read_text("utf-8"))]
    assert len(files) > 50 and all(number >= 200 for number in stated)
