"""Answers of a network about many samples, independent of how they are cut into chunks."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskfusion.images import Array
from taskfusion.training.backend import jit_compile, keras


def predict_batches(model: keras.Model, inputs: Array, batch_size: int) -> list[Array]:
    """Run a network over samples in batches of one fixed shape, so that it is compiled once.

    Args:
        model: network with one or several outputs.
        inputs: ``(samples, ...)`` of any length; the last batch is filled up with zeros, which are cut off again.
        batch_size: samples per run.

    Returns:
        One array ``(samples, ...)`` per output of the network.
    """
    model.jit_compile = jit_compile()
    parts = [
        _flat(model.predict_on_batch(_filled(inputs[i : i + batch_size], batch_size)))
        for i in _starts(inputs, batch_size)
    ]
    if not parts:
        return [np.zeros((0, *output.shape[1:]), np.float32) for output in model.outputs]
    return [np.concatenate(columns)[: len(inputs)] for columns in zip(*parts, strict=True)]


def _starts(inputs: Array, batch_size: int) -> range:
    return range(0, len(inputs), batch_size)


def _filled(batch: Array, size: int) -> Array:
    filled = np.zeros((size, *batch.shape[1:]), np.float32)
    filled[: len(batch)] = batch
    return filled


def _flat(outputs: Any) -> list[Array]:
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]
