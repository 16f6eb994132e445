"""How every network of a run is trained, whatever the task; light, so that a spec needs no Keras."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class TrainingOptions:
    """How the networks of the tasks are trained on this machine. What they learn is said by each task's own options.

    Attributes:
        precision: of the sums while training: ``float32``, or half of it on GPUs that are made for it, with weights
            that stay float32. A trained network always answers in float32.
        distribution: ``data_parallel`` shares each batch out between all GPUs of the machine; on the backends
            tensorflow and jax.
        tensorboard: write loss, AUC and learning rate of every epoch for TensorBoard.
        checkpoint_every: epochs after which a training can be gone on with when it is killed; 0 keeps nothing of a
            training that has not ended.
    """

    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    distribution: Literal["none", "data_parallel"] = "none"
    tensorboard: bool = False
    checkpoint_every: int = attrs.field(default=1, validator=attrs.validators.ge(0))

    @property
    def key(self) -> str:
        """What of these options changes the weights that are learned; empty for the defaults."""
        named = (self.precision, "float32"), (self.distribution, "none")
        return "-".join(value for value, default in named if value != default)
