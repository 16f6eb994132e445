"""What surrounds the training of one network: its progress, its files, its options; light, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import attrs

from taskfusion.errors import SpecError
from taskfusion.progress import Progress, Step
from taskfusion.training.options import TrainingOptions


class Context(Protocol):
    """What a stage reads of a ``FitContext``."""

    @property
    def progress(self) -> Progress:
        """Where to tell how far it is."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where unfinished work is kept."""
        ...

    @property
    def training(self) -> TrainingOptions:
        """How networks are trained."""
        ...

    @property
    def logs(self) -> Path | None:
        """Where TensorBoard will look."""
        ...


def _nobody(message: str) -> None:
    pass


@attrs.frozen
class Watch:
    """What a running training tells, and where it keeps what lets it go on after a kill.

    Attributes:
        step: the progress step, of as many units as there are batches.
        title: what the training is called in messages.
        say: takes a line for the person watching.
        options: precision, checkpoints and so on.
        checkpoint: file of the unfinished training; None keeps nothing.
        logs: folder for TensorBoard; None writes none.
    """

    step: Step
    title: str = "training"
    say: Callable[[str], None] = _nobody
    options: TrainingOptions = attrs.field(factory=TrainingOptions)
    checkpoint: Path | None = None
    logs: Path | None = None


@attrs.frozen
class Stage:
    """One network to train within a task, and where its files are::

        stage = Stage(context, "view", key)

        def work():
            with stage.watched("density: view model", recipe.total(len(batches))) as watch:
                return train(model, batches, validation, recipe, watch)

        figures = once(model, stage.weights, work)

    Attributes:
        context: of the task's ``fit``.
        name: unique within the task; a part of file names.
        key: a hash of all that decides what is learned: configuration, seed and data.
    """

    context: Context
    name: str
    key: str

    @property
    def weights(self) -> Path | None:
        """File of the trained weights, for :func:`taskfusion.training.stages.once`; None keeps nothing."""
        if self.context.folder is None:
            return None
        parts = (self.name, self.key, self.context.training.key)
        return self.context.folder / f"{'-'.join(filter(None, parts))}.weights.h5"

    @property
    def checkpoint(self) -> Path | None:
        """File of the unfinished training."""
        if self.weights is None or not self.context.training.checkpoint_every:
            return None
        return checkpoint_of(self.weights)

    @contextmanager
    def watched(self, title: str, total: float) -> Iterator[Watch]:
        """A progress step around the training, and all it needs to know of its surroundings.

        Raises:
            SpecError: TensorBoard logs where there is no folder for them.
        """
        context = self.context
        logs = None
        if context.training.tensorboard:
            if context.logs is None:
                raise SpecError(f"{title}: training.tensorboard needs a folder for its logs, as taskfusion run has one")
            logs = context.logs / self.name
        with context.progress.step(title, total=total) as step:
            yield Watch(step, title, context.progress.say, context.training, self.checkpoint, logs)


def checkpoint_of(weights: Path) -> Path:
    """The file of the unfinished training whose weights will be in this one."""
    return weights.with_name(f"{weights.name.removesuffix('.weights.h5')}.checkpoint.npz")
