"""Tiny networks."""

from __future__ import annotations

import pytest
from recording import Recorder

from taskfusion.training.backend import keras, repeatable


@pytest.fixture
def bar() -> Recorder:
    return Recorder()


@pytest.fixture
def network() -> keras.Model:
    """Four numbers to two probabilities, with batch normalisation; a new one for each test."""
    repeatable(0)
    numbers = keras.Input((4,))
    inner = keras.layers.BatchNormalization(momentum=0.5)(keras.layers.Dense(8)(numbers))
    return keras.Model(numbers, keras.layers.Dense(2, activation="softmax")(inner))
