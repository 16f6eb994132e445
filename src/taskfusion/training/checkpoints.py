"""Checkpoints inside a training: all that an epoch leaves behind, so that a killed one ends as an undisturbed one.

That is the weights and moving statistics, the states of random generators inside layers, the optimizer's variables
(among them the learning rate), what callbacks and batches remember, and the figures of every epoch so far.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.files import replacing
from taskfusion.images import Array
from taskfusion.training.backend import keras
from taskfusion.training.watch import Watch

FORMAT = 1
FACTS = "facts"  # the entry of the file that is not a variable: JSON as bytes
History = dict[str, list[float]]
# What Keras' own callbacks remember from epoch to epoch; ours have `state` and `restore`.
REMEMBERED: Mapping[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "stopped_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
}


@attrs.frozen(eq=False)
class Saved:
    """A checkpoint as it was read: plain facts, and arrays by name."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]

    @property
    def fits(self) -> bool:
        """Whether this backend can go on with it; another one counts and draws otherwise."""
        return self.facts.get("format") == FORMAT and self.facts.get("backend") == keras.backend.backend()


class Checkpoint(keras.callbacks.Callback):
    """Write a checkpoint after an epoch, and go on with the one that a killed training left.

    For ``model.fit`` of any compiled and built model. It stands **last** among the callbacks, so that it restores
    after they have begun and saves after they have looked at the epoch::

        saved = Checkpoint.resuming(watch, [batches, *callbacks])
        model.fit(batches, epochs=epochs, initial_epoch=saved.first_epoch, callbacks=[*callbacks, saved],
                  shuffle=False, verbose=0)
        saved.history

    Without ``shuffle=False`` Keras would reorder batches by a generator that no checkpoint knows.

    With a fixed number of steps instead of epochs, let an "epoch" be as many steps as may be lost.

    Args:
        watch: says where and how often; without a file only the history is kept.
        others: what else has a state: Keras' ``EarlyStopping`` and ``ReduceLROnPlateau``, and objects with
            ``state() -> dict`` of JSON data, arrays and lists of arrays, and ``restore(state)``.
        part: which training of several in a row that share the file, from 0.
        history: figures of the trainings before.

    Attributes:
        first_epoch: where to begin.
        is_past: this part ended before the kill: there is nothing to do, and ``history`` is not known yet.
        history: per figure one number per epoch, of all parts, before and after the kill.
    """

    def __init__(self, watch: Watch, others: Sequence[Any] = (), part: int = 0, history: History | None = None) -> None:
        super().__init__()
        self.first_epoch, self.is_past = 0, False
        self.history: History = {name: list(values) for name, values in (history or {}).items()}
        self._watch, self._others, self._part = watch, [*others, *_generators()], part
        self._left: Saved | None = None

    @classmethod
    def resuming(cls, watch: Watch, others: Sequence[Any] = (), part: int = 0, history: History | None = None) -> Self:
        """With what an earlier try left, where it left something."""
        made = cls(watch, others, part, history)
        left = read_checkpoint(watch)
        if left is not None and left.facts["part"] >= part:
            made.is_past = left.facts["part"] > part
            made.first_epoch, made._left = left.facts["epoch"], left
        return made

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Go on where the earlier try was."""
        if self._left is None:
            return
        restore(self.model, self._others, self._left)
        self.history = {name: list(values) for name, values in self._left.facts["history"].items()}
        self._watch.say(f"{self._watch.title}: goes on after epoch {len(self.history.get('loss', ()))}")
        self._left = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep the figures of the epoch, and write a checkpoint where it is time to."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if all(map(math.isfinite, figures.values())):  # a spoiled epoch leaves nothing in the weights either
            for name, value in figures.items():
                self.history.setdefault(name, []).append(value)
        ends = self.model.stop_training or epoch + 1 == self.params["epochs"]
        every = self._watch.options.checkpoint_every
        if self._watch.checkpoint is None or not every or ((epoch + 1) % every and not ends):
            return
        next_epoch = self.params["epochs"] if ends else epoch + 1
        facts = {"part": self._part, "epoch": next_epoch, "history": self.history}
        write_checkpoint(self._watch.checkpoint, self.model, self._others, facts)


class TorchGenerators:
    """PyTorch's own random generators, on which Keras' dropout draws there."""

    def state(self) -> dict[str, Any]:
        """That of the CPU, and of every GPU."""
        import torch

        return {"states": [state.numpy() for state in (torch.get_rng_state(), *torch.cuda.get_rng_state_all())]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        import torch

        host, *devices = [torch.from_numpy(np.array(one)) for one in state["states"]]
        torch.set_rng_state(host)
        torch.cuda.set_rng_state_all(devices)


def _generators() -> list[Any]:
    """What draws outside of the network; on the other backends everything random is among its variables."""
    return [TorchGenerators()] if keras.backend.backend() == "torch" else []


def write_checkpoint(path: Path, model: keras.Model, others: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Write all that ``model``, its optimizer and others are made of, whole or not at all."""
    arrays = {f"variable.{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
    states: list[Any] = [_state_of(other) for other in others]
    told = {**facts, "format": FORMAT, "backend": keras.backend.backend(), "others": _packed(states, "", arrays)}
    arrays[FACTS] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_checkpoint(watch: Watch) -> Saved | None:
    """What a killed training left; None where there is nothing, or nothing that is of use, which is said."""
    path = watch.checkpoint
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        saved = Saved(json.loads(arrays.pop(FACTS).tobytes()), arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        watch.say(f"{watch.title}: begins anew, as {path.name} cannot be read: {error}")
        return None
    if saved.fits:
        return saved
    watch.say(f"{watch.title}: begins anew, as {path.name} was written with {saved.facts.get('backend')}")
    return None


def restore(model: keras.Model, others: Sequence[Any], saved: Saved) -> None:
    """Put everything back: variables first, as others may look at them."""
    for index, variable in enumerate(_variables(model)):
        variable.assign(saved.arrays[f"variable.{index}"])
    for other, state in zip(others, saved.facts["others"], strict=True):
        _restore_other(other, _unpacked(state, saved.arrays))


def _variables(model: keras.Model) -> list[Any]:
    """Weights, moving statistics, states of random generators, and the optimizer's."""
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return [*model.variables, *optimizer.variables]


def _state_of(other: Any) -> dict[str, Any]:
    if hasattr(other, "state"):
        return dict(other.state())
    names = next((names for kind, names in REMEMBERED.items() if isinstance(other, kind)), ())
    return {name: getattr(other, name) for name in names}


def _restore_other(other: Any, state: Mapping[str, Any]) -> None:
    if hasattr(other, "restore"):
        other.restore(state)
        return
    for name, value in state.items():
        setattr(other, name, value)


def _packed(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """JSON data with the names of arrays in place of the arrays, which go to ``arrays``."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Mapping):
        return {"items": {key: _packed(item, f"{name}.{key}", arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_packed(item, f"{name}.{index}", arrays) for index, item in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {key: _unpacked(item, arrays) for key, item in value["items"].items()}
