"""What docs/tasks.md shows can be written in a spec as it stands."""

import re
from pathlib import Path

import pytest
import yaml

from taskfusion.plugins import build_registry

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
ENTRIES = {
    name: options
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for name, options in yaml.safe_load(block).items()
}


@pytest.mark.parametrize("name", ENTRIES)
def test_examples_are_good_options(name):
    options = {**ENTRIES[name]}
    task = build_registry(entry_points=False).create("task", options.pop("task"), options)
    assert task.config is not None


def test_every_ready_made_task_has_a_section():
    sections = re.findall(r"^## `(\w+)`", PAGE.read_text(), re.MULTILINE)
    registered = [entry.entry.name for entry in build_registry(entry_points=False).components("task")]
    assert sorted(sections) == sorted(registered)


def test_options_in_the_tables_exist():
    registry = build_registry(entry_points=False)
    for name, part in re.findall(r"^## `(\w+)`(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        known = registry.load("task", name).Config.__attrs_attrs__
        for cell in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE):
            for option in re.findall(r"`(\w+)`", cell):
                assert option in {field.name for field in known}, option
