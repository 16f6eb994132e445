"""A task's networks, asked: each by the runtime it is to run on, made ready once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.errors import first_line
from taskfusion.files import read_json, replacing_folder, write_json
from taskfusion.images import Array
from taskfusion.inference.exporting import TOLERANCE, Shapes, difference, export, identity, opened
from taskfusion.inference.options import Running
from taskfusion.inference.runners import Answer, KerasRunner, Runner, Sample

if TYPE_CHECKING:
    import keras

CHECKED = "checked.json"


@attrs.frozen(eq=False)
class Asked:
    """A trained network that is to be asked.

    Attributes:
        name: in messages.
        model: the network.
        batch: samples per run where they are run in batches.
        about: JSON data that tells its layers from those of other networks with the same weights: class and options.
        tolerance: how far an exported graph may be from Keras to be used, see :func:`.exporting.difference`.
    """

    name: str
    model: keras.Model
    batch: int
    about: Any = ()
    tolerance: float = TOLERANCE


class Networks:
    """Runners of a task's networks, kept as long as the networks are the same."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, int], tuple[keras.Model, Runner]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Runners stay in their process; a copy makes its own."""
        return {"_made": {}}

    def answers(self, asked: Asked, samples: Iterable[Sample], running: Running) -> Iterator[Answer]:
        """What a network says of samples, all outputs from one pass, in order."""
        source = iter(samples)
        for first in source:  # the first one shows the shapes, and is what an exported graph is tried on
            yield from self._runner(asked, first, running)(chain([first], source))

    def _runner(self, asked: Asked, sample: Sample, running: Running) -> Runner:
        key = (asked.name, running.runtime, asked.batch)
        if key not in self._made or self._made[key][0] is not asked.model:
            self._made[key] = (asked.model, make_runner(asked, sample, running))
        return self._made[key][1]


def stacked(answers: Iterable[Answer], model: keras.Model) -> list[Array]:
    """Answers as one array ``(samples, ...)`` per output of a functional model, which says the shapes of none."""
    columns = list(zip(*answers, strict=True))
    if not columns:
        return [np.zeros((0, *output.shape[1:]), np.float32) for output in model.outputs]
    return [np.stack(column) for column in columns]


def make_runner(asked: Asked, sample: Sample, running: Running) -> Runner:
    """What runs a network: the exported graph where that works and says what Keras says, else Keras, and why."""
    by_keras = KerasRunner(asked.model, asked.batch)
    if running.runtime == "keras":
        return by_keras
    try:
        return _exported(asked, sample, running, by_keras)
    except Exception as error:  # converters and runtimes fail in every way; Keras can do it too
        running.say(f"{asked.name} is run by Keras, as {running.runtime} cannot: {first_line(error)}")
        return by_keras


def _exported(asked: Asked, sample: Sample, running: Running, by_keras: Runner) -> Runner:
    shapes = [part.shape for part in (sample if isinstance(sample, tuple) else (sample,))]
    if running.folder is None:
        with tempfile.TemporaryDirectory(prefix="taskfusion-") as temporary:
            return _made(asked, shapes, running.runtime, (Path(temporary), sample, by_keras))
    place = running.folder / f"{running.runtime}-{identity(asked.model, asked.about, shapes)}"
    if (found := _found(place, asked, shapes, running.runtime)) is not None:
        return found
    with replacing_folder(place) as temporary_place:
        return _made(asked, shapes, running.runtime, (temporary_place, sample, by_keras))


def _made(asked: Asked, shapes: Shapes, runtime: str, trial: tuple[Path, Sample, Runner]) -> Runner:
    """Export into a folder, and try it on a sample; the record of the trial comes last."""
    folder, sample, by_keras = trial
    export(asked.model, shapes, runtime, folder)
    runner = opened(runtime, folder, shapes, asked.batch)
    apart = difference(next(by_keras([sample])), next(runner([sample])))
    if not apart <= asked.tolerance:
        raise ArithmeticError(f"its answers differ from Keras' by {apart:.1g}, more than {asked.tolerance:g}")
    write_json(folder / CHECKED, {"difference": apart})
    return runner


def _found(place: Path, asked: Asked, shapes: Shapes, runtime: str) -> Runner | None:
    """What runs a graph that was exported before; None where there is none, or a damaged one, which is made again."""
    try:
        if read_json(place / CHECKED)["difference"] <= asked.tolerance:
            return opened(runtime, place, shapes, asked.batch)
    except Exception:  # each runtime has errors of its own for a damaged file
        return None
    return None
