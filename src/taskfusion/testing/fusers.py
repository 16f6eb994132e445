"""What a fuser must keep to, as checks: ``check_fuser(MyFuser).raise_for_failures()``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN
from taskfusion.configs import structure
from taskfusion.errors import DataError, NotFittedError, TaskFusionError
from taskfusion.fusers.base import FuseContext, Fuser, FusionData
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import TaskOutput
from taskfusion.testing.made_up import all_absent, fusion_data, fusion_input, reordered, small_outputs
from taskfusion.testing.report import Report, SkipError, checking_of, expect, expect_raises, run_checks, skipped
from taskfusion.testing.storage import (
    array_difference,
    check_config,
    check_constructor,
    check_json,
    refuse_code,
)

CLOSE = 1e-5  # a network's answer may differ in the last digits with the batch it came in
SEED = 7
TRAIN, VALIDATION, ASKED = (48, 1), (24, 2), (17, 3)  # cases, seed


@attrs.define(eq=False)
class FuserSubject:
    """A fuser being checked, the trained one, and outputs it is asked about."""

    fuser: Fuser
    asked: Mapping[str, TaskOutput] = attrs.field(factory=lambda: small_outputs(*ASKED))
    _trained: Fuser | None = None
    _broken: str = ""

    def data(self, which: tuple[int, int]) -> FusionData:
        """Generated data as this fuser sees it."""
        return fusion_data(self.fuser, *which)

    def inputs(self, outputs: Mapping[str, TaskOutput] | None = None) -> FusionInput:
        """What it sees of some outputs."""
        return fusion_input(self.fuser, self.asked if outputs is None else outputs)

    def fit(self, train: FusionData, validation: FusionData | None = None) -> Fuser:
        """A fresh fuser, trained."""
        return self.fuser.fresh().fit(train, validation, FuseContext(SEED))

    @property
    def trained(self) -> Fuser:
        """The fuser trained once; raises SkipError where that failed already."""
        if self._broken:
            raise SkipError(f"it could not be trained: {self._broken}")
        if self._trained is None:
            try:
                self._trained = self.fit(self.data(TRAIN), self.data(VALIDATION))
            except Exception as error:
                self._broken = f"{type(error).__name__}: {error}"
                raise
        return self._trained

    def learns(self) -> bool:
        """Whether fitting is needed: what answers untrained has nothing to learn."""
        try:
            self.fuser.fresh().predict(self.inputs())
        except NotFittedError:
            return True
        return False


def check_fuser(fuser: Fuser | type[Fuser], *, name: str = "") -> Report:
    """Check a fuser, or a class of them, on generated scores and, where it needs them, features.

    The fuser is trained about five times on 48 cases, so choose it small.

    Args:
        fuser: a fuser, or a class, which is configured as its ``checking()`` says.
        name: how the report calls it.
    """
    cls = fuser if isinstance(fuser, type) else type(fuser)
    checking = checking_of(cls)
    title = name or f"fuser {cls.__qualname__}"
    if checking.skip:
        return skipped(title, checking.skip)
    made = fuser if isinstance(fuser, Fuser) else cls(structure(cls.Config, checking.options, title))
    return run_checks(title, CHECKS, FuserSubject(made))


def constructor(subject: FuserSubject) -> None:
    """The constructor stores its configuration and opens nothing."""
    check_constructor(type(subject.fuser), subject.fuser.config)


def configuration(subject: FuserSubject) -> None:
    """The configuration is plain data and can be read back."""
    check_config(subject.fuser.config)


def ask_untrained(subject: FuserSubject) -> None:
    """Asked before it is trained, it raises NotFittedError, unless it has nothing to learn."""
    fresh = subject.fuser.fresh()
    if not subject.learns():
        text = array_difference(fresh.predict(subject.inputs()), subject.trained.predict(subject.inputs()))
        expect(not text, f"it answers untrained, and otherwise than trained ({text}); expected NotFittedError")
        return
    expect_raises(NotFittedError, lambda: fresh.predict(subject.inputs()), "predict before fit")


def training(subject: FuserSubject) -> None:
    """Training returns the fuser and leaves what it is given as it was."""
    train, validation = subject.data(TRAIN), subject.data(VALIDATION)
    before = copy.deepcopy([*_arrays(train), *_arrays(validation)])
    found = subject.fit(train, validation)
    expect(isinstance(found, type(subject.fuser)), f"fit returned {found!r}; expected the fuser itself (return self)")
    after = [*_arrays(train), *_arrays(validation)]
    same = not any(array_difference(one, other) for one, other in zip(before, after, strict=True))
    expect(same, "fit changed the data it was given; expected it to work on copies")


def without_validation(subject: FuserSubject) -> None:
    """It can be trained without a validation split."""
    check_scores(subject.fit(subject.data(TRAIN)).predict(subject.inputs()), len(subject.inputs()))


def answers(subject: FuserSubject) -> None:
    """Answers are finite, from 0 to 1, one for each case; missing inputs do not change that."""
    check_scores(subject.trained.predict(subject.inputs()), len(subject.inputs()))


def all_missing(subject: FuserSubject) -> None:
    """A case about which no task says anything gets a finite answer."""
    inputs = subject.inputs(all_absent(subject.asked))
    check_scores(subject.trained.predict(inputs), len(inputs))


def silent_task(subject: FuserSubject) -> None:
    """A task that never answered in training is no obstacle, or is refused with DataError."""
    outputs = small_outputs(*TRAIN)
    outputs["side"] = all_absent(outputs)["side"]
    data = attrs.evolve(subject.data(TRAIN), inputs=subject.inputs(outputs))
    try:
        found = subject.fit(data)
    except DataError:
        return
    check_scores(found.predict(subject.inputs()), len(subject.inputs()))


def one_class(subject: FuserSubject) -> None:
    """Training cases of one class only are refused with DataError."""
    if not subject.learns():
        raise SkipError("it has nothing to learn")
    data = subject.data(TRAIN)
    healthy = attrs.evolve(data, truth=np.zeros_like(data.truth))
    expect_raises(DataError, lambda: subject.fit(healthy), "fit on healthy cases only (see require_both_classes)")


def other_columns(subject: FuserSubject) -> None:
    """Inputs of other tasks than it learned from are refused."""
    if not subject.learns():
        raise SkipError("it has nothing to learn")
    fewer = {name: output for name, output in subject.asked.items() if name != "side"}
    inputs = subject.inputs(fewer)
    expect_raises(TaskFusionError, lambda: subject.trained.predict(inputs), "predict on inputs that lack a task")


def batches(subject: FuserSubject) -> None:
    """Answers depend neither on the batch a case came in nor on the order."""
    whole, count = subject.trained.predict(subject.inputs()), len(subject.inputs())
    single = [subject.trained.predict(subject.inputs(reordered(subject.asked, np.array([i])))) for i in range(count)]
    text = array_difference(whole, np.concatenate(single), CLOSE)
    expect(not text, f"asked one by one, answers differ: {text}; expected those of one call")
    order = np.arange(count)[::-1]
    turned = subject.trained.predict(subject.inputs(reordered(subject.asked, order)))
    text = array_difference(whole, turned[order], CLOSE)
    expect(not text, f"asked in another order, answers differ: {text}; expected them to follow their cases")


def repeatable(subject: FuserSubject) -> None:
    """Trained again with the same seed it answers the same."""
    again = subject.fit(subject.data(TRAIN), subject.data(VALIDATION))
    text = array_difference(subject.trained.predict(subject.inputs()), again.predict(subject.inputs()))
    expect(not text, f"answers differ: {text}; expected equal ones (seed everything random with context.seed)")


def saving(subject: FuserSubject) -> None:
    """Saved and loaded it answers the same to the bit."""
    with TemporaryDirectory() as folder:
        subject.trained.save(Path(folder))
        loaded = type(subject.fuser).load(Path(folder))
    text = array_difference(subject.trained.predict(subject.inputs()), loaded.predict(subject.inputs()))
    expect(not text, f"answers after save and load differ: {text}; expected equal ones")


def saved_data(subject: FuserSubject) -> None:
    """What it saves is data: no pickle, no code."""
    with TemporaryDirectory() as folder:
        subject.trained.save(Path(folder))
        refuse_code(Path(folder))


def gaps(subject: FuserSubject) -> None:
    """A fuser that takes gaps leaves slots without a detection out."""
    if not subject.fuser.takes_gaps:
        raise SkipError("it does not take gaps")
    train = attrs.evolve(subject.data(TRAIN), inputs=fusion_input(subject.fuser, small_outputs(*TRAIN), gaps=True))
    inputs = fusion_input(subject.fuser, subject.asked, gaps=True)
    check_scores(subject.fit(train).predict(inputs), len(inputs))


def together(subject: FuserSubject) -> None:
    """A fuser that learns several targets together answers about each of them."""
    if not subject.fuser.learns_together:
        raise SkipError("it learns one target at a time")
    train = subject.data(TRAIN)
    second = np.where(np.arange(len(train)) % 7 == 0, UNKNOWN, 1 - train.truth)
    found = subject.fit(attrs.evolve(train, truth=np.stack([train.truth, second], axis=1))).predict(subject.inputs())
    shape, right = np.shape(found), (len(subject.inputs()), 2)
    expect(shape == right, f"trained on two targets, predict returned shape {shape}; expected {right}")
    for column in np.asarray(found).T:
        check_scores(column, len(subject.inputs()))


def fresh(subject: FuserSubject) -> None:
    """fresh() gives an untrained fuser of the same configuration."""
    trained = subject.trained
    new = trained.fresh()
    expect(new is not trained and new.config == trained.config, "fresh() returned the fuser itself or another config")
    if subject.learns():
        expect_raises(NotFittedError, lambda: new.predict(subject.inputs()), "predict of a fresh() fuser")


def reporting(subject: FuserSubject) -> None:
    """The summary is plain data."""
    check_json(dict(subject.trained.summary()), "summary()")


CHECKS = (
    constructor,
    configuration,
    ask_untrained,
    training,
    without_validation,
    answers,
    all_missing,
    silent_task,
    one_class,
    other_columns,
    batches,
    repeatable,
    saving,
    saved_data,
    gaps,
    together,
    fresh,
    reporting,
)


def check_scores(scores: Array, cases: int) -> None:
    """Raise CheckError unless these are ``(cases,)`` finite numbers from 0 to 1."""
    expect(isinstance(scores, np.ndarray), f"predict returned {type(scores).__name__}; expected an array")
    expect(scores.shape == (cases,), f"predict returned shape {scores.shape}; expected ({cases},)")
    expect(np.isfinite(scores).all(), "predict returned NaN or infinity; expected finite scores, also without inputs")
    inside = (scores >= 0) & (scores <= 1)
    expect(inside.all(), f"predict returned {scores[~inside][:1]}; expected scores from 0 to 1")


def _arrays(data: FusionData) -> list[Array]:
    table = data.inputs.scores
    instances = [found.scores for found in data.inputs.instances.values()]
    return [table.values, table.gaps, *map(np.asarray, data.inputs.features.values()), *instances, data.truth]
