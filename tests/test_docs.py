"""The pages build without a warning, their code runs, and every public name says what it is."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import taskfusion
from taskfusion import errors
from taskfusion.assembly import MISSING_POLICIES
from taskfusion.outputs import Level
from taskfusion.pipeline.results import CaseResult
from taskfusion.plugins import build_registry
from taskfusion.testing import pytest_plugin

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
CONTRACTS = (
    *("cases", "outputs", "inputs", "padding", "learned_padding", "readers", "hookspecs", "plugins", "errors"),
    *("targets", "contracts", "testing", "tasks.base", "fusers.base", "fusers.sklearn_face", "evaluation"),
)
MISSING = [name for name in ("sphinx", "myst_parser", "furo") if importlib.util.find_spec(name) is None]


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


def runnable(page: Path) -> list[str]:
    """The blocks marked ``python run``; those of a page go on where the one before ended."""
    return re.findall(r"^```python run\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=name_of)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in runnable(page):
        exec(compile(block, name_of(page), "exec"), names)


def test_the_code_of_a_page_is_not_cut_off():
    wide = [line for page in PAGES for block in runnable(page) for line in block.splitlines() if len(line) > 88]
    assert wide == []


def test_other_python_on_the_pages_compiles():
    for page in PAGES:
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            compile(block, name_of(page), "exec")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The pages as HTML, built as `make docs` does."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)} (extra 'docs')")
    folder = tmp_path_factory.mktemp("docs")
    places = [str(DOCS), str(folder / "html"), "-d", str(folder / "parsed")]
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", *places]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow
def test_the_pages_build_without_warnings_and_fetch_nothing(built):
    pages = {path.relative_to(built).with_suffix("") for path in built.rglob("*.html")}
    assert {page.relative_to(DOCS).with_suffix("") for page in PAGES} <= pages
    for path in built.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", path.read_text())
        assert not loaded, f"{path.name} loads from elsewhere: {loaded}"


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(built):
    from sphinx.util.inventory import InventoryFile

    found = InventoryFile.loads((built / "objects.inv").read_bytes(), uri="").data
    known = {name for kind, entries in found.items() if kind.startswith("py:") for name in entries}
    wanted = {f"taskfusion.{name}" for name in taskfusion.__all__}
    wanted |= {by_face(name) for module in CONTRACTS for name, _ in public(f"taskfusion.{module}")}
    assert sorted(wanted - known) == []


@pytest.mark.slow
def test_every_fuser_and_its_options_are_in_the_reference(built):
    page = (built / "reference" / "fusers.html").read_text()
    classes = [component.load() for component in build_registry(entry_points=False).components("fuser")]
    wanted = {f"{cls.__module__}.{cls.__qualname__}" for fuser in classes for cls in (fuser, fuser.Config)}
    assert [name for name in sorted(wanted) if f'id="{name}"' not in page] == []


@pytest.mark.slow
def test_every_command_is_on_the_page_of_the_command_line(built):
    from taskfusion.cli import COMMANDS

    page = (built / "reference" / "command-line.html").read_text()
    assert [name for name in COMMANDS if f"Usage: taskfusion {name} " not in page] == []


def by_face(name: str) -> str:
    """``taskfusion.cases.Case.of`` is shown as ``taskfusion.Case.of``."""
    for short in taskfusion.__all__:
        value = getattr(taskfusion, short)
        home = f"{value.__module__}.{value.__qualname__}"
        if name == home or name.startswith(f"{home}."):
            return f"taskfusion.{short}{name.removeprefix(home)}"
    return name


def documented_modules() -> list[str]:
    """Whatever the reference shows."""
    return sorted({name for page in PAGES for name in re.findall(r"automodule:: (\S+)", page.read_text())})


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Public functions, classes, methods and properties of a module, by their name in the reference."""
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", vars(loaded)):
        value = getattr(loaded, name)
        own = hasattr(loaded, "__all__") or getattr(value, "__module__", "") == module
        if name.startswith("_") or not own or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        yield f"{module}.{name}", value
        if inspect.isclass(value):
            yield from _members(f"{module}.{name}", value)


def _members(name: str, cls: type) -> Iterator[tuple[str, Any]]:
    for member, value in vars(cls).items():
        if not member.startswith("_") and isinstance(value, property | classmethod | staticmethod | type(_members)):
            yield f"{name}.{member}", getattr(value, "__func__", value)


def test_the_reference_shows_every_contract():
    assert {f"taskfusion.{name}" for name in CONTRACTS} <= set(documented_modules())


@pytest.mark.parametrize("module", documented_modules())
def test_every_public_name_says_in_a_sentence_what_it_is(module):
    bad = [name for name, value in public(module) if not is_sentence(summary(value))]
    assert bad == []


@pytest.mark.parametrize("name", taskfusion.__all__)
def test_every_name_of_the_face_says_in_a_sentence_what_it_is(name):
    value = getattr(taskfusion, name)
    assert is_sentence(summary(value))
    if inspect.isclass(value):
        assert [member for member, found in _members(name, value) if not is_sentence(summary(found))] == []


def summary(value: Any) -> str:
    """The first paragraph of the docstring written for it, not of an inherited one."""
    return inspect.cleandoc(value.__doc__ or "").partition("\n\n")[0]


def is_sentence(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Z0-9`*\"(].{8,}[.?…]", text, re.DOTALL))


def test_a_sentence_is_told_from_a_fragment():
    assert is_sentence("The pixels,\n``(height, width)``.") and is_sentence("``(cases,)``, True where it is there.")
    assert not any(map(is_sentence, ("", "the pixels", "The pixels", "pixels.", "X.")))


def first_column(page: str, heading: str) -> list[str]:
    """Names in the first column of the table whose first heading is this."""
    table = (DOCS / page).read_text().partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_tables_of_the_pages_are_complete():
    registry = build_registry(entry_points=False)
    assert sorted(first_column("concepts.md", "padding")) == registry.names("padding")
    assert first_column("concepts.md", "missing") == list(MISSING_POLICIES)
    assert first_column("concepts.md", "level") == list(Level)
    fixtures = [name for name in vars(pytest_plugin) if name.startswith("taskfusion_")]
    assert first_column("reference/testing.md", "fixture") == fixtures
    shown = {"id", *first_column("results-and-why.md", "attribute")}
    assert shown == {field.name for field in attrs.fields(CaseResult)}


def test_the_page_of_errors_has_the_tree_as_it_is():
    text = (DOCS / "reference" / "errors.md").read_text()
    shown = dict(re.findall(r"── (\w+) +also ([\w, ]+)", text))
    found = [value for _, value in public("taskfusion.errors") if inspect.isclass(value)]
    classes = [cls for cls in found if issubclass(cls, Exception)]
    made = {cls.__name__: cls.__bases__ for cls in classes if cls is not errors.TaskFusionError}
    assert shown == {name: ", ".join(base.__name__ for base in bases[1:]) for name, bases in made.items()}
    assert {bases[0] for bases in made.values()} == {errors.TaskFusionError}
    assert first_column("reference/errors.md", "error") == list(shown)
