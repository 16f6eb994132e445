"""Sharing the work of a training out between the GPUs of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from taskfusion.errors import SpecError
from taskfusion.training.backend import keras
from taskfusion.training.options import TrainingOptions

BACKENDS = ("tensorflow", "jax")


@contextmanager
def distributed(options: TrainingOptions) -> Iterator[None]:
    """Build and train networks inside; the pipeline puts it around the ``fit`` of every task.

    ``data_parallel`` is ``tf.distribute.MirroredStrategy`` on TensorFlow and ``keras.distribution.DataParallel`` on
    JAX: every device gets the same weights and its share of each batch.

    Raises:
        SpecError: another backend.
    """
    if options.distribution == "none":
        yield
        return
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy().scope():
            yield
    elif backend == "jax":
        with _keras_distribution():
            yield
    else:
        raise SpecError(
            f"training.distribution data_parallel needs the backend {' or '.join(BACKENDS)}; this is {backend}"
        )


@contextmanager
def _keras_distribution() -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def devices() -> int:
    """How many devices share a batch; 1 outside of :func:`distributed`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return int(tf.distribute.get_strategy().num_replicas_in_sync)
    found = keras.distribution.distribution()
    return 1 if found is None else int(found.device_mesh.devices.size)


def check_shares(title: str, options: TrainingOptions, batch_size: int) -> None:
    """Refuse a batch that cannot be shared out.

    Raises:
        SpecError: a batch size that is no multiple of the number of devices, or a network that was not built inside
            of :func:`distributed`.
    """
    if options.distribution == "none":
        return
    if not _is_distributed():
        raise SpecError(
            f"{title}: distribution data_parallel must be in place before a network is built; "
            "put `with taskfusion.training.distribution.distributed(options):` around fit"
        )
    if batch_size % devices():
        raise SpecError(f"{title}: a batch of {batch_size} cannot be shared out evenly between {devices()} devices")


def _is_distributed() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.distribute.has_strategy())
    return keras.distribution.distribution() is not None
