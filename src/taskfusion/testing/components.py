"""The kit over what is registered: every component of a plugin, found by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from taskfusion.errors import PluginError, TaskFusionError, UnknownNameError
from taskfusion.plugins import Component, Registry
from taskfusion.testing.commands import check_command
from taskfusion.testing.fusers import check_fuser
from taskfusion.testing.paddings import check_padding
from taskfusion.testing.readers import check_reader
from taskfusion.testing.report import Report, SkipError, expect, failed, run_checks
from taskfusion.testing.targets import check_target
from taskfusion.testing.tasks import check_task

CHECK: dict[str, Callable[..., Report]] = {
    "task": check_task,
    "fuser": check_fuser,
    "padding": check_padding,
    "reader": check_reader,
    "target": check_target,
    "command": check_command,
}
HEAVY = ("tensorflow", "keras", "torch", "jax", "sklearn", "pandas", "scipy", "numpy", "PIL", "cv2", "matplotlib")


def find_components(registry: Registry, wanted: str, kind: str = "") -> list[Component]:
    """What a name stands for: everything of a distribution, of an entry point, or the components of that name.

    Raises:
        PluginError: a plugin that could not be used, with its error.
        UnknownNameError: with the nearest name.
    """
    components = registry.all_components()
    found = [c for c in components if _plain(c.distribution) == _plain(wanted) or c.plugin == wanted]
    found = found or [c for c in components if c.entry.name == wanted]
    broken = [p for p in registry.broken if wanted == p.name or _plain(p.distribution) == _plain(wanted)]
    if broken:
        raise PluginError("; ".join(f"broken plugin {plugin}" for plugin in broken))
    if not found:
        names = [name for c in components for name in (c.distribution, c.plugin, c.entry.name) if name]
        raise UnknownNameError.of("plugin or component", wanted, names)
    chosen = [c for c in found if not kind or c.kind == kind]
    if not chosen:
        kinds = ", ".join(sorted({c.kind for c in found}))
        raise UnknownNameError(f"{wanted!r} registers no {kind}; it registers: {kinds}")
    return chosen


def check_components(components: list[Component]) -> Iterator[Report]:
    """A report for each entry point's module, then one for each component."""
    seen: set[str] = set()
    for component in components:
        if component.plugin not in seen:
            seen.add(component.plugin)
            yield run_checks(f"plugin {component.plugin} ({component.origin})", (light,), component)
    for component in components:
        yield check_component(component)


def check_component(component: Component) -> Report:
    """Load one component and check it by its kind."""
    title = f"{component.kind} {component.entry.name} ({component.origin})"
    try:
        return CHECK[component.kind](component.load(), name=title)
    except TaskFusionError as error:
        return failed(title, "It loads and is made of its options", str(error))


def light(component: Component) -> None:
    """The entry point's module imports nothing heavy."""
    if not component.module:
        raise SkipError("it was given in code, as an object that cannot be imported")
    code = f"import sys, {component.module}; print(*[m for m in {HEAVY} if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    expect(done.returncode == 0, f"import {component.module} failed: {_last_line(done.stderr)}")
    heavy = _last_line(done.stdout)
    expect(not heavy, f"{component.module} imports {heavy}; expected import paths as text, imported on use")


def _plain(distribution: Any) -> str:
    """Distribution names differ in case and in what joins their words."""
    return str(distribution).lower().replace("_", "-").replace(".", "-")


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
