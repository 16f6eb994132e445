"""What a registered target must keep to, as checks: ``check_target(MyTarget).raise_for_failures()``."""

from __future__ import annotations

import attrs
import numpy as np

from taskfusion.cases import Cohort, Target
from taskfusion.configs import structure
from taskfusion.pipeline.targets import check_truth
from taskfusion.targets import TargetMaker
from taskfusion.testing.cohorts import small_cohort
from taskfusion.testing.report import Report, checking_of, expect, run_checks, skipped
from taskfusion.testing.storage import array_difference, check_config, check_constructor


@attrs.frozen(eq=False)
class TargetSubject:
    """A target being checked, and a cohort it is derived for."""

    maker: TargetMaker
    cohort: Cohort


def check_target(maker: TargetMaker | type[TargetMaker], cohort: Cohort | None = None, *, name: str = "") -> Report:
    """Check a target maker, or a class of them.

    Args:
        maker: a target maker, or a class, which is configured as its ``checking()`` says.
        cohort: what to derive it for; default: what ``checking()`` says, else :func:`small_cohort`.
        name: how the report calls it.
    """
    cls = maker if isinstance(maker, type) else type(maker)
    checking = checking_of(cls)
    title = name or f"target {cls.__qualname__}"
    if checking.skip:
        return skipped(title, checking.skip)
    made = maker if isinstance(maker, TargetMaker) else cls(structure(cls.Config, checking.options, title))
    return run_checks(title, CHECKS, TargetSubject(made, cohort or checking.cohort or small_cohort()))


def constructor(subject: TargetSubject) -> None:
    """The constructor stores its configuration and opens nothing."""
    check_constructor(type(subject.maker), subject.maker.config)


def configuration(subject: TargetSubject) -> None:
    """The configuration is plain data and can be read back."""
    check_config(subject.maker.config)


def target(subject: TargetSubject) -> None:
    """It says its name, what counts for it, and a line for reports."""
    found = subject.maker.target
    expect(isinstance(found, Target) and found.name, f"target is {found!r}; expected Target(name, labels, description)")
    expect(found.description, "the target has no description; expected a few words for the report")


def truth(subject: TargetSubject) -> None:
    """The truth is 0, 1 or -1 for each case."""
    check_truth(subject.maker.truth(subject.cohort), subject.maker.target.name, len(subject.cohort))


def parts(subject: TargetSubject) -> None:
    """The truth about a case depends on that case alone."""
    rows = np.arange(len(subject.cohort))[::-2]
    whole, part = subject.maker.truth(subject.cohort), subject.maker.truth(subject.cohort.select(rows))
    text = array_difference(np.asarray(whole)[rows], part)
    expect(not text, f"the truth about a part of the cohort differs: {text}; expected that of the whole")


CHECKS = (constructor, configuration, target, truth, parts)
