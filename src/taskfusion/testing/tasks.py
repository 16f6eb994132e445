"""What a task model must keep to, as checks: ``check_task(MyTask).raise_for_failures()``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.configs import structure
from taskfusion.errors import NotFittedError, TaskFusionError
from taskfusion.outputs import TaskOutput, TaskSpec, check_output
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.testing.cohorts import small_cohort
from taskfusion.testing.guarded import guarded
from taskfusion.testing.report import Report, SkipError, checking_of, expect, expect_raises, run_checks, skipped
from taskfusion.testing.storage import (
    check_config,
    check_constructor,
    check_json,
    difference,
    refuse_code,
    variations,
)

CLOSE = 1e-4  # a network's answer may differ in the last digits with the batch it came in
SEED = 7


@attrs.define(eq=False)
class TaskSubject:
    """A task being checked: how to make it, what to train it on, and the trained one, made once.

    Attributes:
        task: untrained, or fitted from the start; never changed.
        cohort: with cases in the splits train and test.
        asked: the cases it is asked about.
        leaks: what the first training looked at of the test split.
    """

    task: TaskModel
    cohort: Cohort
    asked: tuple[Case, ...]
    leaks: list[str] = attrs.field(factory=list)
    _trained: TaskModel | None = None
    _output: TaskOutput | None = None
    _broken: str = ""

    def fresh(self) -> TaskModel:
        """An untrained task of the same configuration."""
        return type(self.task)(self.task.config)

    def fit(self, cohort: Cohort) -> TaskModel:
        """A task trained on a cohort."""
        return self.fresh().fit(cohort, FitContext(SEED))

    @property
    def trained(self) -> TaskModel:
        """The task, trained without its test split; raises SkipError where that failed once already."""
        if self._broken:
            raise SkipError(f"it could not be trained: {self._broken}")
        if self._trained is None:
            try:
                self._trained = self.fit(guarded(self.cohort, self.leaks))
            except Exception as error:
                self._broken = f"{type(error).__name__}: {error}"
                raise
        return self._trained

    @property
    def output(self) -> TaskOutput:
        """Its answers about the asked cases."""
        if self._output is None:
            self._output = self.answers(self.asked)
        return self._output

    def answers(self, cases: Sequence[Case], task: TaskModel | None = None) -> TaskOutput:
        """Checked answers about some cases."""
        found = (task or self.trained).predict(cases)
        return check_output(found, self.task.__class__.__name__, [case.id for case in cases])


def check_task(task: TaskModel | type[TaskModel], cohort: Cohort | None = None, *, name: str = "") -> Report:
    """Check a task model, or a class of them.

    The task is trained twice on the cohort, so choose it small.

    Args:
        task: a task (only its configuration counts) or a class, which is configured as its ``checking()`` says.
        cohort: what to train and ask it on; default: what ``checking()`` says, else :func:`small_cohort`.
        name: how the report calls it.
    """
    from taskfusion.testing.task_checks import CHECKS

    cls = task if isinstance(task, type) else type(task)
    checking = checking_of(cls)
    title = name or f"task {cls.__qualname__}"
    if checking.skip:
        return skipped(title, checking.skip)
    made = cls(structure(cls.Config, checking.options, title)) if isinstance(task, type) else cls(task.config)
    data = cohort or checking.cohort or small_cohort()
    return run_checks(title, (*OWN_CHECKS, *CHECKS), TaskSubject(made, data, _asked(data)))


def _asked(cohort: Cohort) -> tuple[Case, ...]:
    rows = cohort.rows("test") if len(cohort.rows("test")) >= 2 else np.arange(len(cohort))
    return cohort.select(rows[:7]).cases


def constructor(subject: TaskSubject) -> None:
    """The constructor stores its configuration and opens nothing."""
    check_constructor(type(subject.task), subject.task.config)


def configuration(subject: TaskSubject) -> None:
    """The configuration is plain data and can be read back."""
    check_config(subject.task.config)


def spec_before(subject: TaskSubject) -> None:
    """Before training the spec is there, or raises NotFittedError."""
    try:
        spec = subject.fresh().spec
    except NotFittedError:
        return
    check_spec(spec)


def ask_untrained(subject: TaskSubject) -> None:
    """Asked before it is trained, it raises NotFittedError."""
    task = subject.fresh()
    if task.is_fitted:
        raise SkipError("it needs no training")
    expect_raises(NotFittedError, lambda: task.predict(subject.asked), "predict before fit")


def training(subject: TaskSubject) -> None:
    """Training returns the task, trained, and sees nothing of the test split."""
    task = subject.trained
    expect(isinstance(task, type(subject.task)), f"fit returned {task!r}; expected the task itself (return self)")
    expect(task.is_fitted, "is_fitted is False after fit; expected True")
    expect(not subject.leaks, f"fit looked at {', '.join(subject.leaks[:3])}; expected train and validation only")


def spec_after(subject: TaskSubject) -> None:
    """After training the spec declares level, classes, views and features that go together."""
    check_spec(subject.trained.spec)


def output_shape(subject: TaskSubject) -> None:
    """Answers have the declared shapes, the asked ids in order, and scores from 0 to 1."""
    output = subject.output
    expect(output.spec == subject.trained.spec, f"the output declares {output.spec}, the task {subject.trained.spec}")


def output_finite(subject: TaskSubject) -> None:
    """Answers that are present are finite; absent ones are NaN, or no detections."""
    check_present(subject.output)


def repeatable(subject: TaskSubject) -> None:
    """Trained again with the same seed it answers the same; the test split's labels and boxes play no part."""
    first = subject.output
    again = subject.answers(subject.asked, subject.fit(subject.cohort))
    text = difference(first, again)
    expect(not text, f"{text}; expected equal answers (seed everything random with context.seed)")


