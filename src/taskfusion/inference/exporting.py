"""Networks as graphs that other runtimes read, each made once and held against Keras before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taskfusion.images import short_hash
from taskfusion.inference.choosing import exportable
from taskfusion.inference.runners import Answer, OnnxRunner, OpenVinoRunner, Runner, openvino

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-4
FILES = {"openvino": "graph.xml", "onnxruntime": "graph.onnx"}
OPSET = 18  # the newest that tf2onnx writes
Shapes = Sequence[tuple[int, ...]]


def export(model: keras.Model, shapes: Shapes, runtime: str, folder: Path) -> None:
    """Write a network's forward pass for a runtime, for any number of samples of these shapes.

    Args:
        model: anything that Keras can call on a batch, with outputs that are arrays or dictionaries of them.
        shapes: of its inputs without the batch.
        runtime: ``openvino`` or ``onnxruntime``.
        folder: empty; gets one graph.

    Raises:
        NotImplementedError: a Keras backend other than TensorFlow.
        Exception: whatever a converter raises about an operation it does not know.
    """
    if not exportable():
        raise NotImplementedError("graphs are exported from the Keras backend tensorflow alone")
    frozen = frozen_function(model, shapes)
    (_to_openvino if runtime == "openvino" else _to_onnx)(frozen, folder / FILES[runtime])


def opened(runtime: str, folder: Path, shapes: Shapes, batch: int) -> Runner:
    """What runs an exported graph."""
    path = folder / FILES[runtime]
    return OpenVinoRunner(path, shapes) if runtime == "openvino" else OnnxRunner(path, batch)


def difference(first: Answer, second: Answer) -> float:
    """The largest difference of two answers about one sample; of values above 1, in shares of the value.

    Infinite where one of them is no number and the other is, or their shapes differ.
    """
    if [one.shape for one in first] != [other.shape for other in second]:
        return float("inf")
    found = [
        _difference(one.astype(np.float64), other.astype(np.float64)) for one, other in zip(first, second, strict=True)
    ]
    return max(found, default=0.0)


def identity(model: keras.Model, *about: object) -> str:
    """Tells a trained network from every other: its weights, what ``about`` says of its layers, and the versions."""
    digest = hashlib.blake2b(digest_size=16)
    for weights in model.get_weights():
        digest.update(f"{weights.dtype}{weights.shape}".encode())
        digest.update(np.ascontiguousarray(weights).data)
    return short_hash(digest.hexdigest(), version("keras"), version("tensorflow"), *about)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    if not one.size:
        return 0.0
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):  # differences of what is infinite
        apart = np.where(same, 0.0, np.abs(one - other) / np.maximum(np.abs(one), 1))
    return float(np.nan_to_num(apart, nan=np.inf).max())


def frozen_function(model: keras.Model, shapes: Shapes, batch: int | None = None) -> Any:
    """The forward pass as a function of TensorFlow whose weights are constants, for any number of samples or ``batch``.

    Inputs are called ``input_0`` …; outputs are flat, in Keras' order.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from taskfusion.training.backend import keras

    signature = [tf.TensorSpec([batch, *shape], tf.float32, f"input_{i}") for i, shape in enumerate(shapes)]

    @tf.function(input_signature=signature, autograph=False)
    def forward(*inputs: Any) -> list[Any]:
        outputs = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        return [tf.identity(output) for output in keras.tree.flatten(outputs)]

    return convert_variables_to_constants_v2(forward.get_concrete_function())


def _to_openvino(frozen: Any, path: Path) -> None:
    """The graph as it is: OpenVINO's core reads it itself, where its converter would send telemetry."""
    between = path.with_name("frozen.pb")
    between.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    ov = openvino()
    ov.serialize(ov.Core().read_model(between), path)  # save_model would round the weights to 16 bits
    between.unlink()


def _to_onnx(frozen: Any, path: Path) -> None:
    import tf2onnx

    names = [[tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs)]
    tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(), input_names=names[0], output_names=names[1], opset=OPSET, output_path=str(path)
    )
