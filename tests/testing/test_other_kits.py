"""Paddings, readers, targets and commands: what keeps the contract passes, a broken promise is named."""

from __future__ import annotations

from typing import ClassVar

import attrs
import click
import numpy as np
import pytest

from taskfusion.cases import Annotations, Case, Cohort, Target
from taskfusion.errors import ContractError, DataError
from taskfusion.padding import BackgroundPadding, Padding, ZeroPadding
from taskfusion.readers import CohortReader
from taskfusion.targets import TargetMaker
from taskfusion.testing import check_command, check_padding, check_reader, check_target, small_cohort
from taskfusion.testing.cohorts import SmallConfig, SmallReader


@pytest.mark.parametrize("padding", [ZeroPadding, BackgroundPadding(), ZeroPadding()])
def test_the_built_in_paddings_keep_the_contract(padding):
    assert not check_padding(padding).raise_for_failures().of("skipped")


class LeavesNan(Padding):
    def fill(self, slots):
        return attrs.evolve(slots, scores=np.where(slots.filled, slots.scores, np.nan))


class Declared(LeavesNan):
    leaves_gaps = True


class Refuses(Padding):
    def fill(self, slots):
        if not slots.filled.all():
            raise DataError("a view has fewer detections than slots")
        return slots


class Overwrites(Padding):
    def fill(self, slots):
        return attrs.evolve(ZeroPadding().fill(slots), scores=np.zeros_like(slots.scores))


class InPlace(Padding):
    def fill(self, slots):
        slots.scores[~slots.filled] = 0.25
        return slots


class Neighbour(Padding):
    """Fills with the mean of whatever came along."""

    def fill(self, slots):
        mean = slots.scores[slots.filled].mean() if slots.filled.any() else 0
        return attrs.evolve(slots, scores=np.where(slots.filled, slots.scores, mean))


class NeedsBackground(Padding):
    def fill(self, slots):
        features = np.where(slots.filled[..., None], slots.features, slots.background[:, :, None])
        return attrs.evolve(slots, features=features)


class Loud(Padding):
    def fill(self, slots):
        return attrs.evolve(slots, scores=np.where(slots.filled, slots.scores, 2.0))


@pytest.mark.parametrize(
    ("padding", "message"),
    [
        (LeavesNan, r"scores in gaps are not finite; expected numbers"),
        (Overwrites, r"the scores of slots without a gap change: at .*; expected them untouched"),
        (InPlace, r"fill changed scores of its input; expected a copy"),
        (Neighbour, r"scores of case 0 alone differ"),
        (NeedsBackground, r"It works without features: raised TypeError"),
        (NeedsBackground, r"features in gaps are not finite"),
        (Loud, r"scores in gaps leave \[0, 1\]; expected them inside"),
    ],
)
def test_a_broken_padding_is_named(padding, message):
    with pytest.raises(ContractError, match=message):
        check_padding(padding).raise_for_failures()


def test_a_policy_may_leave_or_refuse_gaps_on_purpose():
    assert "it leaves gaps on purpose" in str(check_padding(Declared).raise_for_failures())
    refusing = check_padding(Refuses).raise_for_failures()
    assert len(refusing.of("skipped")) == 8 and "it refuses gaps" in refusing.of("skipped")[0].message


def test_the_small_reader_keeps_the_contract():
    assert not check_reader(SmallReader, cases=14, views=["A"]).raise_for_failures().of("skipped")
    assert check_reader(SmallReader(SmallConfig(cases=12))).ok


class Reads(CohortReader):
    """A reader of whatever its class attribute says."""

    Config = SmallConfig
    changes: ClassVar[dict] = {}

    def read(self, progress):
        return attrs.evolve(small_cohort(SmallConfig(cases=12)), **self.changes)


def reader(**changes):
    return type("Changed", (Reads,), {"changes": changes})


SMALL = small_cohort(SmallConfig(cases=12))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": {}}, r"the cohort has no target; expected Target entries"),
        ({"labels": {**SMALL.labels, "ill": np.full(12, 0.5)}}, r"label 'ill' is not of whole numbers from -1"),
        ({"labels": {**SMALL.labels, "ill": np.full(12, 2)}}, r"target 'ill' has the value 2; expected 0, 1 or -1"),
        ({"split": np.array(["train", "dev"] * 6)}, r"the split names \['dev'\]; expected train, validation, test"),
        ({"split": np.array(["train", "test"] * 6)}, r"group 'group-000' is in test and train; expected every group"),
        ({"views": ("L",), "annotations": None}, r"cases have the views \['R'\]; the cohort names \['L'\]"),
        ({"cases": [Case.of(c.id, {"L": np.zeros((1, 2, 3, 4))}) for c in SMALL.cases]}, r"has shape \(1, 2, 3, 4\)"),
        (
            {"annotations": Annotations(("a",), [0], [0], [[0, 0, 99, 9]], [0])},
            r"case 'case-000', view 'L': box \[0.0, 0.0, 99.0, 9.0\] leaves 24 x 32",
        ),
        ({"annotations": Annotations(("a",), [99], [0], [[0, 0, 9, 9]], [0])}, r"a box belongs to a case or view that"),
    ],
)
def test_a_broken_reader_is_named(changes, message):
    with pytest.raises(ContractError, match=message):
        check_reader(reader(**changes)).raise_for_failures()


def test_a_reader_that_draws_anew_each_time_is_named():
    class Restless(Reads):
        def read(self, progress):
            return small_cohort(SmallConfig(cases=12, seed=int(np.random.default_rng().integers(1, 10**6))))

    with pytest.raises(ContractError, match=r"two readings have different fingerprints"):
        check_reader(Restless).raise_for_failures()


class Several(TargetMaker):
    """Boxes in both views."""

    target = Target("several", None, "boxes in both views")

    def truth(self, cohort: Cohort) -> np.ndarray:
        return (cohort.view_labels().sum(axis=1) > 1).astype(int)


class Nameless(Several):
    target = None


class Undescribed(Several):
    target = Target("several")


class Halves(Several):
    def truth(self, cohort):
        return np.arange(len(cohort)) < len(cohort) / 2


class Twos(Several):
    def truth(self, cohort):
        return np.full(len(cohort), 2)


def test_targets():
    assert len(check_target(Several).raise_for_failures().of("passed")) == 5
    for maker, message in (
        (Nameless, r"target is None; expected Target\(name, labels, description\)"),
        (Undescribed, r"the target has no description"),
        (Halves, r"the truth about a part of the cohort differs"),
        (Twos, r"truth of row 0 is 2; expected 1, 0 or -1"),
    ):
        with pytest.raises(ContractError, match=message):
            check_target(maker()).raise_for_failures()


def test_commands():
    @click.command("hello")
    def hello():
        """Say hello."""

    @click.command("mute", context_settings={"ignore_unknown_options": True})
    @click.argument("anything", nargs=-1)
    def mute(anything):
        pass

    assert check_command(hello).raise_for_failures().subject == "command hello"
    with pytest.raises(
        ContractError, match=r"it has no help; expected a docstring(?s:.*)ended with code 0; expected 2"
    ):
        check_command(mute).raise_for_failures()
