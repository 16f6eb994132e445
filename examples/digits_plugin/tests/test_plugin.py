from __future__ import annotations

import subprocess
import sys

import taskfusion_digits.plugin
from taskfusion.plugins import build_registry


def test_the_plugin_registers_a_reader_and_a_task_on_each_level() -> None:
    registry = build_registry([taskfusion_digits.plugin], entry_points=False)
    assert not registry.broken
    assert registry.create("reader", "digits", {"cases": 50, "writers": 10}).config.cases == 50
    levels = {name: registry.create("task", name).spec.level for name in ("ink", "glance", "windows")}
    assert levels == {"ink": "case", "glance": "view", "windows": "detection"}


def test_registering_imports_nothing_heavy() -> None:
    heavy = "[name for name in ('sklearn', 'scipy', 'pandas') if name in sys.modules]"
    code = f"import sys; sys.path[:0] = {sys.path}; import taskfusion_digits.plugin; print({heavy})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
