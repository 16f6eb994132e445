"""``taskfusion new-plugin``: what it writes works at once, and what it cannot write it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taskfusion
from taskfusion.cli.new_plugin import NAME, Plugin, render, suggestion
from taskfusion.plugins import REGISTERED

SOURCE = Path(taskfusion.__file__).parents[1]


def python(*arguments: str, folder: Path, package: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with the library and the package on its path, nothing installed and no network."""
    places = [str(package / "src"), str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "TASKFUSION_BLOCK_PLUGINS": "*"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", REGISTERED)
def test_what_it_writes_passes_its_own_tests(program, tmp_path, kind):
    """For all kinds but commands these run the package's YAML spec too."""
    code, out, err = program("new-plugin", f"my-{kind}", "--kind", kind, "--output", str(tmp_path))
    assert code == 0 and not err and f"taskfusion check my-{kind}" in out
    package = tmp_path / f"my-{kind}"
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=package, package=package)
    assert done.returncode == 0, done.stdout + done.stderr
    style = ["-m", "ruff", "check", "--isolated", "--select", "E,F,I,B,UP,SIM,RUF,N", "--line-length", "120", "."]
    done = python(*style, folder=package, package=package)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", REGISTERED)
def test_every_file_is_whole(kind):
    files = render(Plugin("two-words", kind))
    assert f"src/two_words/{kind}.py" in files and "tests/test_two_words.py" in files
    assert 'two_words = "two_words.plugin"' in files["pyproject.toml"]
    assert f"def taskfusion_{kind}s()" in files["src/two_words/plugin.py"]
    for path, text in files.items():
        assert "{{" not in text and "{%" not in text and "TODO" not in text, path
        assert text == "" or text.endswith("\n"), path
        if path.endswith(".py"):
            compile(text, path, "exec")
    assert ("spec.yaml" in files) == (kind != "command")


@pytest.mark.parametrize(
    ("name", "kind", "module", "object"),
    [
        ("texture", "task", "texture", "TextureTask"),
        ("my-fuser", "fuser", "my_fuser", "MyFuser"),
        ("hello", "command", "hello", "command"),
    ],
)
def test_names(name, kind, module, object):
    plugin = Plugin(name, kind)
    assert (plugin.module, plugin.object) == (module, object)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("My Task", "task", "'My Task' is no name for a plugin; expected one such as 'my-task'"),
        ("../up", "task", "is no name for a plugin; expected one such as 'up'"),
        ("9lives", "task", "expected one such as 'lives'"),
        ("", "task", "'' is no name for a plugin; expected one such as 'brightness'"),
        ("class", "task", "'class' has a meaning already; expected another name, such as 'my-class'"),
        ("json", "fuser", "'json' has a meaning already"),
        ("task", "task", "'task' has a meaning already"),
        ("on", "task", "'on' has a meaning already"),
        ("numpy", "task", "a package 'numpy' is installed already"),
        ("demo", "command", "taskfusion has a command 'demo' of its own"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_anything_is_written(program, tmp_path, name, kind, message):
    code, _, err = program("new-plugin", name, "--kind", kind, "--output", str(tmp_path))
    assert code == 1 and message in err and not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(program, tmp_path):
    (tmp_path / "texture").mkdir()
    (tmp_path / "texture" / "mine.txt").write_text("precious")
    code, _, err = program("new-plugin", "texture", "--kind", "task", "-o", str(tmp_path))
    assert code == 1 and "exists already; expected a new folder, or another --output" in err
    assert [path.name for path in (tmp_path / "texture").iterdir()] == ["mine.txt"]


def test_a_registered_name_is_written_with_a_warning(program, tmp_path):
    code, _, err = program("new-plugin", "svm", "--kind", "fuser", "-o", str(tmp_path))
    assert code == 0 and (tmp_path / "svm" / "pyproject.toml").is_file()
    assert "warning: fuser 'svm' is registered by taskfusion" in err and "rename yours in plugin.py" in err


def test_the_kind_must_be_one(program):
    code, _, err = program("new-plugin", "texture", "--kind", "tusk")
    assert code == 2 and "'tusk' is not one of 'task', 'fuser'" in err


@given(st.text(max_size=20))
def test_a_suggestion_can_be_used(text):
    assert NAME.fullmatch(suggestion(text))


@pytest.mark.parametrize(("name", "text"), [("Dense Breasts!", "dense-breasts"), ("__x", "x"), ("ÄÖ", "brightness")])
def test_suggestions_are_names(name, text):
    assert suggestion(name) == text
