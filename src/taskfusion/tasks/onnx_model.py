"""Task ``onnx``: any ONNX model that looks at images, run by onnxruntime, with named outputs."""

from __future__ import annotations

from collections.abc import Sequence
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
    import onnxruntime

TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
FATAL = 4  # onnxruntime's log severity; its errors come as exceptions anyway


@attrs.frozen
class OnnxConfig(ImageModelConfig):
    """The options of every image model; ``feature`` is the name of an output.

    Attributes:
        providers: what runs it, in order of preference, as onnxruntime calls it.
    """

    providers: tuple[str, ...] = ("CPUExecutionProvider",)


class OnnxTask(ImageModelTask):
    """Answers with what an ONNX file says; one pass gives scores and features."""

    Config = OnnxConfig
    config: OnnxConfig
    kind: ClassVar[str] = "onnx"
    saved_as: ClassVar[str] = "model.onnx"

    def _open(self, path: Path) -> OnnxNetwork:
        return OnnxNetwork(open_session(path, self.config.providers))


class OnnxNetwork:
    """A session of onnxruntime."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = tuple(Port(node.name, _shape(node.shape)) for node in session.get_inputs())
        self.outputs = tuple(node.name for node in session.get_outputs())

    def runner(self, outputs: Sequence[str], feature: str, plan: InputPlan) -> OnnxRunner:
        """These outputs and the one called ``feature``.

        Raises:
            SpecError: no such output, with the nearest, or an input that is not of numbers.
        """
        if feature and feature not in self.outputs:
            raise SpecError(f"feature: the network has no output {feature!r}{did_you_mean(feature, self.outputs)}")
        names = [*outputs, *([feature] if feature else [])]
        blank = attrs.evolve(plan, batch=self.inputs[0].shape[0] or 1).inputs([])
        return OnnxRunner(self._session, names, blank)


class OnnxRunner:
    """Runs a session batch by batch."""

    def __init__(self, session: onnxruntime.InferenceSession, outputs: Sequence[str], blank: Sequence[Array]) -> None:
        self._session, self._outputs = session, list(outputs)
        self._inputs = {node.name: _type(node) for node in session.get_inputs()}
        # Files often do not say the shapes of their outputs; an empty image tells them.
        self.shapes: tuple[Shape, ...] = tuple(output.shape for output in self._probed(blank))

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs for one batch."""
        feed = {name: _as(array, kind) for (name, kind), array in zip(self._inputs.items(), inputs, strict=True)}
        return [np.asarray(output) for output in self._session.run(self._outputs, feed)]

    def _probed(self, blank: Sequence[Array]) -> list[Array]:
        try:
            return self(blank)
        except Exception as error:  # onnxruntime has a class of its own for every kind of failure
            shapes = ", ".join(str(array.shape) for array in blank)
            raise SpecError(f"the network fails on inputs of shape {shapes}: {first_line(error)}") from error


def open_session(path: Path, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session for an ONNX file.

    Raises:
        PluginError: onnxruntime is not installed.
        SpecError: a provider this machine does not have.
        DataError: another kind of file, a damaged one, or one whose weights are in other files.
    """
    if path.suffix.lower() != ".onnx":
        raise DataError(f"model of unknown kind: {path}; expected an .onnx file")
    try:
        import onnxruntime
    except ImportError as error:
        raise PluginError("task 'onnx' needs onnxruntime: install taskfusion[onnx]") from error
    for name in providers:
        if name not in (known := onnxruntime.get_available_providers()):
            raise SpecError(f"task 'onnx': onnxruntime has no provider {name!r} here{did_you_mean(name, known)}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    try:
        # From bytes, so that a file cannot name other files to read.
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=list(providers))
    except Exception as error:  # onnxruntime has a class of its own for every kind of failure
        raise DataError(f"model cannot be used: {path}: {first_line(error)}") from error


def _shape(dims: Sequence[Any]) -> Shape:
    """Symbols such as ``"batch"`` stand for any number."""
    return tuple(n if isinstance(n, int) and n > 0 else None for n in dims)


def _type(node: Any) -> Any:
    if node.type not in TYPES:
        raise SpecError(f"the network's input {node.name!r} is a {node.type}; expected one of {', '.join(TYPES)}")
    return TYPES[node.type]


def _as(array: Array, kind: Any) -> Array:
    if kind is np.uint8:
        return np.clip(np.round(array), 0, 255).astype(np.uint8)
    return array.astype(kind, copy=False)
