"""docs/write-a-plugin.md is a package: put together from its blocks, installed, used with the commands it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import taskfusion
from taskfusion import hookspecs
from taskfusion.contracts import BASES, KINDS, REGISTERED, hook_name, imported
from taskfusion.outputs import TaskSpec
from taskfusion.testing import pytest_plugin

PAGE = Path(__file__).parents[1] / "docs" / "write-a-plugin.md"
SOURCE = Path(taskfusion.__file__).parents[1]
STYLE = ("--isolated", "--select", "E,F,I,B,UP,SIM,RUF,N", "--line-length", "120")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def files_of(page: str) -> dict[str, str]:
    """What a reader has after pasting every block into the file that its first line names."""
    files: dict[str, str] = {}
    for path, text in re.findall(r"^```\w+ file\n# (\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        files[path] = files.get(path, "") + text
    return files


def commands_of(page: str) -> list[str]:
    """Every line to be typed."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


FILES, COMMANDS = files_of(text_of(PAGE)), commands_of(text_of(PAGE))


class Bench:
    """The page's package in a folder, and a shell in which its `taskfusion` and `pytest` can be typed."""

    def __init__(self, folder: Path) -> None:
        self.package, self.installed, tools = (folder / name for name in ("package", "installed", "tools"))
        for path, text in FILES.items():
            (self.package / path).parent.mkdir(parents=True, exist_ok=True)
            (self.package / path).write_text(text, encoding="utf-8")
        tools.mkdir()
        for tool, module in (("taskfusion", "taskfusion"), ("pytest", "pytest -p no:cacheprovider")):
            (tools / tool).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            (tools / tool).chmod(0o755)
        places = [str(self.installed), str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        others = ",".join(point.name for point in metadata.entry_points(group="taskfusion"))
        path = os.pathsep.join([str(tools), os.environ["PATH"]])
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PATH": path}
        self._environment |= {"TASKFUSION_BLOCK_PLUGINS": others, "COLUMNS": "200"}

    def call(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type one line."""
        return subprocess.run(
            ["/bin/sh", "-c", command],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self.package,
            check=False,
        )

    def pip(self, *arguments: str) -> None:
        """Run pip without a network: what is needed is there already."""
        command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.package, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """The package, built as a wheel and installed from it; do not mutate."""
    made = Bench(tmp_path_factory.mktemp("tutorial"))
    made.pip("wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", "dist")
    wheels = [str(path) for path in (made.package / "dist").glob("taskfusion_standout-*.whl")]
    made.pip("install", *wheels, "--no-deps", "--no-index", "--target", str(made.installed))
    return made


def test_every_block_that_is_not_run_on_the_page_belongs_to_a_file():
    openings = re.findall(r"^```(\w+.*)$", text_of(PAGE), re.MULTILINE)
    assert {opening.partition(" ")[2] for opening in openings if opening != "sh"} == {"file", "run"}
    listed = re.search(r"^    (pyproject.*)$", text_of(PAGE), re.MULTILINE)[1]
    names = [path.replace("{", "").split("/")[-1].split(".")[0] for path in FILES]
    assert all(name in listed for name in names) and {"pyproject.toml", "spec.yaml"} <= set(FILES)


@pytest.mark.slow
def test_the_package_is_installed_with_its_entry_point(bench):
    (found,) = metadata.distributions(path=[str(bench.installed)])
    points = [(point.group, point.name, point.value) for point in found.entry_points]
    assert found.name == "taskfusion-standout" and points == [("taskfusion", "standout", "taskfusion_standout.plugin")]


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in COMMANDS if not line.startswith("pip ")])
def test_every_command_of_the_page_does_what_it_should(bench, command):
    done = bench.call(command)
    assert done.returncode == 0 and not done.stderr.count("Traceback"), done.stdout + done.stderr


def test_the_page_shows_the_commands_that_matter():
    assert COMMANDS[0] == "pip install -e ." and {line.split()[0] for line in COMMANDS} >= {"pip", "pytest"}
    typed = {word for line in COMMANDS for word in re.findall(r"taskfusion ([a-z-]+)", line)}
    assert {"plugins", "check", "validate", "run", "schema"} <= typed


@pytest.mark.slow
def test_the_listing_has_both_with_their_package(bench):
    done = bench.call("taskfusion plugins")
    lines = [line.split() for line in done.stdout.splitlines() if "taskfusion-standout 0.1.0" in line]
    assert [line[0] for line in lines] == ["standout", "ranks"]
    assert not bench.call("TASKFUSION_BLOCK_PLUGINS=standout taskfusion plugins").stdout.count("taskfusion-standout")


@pytest.mark.slow
def test_the_kit_finds_nothing_wrong(bench):
    done = bench.call("taskfusion check taskfusion-standout")
    assert "task standout" in done.stdout and "fuser ranks" in done.stdout
    assert " 0 failed" in done.stdout and "✗" not in done.stdout


@pytest.mark.slow
def test_the_page_s_code_is_written_as_the_templates_are(bench):
    done = bench.call(f'"{sys.executable}" -m ruff check {" ".join(STYLE)} .')
    assert done.returncode == 0, done.stdout


def test_the_table_of_hooks_is_complete():
    rows = re.findall(r"^\| `(taskfusion_\w+)\(\)` \| (.*?) \| (.*?) \|$", text_of(PAGE), re.MULTILINE)
    assert [name for name, _, _ in rows] == [hook_name(kind) for kind in REGISTERED]
    assert {name for name in vars(hookspecs) if name.startswith("taskfusion_")} == {name for name, _, _ in rows}
    for kind, (_, base, defines) in zip(KINDS, rows, strict=False):
        assert BASES[kind].replace(":", ".") in base
        methods = {name.partition("(")[0] for name in re.findall(r"`([^`]+)`", defines)}
        assert methods == set(imported(BASES[kind]).__abstractmethods__)


def test_the_arguments_of_the_methods_are_the_real_ones():
    import inspect

    rows = re.findall(r"^\| `taskfusion_\w+\(\)` \| .*? \| (.*?) \|$", text_of(PAGE), re.MULTILINE)
    for kind, defines in zip(KINDS, rows, strict=False):
        for name, arguments in re.findall(r"`(\w+)\(([^)]*)\)`", defines):
            real = list(inspect.signature(getattr(imported(BASES[kind]), name)).parameters)
            assert real == ["self", *arguments.split(", ")]


def test_the_other_tables_name_what_exists():
    import attrs

    from taskfusion.fusers.base import Fuser

    page = text_of(PAGE)
    table = page.partition("| `TaskSpec(…)` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [field.name for field in attrs.fields(TaskSpec)]
    table = page.partition("| class attribute |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Fuser.__annotations__) - {"Config"}
    fixtures = [name for name in vars(pytest_plugin) if name.startswith("taskfusion_")]
    assert all(f"`{name}`" in page or f"def {name}" in page for name in fixtures)


def test_the_spec_uses_what_the_package_adds():
    spec = yaml.safe_load(FILES["spec.yaml"])
    assert "standout" in spec["tasks"] and "ranks" in spec["fusers"]
