"""Mixed precision as a matter of the training alone: the network is float32 before and after.

Micikevicius et al. 2018, "Mixed Precision Training": sums in half precision, weights and their updates in single. As
the policy is taken back, a network that is saved and loaded answers as the one that was trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from taskfusion.training.backend import keras


@contextmanager
def computing_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Let all layers but those of the outputs compute in this precision; compile and fit the network inside.

    Args:
        model: built in float32.
        precision: a ``TrainingOptions.precision``. Within ``mixed_float16`` Keras scales the loss by itself.
    """
    before = {id(layer): (layer, layer.dtype_policy) for layer in _layers(model)}
    last = set(getattr(model, "output_names", ()))
    if precision != "float32":
        for layer, _ in before.values():
            if layer.name not in last:
                layer.dtype_policy = precision
    try:
        yield
    finally:
        if precision != "float32":
            for layer, policy in before.values():
                layer.dtype_policy = policy
            _forget_traces(model)


def _layers(layer: Any) -> Iterator[Any]:
    """The layer and all inside it, those of networks within networks too."""
    yield layer
    for inner in layer._layers:  # the public `layers` leaves out what custom layers are made of
        yield from _layers(inner)


def _forget_traces(model: keras.Model) -> None:
    """Compiled functions remember the precision they were traced in."""
    model.train_function = model.test_function = model.predict_function = None
