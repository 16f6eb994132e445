"""Configuration of the feature fuser, apart from its code so that reading it imports no Keras."""

from __future__ import annotations

import attrs


@attrs.frozen
class FeatConfig:
    """The network and its training; the paper's values unless said otherwise.

    Attributes:
        filters: filters of the convolution blocks; case- and view-level tasks use the first two (ours).
        kernel: kernel size of the convolutions along the feature axis (ours).
        dense: units of the dense layer after joining (ours).
        dropout: between the dense layers.
        learning_rate: of Adam.
        batch_size: balanced between the classes.
        epochs: at most; the paper stops early and names no bound.
        patience: epochs without ``tolerance`` better validation loss before training stops.
        tolerance: see ``patience``.
    """

    filters: tuple[int, ...] = (16, 32, 64)
    kernel: int = 7
    dense: int = 64
    dropout: float = 0.1
    learning_rate: float = 5e-4
    batch_size: int = 8
    epochs: int = 40
    patience: int = 10
    tolerance: float = 1e-3
