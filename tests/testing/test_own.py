"""The library's own components keep the contract that plugins must keep."""

from __future__ import annotations

import pytest

from taskfusion.plugins import Component, build_registry
from taskfusion.testing.components import check_component, light
from taskfusion.testing.own import OWN

SLOW = ("feat", "hybrid", "attention")  # train networks
COMPONENTS = build_registry(entry_points=False).all_components()


def _case(component: Component):
    marks = [pytest.mark.slow] if component.entry.name in SLOW else []
    return pytest.param(component, id=f"{component.kind} {component.entry.name}", marks=marks)


@pytest.mark.parametrize("component", [_case(component) for component in COMPONENTS])
def test_a_built_in_keeps_the_contract(component):
    check_component(component).raise_for_failures()


def test_the_registration_is_light():
    light(COMPONENTS[0])


def test_exceptions_are_for_components_that_exist():
    paths = {component.entry.path for component in COMPONENTS}
    assert set(OWN) <= paths
