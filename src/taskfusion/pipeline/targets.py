"""Targets that a spec names, the cohort lacks and a plugin derives."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Cohort, Target
from taskfusion.errors import ContractError, DataError, UnknownNameError
from taskfusion.images import Array
from taskfusion.plugins import Registry


def with_registered_targets(cohort: Cohort, names: Iterable[str], registry: Registry) -> Cohort:
    """The cohort with every one of these targets; those it lacks are derived by registered target makers.

    Args:
        cohort: its own targets come first: a plugin never replaces one.
        names: targets that are wanted, as in a spec's ``targets``.
        registry: where makers are registered.

    Raises:
        UnknownNameError: a target that neither the cohort nor a plugin has.
        DataError: a cohort that lacks what the target is derived from, or that uses the name for another label.
        ContractError: a maker whose answer is not what it must be.
    """
    labels, targets = dict(cohort.labels), dict(cohort.targets)
    for name in names:
        if name in targets:
            continue
        if name not in registry.names("target"):
            raise UnknownNameError.of("target", name, [*targets, *registry.names("target")])
        targets[name], truth = derived(cohort, name, registry)
        if name in labels and not np.array_equal(labels[name], truth):
            raise DataError(
                f"cohort {cohort.name!r} has another label {name!r}; the registered target would replace it"
            )
        labels[name] = truth
    return attrs.evolve(cohort, labels=labels, targets=targets)


def derived(cohort: Cohort, name: str, registry: Registry) -> tuple[Target, Array]:
    """A registered target and its truth ``(cases,)`` about this cohort, checked."""
    maker = registry.create("target", name)
    target = maker.target
    if not isinstance(target, Target) or target.name != name:
        raise ContractError(f"target {name!r}: its maker's target is {target!r}; expected Target({name!r}, …)")
    return target, check_truth(maker.truth(cohort), name, len(cohort))


def check_truth(truth: Array, name: str, cases: int) -> Array:
    """``(cases,)`` integers of -1, 0 and 1.

    Raises:
        ContractError: naming shape or value.
    """
    values = np.asarray(truth)
    if values.shape != (cases,):
        raise ContractError(f"target {name!r}: truth has shape {values.shape}; expected ({cases},)")
    wrong = ~np.isin(values, (UNKNOWN, 0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ContractError(f"target {name!r}: truth of row {row} is {values[row]}; expected 1, 0 or -1 (unknown)")
    return values.astype(np.int64)
