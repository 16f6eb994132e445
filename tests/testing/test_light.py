"""The kit and its pytest plugin cost nothing until they are used, and the fixtures see nothing that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import taskfusion.testing

HEAVY = ("numpy", "pandas", "sklearn", "keras", "tensorflow", "click")


@pytest.mark.parametrize("name", taskfusion.testing.__all__)
def test_every_name_is_there(name):
    assert callable(getattr(taskfusion.testing, name)) and name in dir(taskfusion.testing)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'taskfusion.testing' has no attribute 'check_taks'"):
        _ = taskfusion.testing.check_taks


@pytest.mark.parametrize("module", ["taskfusion.testing", "taskfusion.testing.pytest_plugin"])
def test_importing_is_light(module):
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


AUTHOR_TESTS = """
import pytest
from taskfusion.hookspecs import Entry, hookimpl


class Plugin:
    @hookimpl
    def taskfusion_tasks(self):
        return [Entry("mine", "m:X", "mine")]


@pytest.fixture(scope="session")
def taskfusion_plugins():
    return [Plugin()]


def test_fixtures(taskfusion_registry, taskfusion_cohort, taskfusion_outputs):
    assert {"mine", "sklearn"} <= set(taskfusion_registry.names("task")) and not taskfusion_registry.broken
    assert len(taskfusion_cohort) == 36
    assert set(taskfusion_outputs) == {"whole", "side", "spot"}
"""


@pytest.mark.slow
def test_authors_get_fixtures(tmp_path):
    (tmp_path / "test_mine.py").write_text(AUTHOR_TESTS)
    source = str(Path(taskfusion.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    plugin = ["-p", "taskfusion.testing.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
