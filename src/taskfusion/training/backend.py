"""The one place that imports Keras: quietly, and with seeds that make runs repeatable.

TensorFlow writes several lines to file descriptor 2 while it loads, whatever its log level; a command line that is
to show one clear message has to keep them away.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment; Python's own errors still surface as exceptions."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all (a windowless process): nothing to silence
        yield
        return
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, not a path
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _native_stderr_silenced():
    import keras

# A process with several networks traces each once, which TensorFlow takes for a loop that traces one anew.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["jit_compile", "keras", "repeatable"]


def repeatable(seed: int) -> None:
    """Seed Python, numpy and the backend, and ask it for the same sums in the same order.

    TensorFlow gets about 6 % slower. PyTorch warns where an operation has no such form on a GPU. JAX keeps the order
    on a CPU; on a GPU only with ``XLA_FLAGS=--xla_gpu_deterministic_ops=true`` in the environment from the start.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    if keras.backend.backend() == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS sums in one order only with this
        torch.use_deterministic_algorithms(True, warn_only=True)


def jit_compile() -> bool:
    """Whether networks are compiled by XLA: never on TensorFlow, where that is many times slower on a CPU.

    JAX without it would run every operation on its own.
    """
    return bool(keras.backend.backend() == "jax")
