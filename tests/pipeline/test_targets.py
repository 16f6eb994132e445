"""Targets that a spec names and a plugin derives."""

from __future__ import annotations

import sys
import types

import attrs
import numpy as np
import pytest

from taskfusion.cases import Cohort, Target
from taskfusion.errors import ContractError, DataError, PluginError, UnknownNameError
from taskfusion.hookspecs import Entry, hookimpl
from taskfusion.pipeline.targets import with_registered_targets
from taskfusion.plugins import Registry, build_registry
from taskfusion.targets import TargetMaker


class Odd(TargetMaker):
    """Every second case."""

    target = Target("odd", ("bad",), "every second case")

    def truth(self, cohort: Cohort) -> np.ndarray:
        return np.array([int(case.metadata["noise"]) % 2 for case in cohort.cases])


class Misnamed(Odd):
    target = Target("other")


class Short(Odd):
    def truth(self, cohort: Cohort) -> np.ndarray:
        return np.zeros(3)


class Graded(Odd):
    def truth(self, cohort: Cohort) -> np.ndarray:
        return np.full(len(cohort), 2)


def registry_of(monkeypatch, *classes: str) -> Registry:
    monkeypatch.setitem(sys.modules, "targets_here", sys.modules[__name__])
    plugin = types.ModuleType("p")

    def taskfusion_targets():
        return [Entry(name, f"targets_here:{cls}") for name, cls in zip(("odd", "ill"), classes, strict=False)]

    plugin.taskfusion_targets = hookimpl(taskfusion_targets)
    return build_registry([plugin], entry_points=False)


def test_a_target_the_cohort_lacks_is_derived(cohort, monkeypatch):
    found = with_registered_targets(cohort, ["ill", "odd"], registry_of(monkeypatch, "Odd", "Graded"))
    assert found.label("odd").tolist() == [row % 2 for row in range(len(cohort))]
    assert found.target("odd").labels == ("bad",)
    assert found.target("ill") is cohort.target("ill") and "odd" not in cohort.targets


def test_nothing_is_derived_that_is_not_named(cohort, monkeypatch):
    assert with_registered_targets(cohort, [], registry_of(monkeypatch, "Odd")).targets == cohort.targets


def test_an_unknown_target_lists_both_sources(cohort, monkeypatch):
    with pytest.raises(UnknownNameError, match=r"unknown target 'od' \(did you mean 'odd'\?\); known: bad, ill, odd"):
        with_registered_targets(cohort, ["od"], registry_of(monkeypatch, "Odd"))


def test_a_label_of_the_same_name_is_never_replaced(cohort, monkeypatch):
    registry = registry_of(monkeypatch, "Odd")
    graded = attrs.evolve(cohort, labels={**cohort.labels, "odd": np.full(len(cohort), 3)})
    with pytest.raises(DataError, match=r"cohort 'toy' has another label 'odd'; the registered target would replace"):
        with_registered_targets(graded, ["odd"], registry)
    same = attrs.evolve(cohort, labels={**cohort.labels, "odd": np.arange(len(cohort)) % 2})
    assert "odd" in with_registered_targets(same, ["odd"], registry).targets


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        ("Misnamed", r"target 'odd': its maker's target is Target\(name='other'.*; expected Target\('odd', …\)"),
        ("Short", r"target 'odd': truth has shape \(3,\); expected \(120,\)"),
        ("Graded", r"target 'odd': truth of row 0 is 2; expected 1, 0 or -1 \(unknown\)"),
    ],
)
def test_a_wrong_answer_is_named(cohort, monkeypatch, maker, message):
    with pytest.raises(ContractError, match=message):
        with_registered_targets(cohort, ["odd"], registry_of(monkeypatch, maker))


def test_a_target_claimed_twice_is_an_error(cohort, monkeypatch):
    registry = registry_of(monkeypatch, "Odd")
    registry.add(attrs.evolve(registry.find("target", "odd"), distribution="other", version="2"))
    with pytest.raises(PluginError, match=r"target 'odd' is claimed by given in code - and other 2"):
        with_registered_targets(cohort, ["odd"], registry)
