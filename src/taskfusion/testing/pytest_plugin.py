"""Fixtures for the tests of plugins; nothing is imported, blocked or changed until a test asks for one.

``taskfusion_registry`` never looks at what is installed: it has the built-ins and the plugins a test names, so a test
gives the same on every machine. Override ``taskfusion_plugins`` in a ``conftest.py`` to name yours::

    @pytest.fixture(scope="session")
    def taskfusion_plugins():
        from my_package import plugin

        return [plugin]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from taskfusion.cases import Cohort
    from taskfusion.outputs import TaskOutput
    from taskfusion.plugins import Registry


@pytest.fixture(scope="session")
def taskfusion_plugins() -> list[Any]:
    """Plugin modules under test; override it."""
    return []


@pytest.fixture(scope="session")
def taskfusion_registry(taskfusion_plugins: list[Any]) -> Registry:
    """Built-ins and ``taskfusion_plugins``, nothing that is installed; raises PluginError when one is broken."""
    from taskfusion.plugins import build_registry

    return build_registry(taskfusion_plugins, entry_points=False, strict=True)


@pytest.fixture(scope="session")
def taskfusion_cohort() -> Cohort:
    """36 made-up cases with images, boxes, labels and metadata; do not mutate."""
    from taskfusion.testing import small_cohort

    return small_cohort()


@pytest.fixture(scope="session")
def taskfusion_outputs() -> dict[str, TaskOutput]:
    """What three tasks, one of each level, say of 40 made-up cases; do not mutate."""
    from taskfusion.testing import small_outputs

    return small_outputs()
