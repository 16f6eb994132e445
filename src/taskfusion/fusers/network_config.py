"""What the configurations of all network fusers share; reading it imports no Keras."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import deep_iterable, ge, gt, lt

share: Any = (ge(0), lt(1))  # of what is dropped: not all of it
positive = deep_iterable(ge(1))  # every one of a tuple


@attrs.frozen
class NetworkConfig:
    """The end of the network and its training; the paper's values (III-A.4b) unless said otherwise.

    Attributes:
        dense: units of the dense layer after joining (ours).
        dropout: between the dense layers.
        task_dropout: the share of answers, task by task, that are hidden from each training batch, so that the network
            learns to do without (ours, off). A case always keeps one of the tasks that answered.
        learning_rate: of Adam.
        batch_size: balanced between the classes.
        epochs: at most; the paper stops early and names no bound.
        patience: epochs without ``tolerance`` better validation loss before training stops.
        tolerance: see ``patience``.
    """

    dense: int = attrs.field(default=64, validator=ge(1))
    dropout: float = attrs.field(default=0.1, validator=share)
    task_dropout: float = attrs.field(default=0.0, validator=share)
    learning_rate: float = attrs.field(default=5e-4, validator=gt(0))
    batch_size: int = attrs.field(default=8, validator=ge(1))
    epochs: int = attrs.field(default=40, validator=ge(1))
    patience: int = attrs.field(default=10, validator=ge(0))
    tolerance: float = 1e-3
