"""What runs a network sample by sample: samples go in, what each output says of them comes out, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from taskfusion.images import Array

if TYPE_CHECKING:
    import keras

Sample = Array | tuple[Array, ...]
"""What a network sees at once, without the axis of the batch; a tuple where it has several inputs."""
Answer = list[Array]
"""What each output says of one sample."""


class Runner(Protocol):
    """Runs one network."""

    ahead: int  # samples it takes before it gives the first answer

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Answer]:
        """Answers about samples, in order."""
        ...


class KerasRunner:
    """Batches of one fixed shape, so that the network is compiled once; the last one is filled up with zeros."""

    def __init__(self, model: keras.Model, batch: int) -> None:
        from taskfusion.training.backend import jit_compile

        model.jit_compile = jit_compile()
        self._model = model
        self.ahead = batch

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Answer]:
        """Answers about samples, in order."""
        from taskfusion.training.backend import keras

        for batch in _batches(samples, self.ahead):
            inputs = [joined(column, self.ahead) for column in _columns(batch)]
            outputs = self._model.predict_on_batch(inputs if isinstance(batch[0], tuple) else inputs[0])
            yield from rows([np.asarray(output) for output in keras.tree.flatten(outputs)], len(batch))


class OnnxRunner:
    """A session of ONNX Runtime; the last batch is as small as it is."""

    def __init__(self, path: Path, batch: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors come as exceptions
        self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._inputs = [node.name for node in self._session.get_inputs()]
        self.ahead = batch

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Answer]:
        """Answers about samples, in order."""
        for batch in _batches(samples, self.ahead):
            inputs = (joined(column, len(batch)) for column in _columns(batch))
            yield from rows(self._session.run(None, dict(zip(self._inputs, inputs, strict=True))), len(batch))


class OpenVinoRunner:
    """A graph of OpenVINO that takes one sample at a time, several times at once where the machine has cores for it.

    So there is nothing to fill up, and while one sample is looked at the next is fetched.
    """

    def __init__(self, path: Path, shapes: Sequence[tuple[int, ...]]) -> None:
        core = openvino().Core()
        model = core.read_model(path)
        ports = sorted(model.inputs, key=lambda port: _number(port.any_name))
        model.reshape({port: [1, *shape] for port, shape in zip(ports, shapes, strict=True)})
        # Newer processors would be given bfloat16, which is no longer equal within 1e-4.
        compiled = core.compile_model(
            model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
        )
        self._inputs = [port.any_name for port in ports]
        # Twice as many as run at once: answers go out in order, and nobody is to wait for the slowest with idle hands.
        count = 2 * compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [compiled.create_infer_request() for _ in range(count)]
        self.ahead = count

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Answer]:
        """Answers about samples, in order."""
        free, busy = list(self._requests), deque[Any]()
        try:
            for sample in samples:
                if not free:
                    yield self._answer(busy, free)
                request = free.pop()
                request.start_async(self._fed(sample))
                busy.append(request)
            while busy:
                yield self._answer(busy, free)
        finally:
            for request in busy:  # where nobody asks any more
                request.wait()

    def _fed(self, sample: Sample) -> dict[str, Array]:
        parts = sample if isinstance(sample, tuple) else (sample,)
        return {name: joined([part], 1) for name, part in zip(self._inputs, parts, strict=True)}

    @staticmethod
    def _answer(busy: deque[Any], free: list[Any]) -> Answer:
        request = busy.popleft()
        request.wait()
        answer = [np.array(tensor.data[0]) for tensor in request.output_tensors]  # the request's memory is used again
        free.append(request)
        return answer


def openvino() -> Any:
    """The module, without its telemetry: at import it would tell its makers, which is nobody's business here."""
    import importlib
    import sys

    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    absent = object()
    before = sys.modules.get("openvino_telemetry", absent)
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None makes an import fail, and OpenVINO goes on
    try:
        return importlib.import_module("openvino")
    finally:
        if before is absent:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = before  # type: ignore[assignment]  # what was there


def joined(parts: Sequence[Array], size: int) -> Array:
    """Samples as a batch ``(size, ...)`` float32, zeros behind the last."""
    filled = np.zeros((size, *parts[0].shape), np.float32)
    for row, part in zip(filled, parts, strict=False):
        row[...] = part
    return filled


def rows(outputs: Sequence[Array], count: int) -> Iterator[Answer]:
    """The first ``count`` samples of a batch of outputs, one by one."""
    return ([output[row] for output in outputs] for row in range(count))


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    source = iter(samples)
    while batch := list(islice(source, size)):
        yield batch


def _columns(batch: Sequence[Sample]) -> list[Sequence[Array]]:
    """The samples' parts, input by input."""
    return [list(column) for column in zip(*(one if isinstance(one, tuple) else (one,) for one in batch), strict=True)]


def _number(name: str) -> int:
    """Inputs of an exported graph are called ``input_0``, ``input_1`` …"""
    return int(name.split(":")[0].rpartition("_")[2])
