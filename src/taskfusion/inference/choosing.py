"""Which runtime runs a task's networks: what is installed, and whether an export is worth its time."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from taskfusion.errors import PluginError
from taskfusion.inference.options import InferenceOptions

FASTEST = ("openvino", "onnxruntime")
"""Runtimes of exported graphs, the fastest first, as measured on CPUs (``benchmarks/inference.py``)."""
NEEDS = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx", "tf2onnx"), "keras": ()}
"""The modules that each runtime needs beside Keras; the exporting of a graph included."""
WORTH = 5e14
"""Effort (:func:`effort`) from which an export surely pays: some 150 views of MobileNet at 1152 x 896.

Of image networks, whose maps shrink as their channels grow, floating-point operations are about 0.0075 x weights x
pixels (MobileNet of widths 0.25 and 1: 0.0074 and 0.0070, InceptionV2: 0.008). Exporting, compiling and checking take
about five seconds; a graph saves about 0.3 seconds for every 100 GFLOP on two cores, so 5e14 some ten seconds.
"""


def missing(runtime: str) -> list[str]:
    """What a runtime needs and is not installed."""
    return [module for module in NEEDS[runtime] if find_spec(module) is None]


def require(runtime: str) -> None:
    """Refuse a runtime that is not installed, before there is anything to run.

    Raises:
        PluginError: saying what to install.
    """
    if runtime != "auto" and (absent := missing(runtime)):
        raise PluginError(
            f"inference.runtime {runtime!r} needs {' and '.join(absent)}: install taskfusion[runtime], or choose auto"
        )


def chosen(options: InferenceOptions, asked: Callable[[], float]) -> str:
    """The runtime for some work; the same work, machine and packages give the same one.

    Args:
        options: what was asked for.
        asked: tells the effort of the work ahead; called where it matters.

    Raises:
        PluginError: the runtime that was asked for is not installed.
    """
    require(options.runtime)
    if options.runtime != "auto":
        return options.runtime
    there = [runtime for runtime in FASTEST if not missing(runtime)]
    return there[0] if there and asked() >= WORTH and exportable() else "keras"


def exportable() -> bool:
    """Whether graphs are made from networks of this Keras backend."""
    from taskfusion.training.backend import keras

    return bool(keras.backend.backend() == "tensorflow")


def effort(network: Any, samples: int, size: tuple[int, int]) -> float:
    """Weights x pixels of all samples, to be compared with :data:`WORTH`."""
    return float(network.count_params()) * samples * math.prod(size)
