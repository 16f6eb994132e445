"""Toy tasks on all three levels and a toy cohort: everything the core needs, no image, no network."""

from __future__ import annotations

import pytest
from toys import toy_cohort

from taskfusion.cases import Cohort
from taskfusion.plugins import Registry, build_registry


@pytest.fixture(autouse=True)
def _only_built_in_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the core never load what happens to be installed."""
    monkeypatch.setenv("TASKFUSION_BLOCK_PLUGINS", "*")


@pytest.fixture
def registry() -> Registry:
    """Built-ins and the toys."""
    import toys

    return build_registry([toys], entry_points=False)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    """120 toy cases; do not mutate."""
    return toy_cohort(120)