def chunks(subject: TaskSubject) -> None:
    """Answers depend neither on the chunk a case came in nor on the order."""
    whole, cases = subject.output, subject.asked
    single = TaskOutput.concatenate([subject.answers([case]) for case in cases])
    text = difference(whole, single, CLOSE)
    expect(not text, f"asked one by one, {text}; expected the answers of one call")
    order = np.arange(len(cases))[::-1]
    turned = subject.answers([cases[i] for i in order])
    text = difference(whole, turned.select(order), CLOSE)
    expect(not text, f"asked in another order, {text}; expected the answers to follow their cases")


def saving(subject: TaskSubject) -> None:
    """Saved and loaded it answers the same to the bit."""
    first = subject.output
    with TemporaryDirectory() as folder:
        subject.trained.save(Path(folder))
        loaded = type(subject.task).load(Path(folder))
    expect(loaded.is_fitted, "is_fitted is False after load; expected True")
    text = difference(first, subject.answers(subject.asked, loaded))
    expect(not text, f"after save and load {text}; expected equal answers")


def saved_data(subject: TaskSubject) -> None:
    """What it saves is data: no pickle, no code."""
    with TemporaryDirectory() as folder:
        subject.trained.save(Path(folder))
        refuse_code(Path(folder))


def fingerprint(subject: TaskSubject) -> None:
    """The fingerprint is stable, and another one for another configuration."""
    first = fingerprint_of(subject.fresh())
    again = fingerprint_of(subject.fresh())
    expect(first == again, f"two tasks of one configuration have fingerprints {first} and {again}; expected one")
    tried = 0
    for field, config in variations(subject.task.config):
        try:
            other = fingerprint_of(type(subject.task)(config))
        except TaskFusionError:
            continue  # a configuration that cannot be, for reasons of its own
        tried += 1
        expect(other != first, f"the fingerprint does not change with option {field!r}; expected it to")
    if not tried:
        raise SkipError("none of its options can simply be varied")


def reporting(subject: TaskSubject) -> None:
    """Summary and metrics are plain data, metrics finite numbers."""
    check_json(dict(subject.trained.summary()), "summary()")
    found = subject.trained.metrics(subject.output, _cohort_of(subject))
    expect(isinstance(found, Mapping), f"metrics() returned {found!r}; expected a mapping of names to numbers")
    wrong = [name for name, value in found.items() if not np.isfinite(float(value))]
    expect(not wrong, f"metrics {wrong} are not finite; expected numbers, or no entry where the truth is not known")


OWN_CHECKS = (
    constructor,
    configuration,
    spec_before,
    ask_untrained,
    training,
    spec_after,
    output_shape,
    output_finite,
    repeatable,
    chunks,
    saving,
    saved_data,
    fingerprint,
    reporting,
)


def fingerprint_of(task: TaskModel) -> str:
    """As if it were trained on something that is always the same."""
    return task.fingerprint(lambda: "some cohort")


def check_spec(spec: TaskSpec) -> None:
    """Raise CheckError for something else than a spec; a spec itself refuses what does not go together."""
    expect(isinstance(spec, TaskSpec), f"spec is {spec!r}; expected a TaskSpec")


def check_present(output: TaskOutput) -> None:
    """Raise CheckError for a present answer that is not finite, or an absent one that says something."""
    for name, values in (("scores", output.scores), ("features", output.features)):
        if values is None:
            continue
        cells = values.reshape(*output.present.shape, -1)
        expect(np.isfinite(cells[output.present]).all(), f"{name} of a present answer are NaN; expected present False")
        expect(np.isnan(cells[~output.present]).all(), f"{name} of an absent answer are numbers; expected NaN")
    if output.detections is not None:
        counts = output.detections.counts().reshape(output.present.shape)
        expect(not counts[~output.present].any(), "an absent view has detections; expected none")


def _cohort_of(subject: TaskSubject) -> Cohort:
    position = {case.id: row for row, case in enumerate(subject.cohort.cases)}
    return subject.cohort.select([position[case.id] for case in subject.asked])
