"""Task ``keras``: any saved Keras model that looks at images, with the layer whose output is the feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from taskfusion.errors import DataError, PluginError, SpecError, did_you_mean, first_line
from taskfusion.images import Array
from taskfusion.tasks.image_config import ImageModelConfig
from taskfusion.tasks.image_input import InputPlan, Port
from taskfusion.tasks.image_model import ImageModelTask, Shape

if TYPE_CHECKING:
    import keras

LEGACY = (".h5", ".hdf5")


@attrs.frozen
class KerasConfig(ImageModelConfig):
    """The options of every image model; ``feature`` is the name of a layer."""


class KerasTask(ImageModelTask):
    """Answers with what a ``.keras`` file says; one pass gives scores and features."""

    Config = KerasConfig
    kind: ClassVar[str] = "keras"
    saved_as: ClassVar[str] = "model.keras"

    def _open(self, path: Path) -> KerasNetwork:
        return KerasNetwork(load_keras(path))


class KerasNetwork:
    """A functional or sequential model."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._chain = _chained(model)
        self._tensors = _outputs(model, self._chain)
        self.inputs = tuple(Port(tensor.name, tuple(tensor.shape)) for tensor in model.inputs)
        self.outputs = tuple(self._tensors)

    def runner(self, outputs: Sequence[str], feature: str, plan: InputPlan) -> KerasRunner:
        """A model with these outputs and that of the layer ``feature``.

        Raises:
            SpecError: no such layer, with the nearest, or one that is used several times.
        """
        from taskfusion.training.backend import keras

        tensors = [self._tensors[name] for name in outputs]
        if feature:
            tensors.append(self._of_layer(feature))
        return KerasRunner(keras.Model(list(self._model.inputs), tensors))

    def _of_layer(self, name: str) -> Any:
        layers = {layer.name: layer for layer in self._model.layers}
        if name not in layers:
            raise SpecError(f"feature: the network has no layer {name!r}{_nested(name, layers)}")
        if self._chain:
            return self._chain[name]
        # Not layer.output: that is quietly the first of several uses, and of a nested model not its use at all.
        uses = layers[name]._inbound_nodes
        if len(uses) != 1 or len(uses[0].output_tensors) != 1:
            raise SpecError(f"feature: layer {name!r} is not used exactly once, so it has no single output")
        return uses[0].output_tensors[0]


class KerasRunner:
    """Runs a model batch by batch; all batches have one shape, so it is compiled once."""

    def __init__(self, model: keras.Model) -> None:
        model.jit_compile = False  # XLA is many times slower on a CPU
        self._model = model
        self.shapes: tuple[Shape, ...] = tuple(tuple(tensor.shape) for tensor in model.outputs)

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs for one batch."""
        outputs = self._model.predict_on_batch(list(inputs))  # one array where there is one output
        return [np.asarray(output) for output in (outputs if isinstance(outputs, list) else [outputs])]


def load_keras(path: Path) -> keras.Model:
    """A model from a ``.keras`` file, in safe mode: no code in the file is run.

    Raises:
        PluginError: Keras is not installed.
        DataError: another kind of file, a damaged one, or a model that is Python code in part.
    """
    _check_kind(path)
    try:
        from taskfusion.training.backend import keras
    except ImportError as error:
        raise PluginError("task 'keras' needs Keras: install taskfusion[keras]") from error
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign or damaged file can fail anywhere inside keras, zipfile or h5py
        raise DataError(f"model cannot be used: {path}: {_reason(error)}") from error
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        what = (
            f"this {type(model).__name__} does not say its inputs; expected a functional model, or one that was built"
        )
        raise DataError(f"model cannot be used: {path}: {what}")
    return model


def _check_kind(path: Path) -> None:
    if path.suffix.lower() in LEGACY:
        raise DataError(
            f"model cannot be used: {path}: files in the old HDF5 format may hold code that Keras would run; "
            "open it where you trust it, and save it as .keras"
        )
    if path.suffix.lower() != ".keras":
        raise DataError(f"model of unknown kind: {path}; expected a .keras file")


def _reason(error: BaseException) -> str:
    text = str(error)
    if "safe_mode" in text or "Lambda" in text:
        return "it holds Python code (a Lambda layer), which is never run; rebuild it without"
    if "Could not locate" in text:
        return "it needs classes that are not part of Keras; rebuild it of Keras's own layers"
    if "accessible `.keras` zip file" in text:
        return "it is no .keras file, or one cut short"
    return first_line(error)


def _nested(name: str, layers: Mapping[str, Any]) -> str:
    """The tail of the message about a layer that is not there."""
    for outer, layer in layers.items():
        if any(inner.name == name for inner in getattr(layer, "layers", ())):
            return f": it is inside of {outer!r}, which can be named instead"
    return did_you_mean(name, layers)


def _chained(model: keras.Model) -> dict[str, Any]:
    """Layer name to output of a sequential model, which is applied anew as Keras does not say; else empty."""
    from taskfusion.training.backend import keras

    outputs: dict[str, Any] = {}
    if isinstance(model, keras.Sequential):
        tensor = model.inputs[0]
        for layer in model.layers:
            outputs[layer.name] = tensor = layer(tensor)
    return outputs


def _outputs(model: keras.Model, chain: Mapping[str, Any]) -> dict[str, Any]:
    """Output name to tensor: the keys of a model that answers with a dictionary, else the layers' names."""
    if chain:
        name = model.layers[-1].name
        return {name: chain[name]}
    if isinstance(model.output, dict):
        return dict(model.output)
    return dict(zip(model.output_names, model.outputs, strict=True))
