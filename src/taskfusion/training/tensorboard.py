"""Figures of every epoch for TensorBoard, on any backend: Keras' own callback needs TensorFlow."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Mapping
from typing import Any

from taskfusion.errors import SpecError
from taskfusion.training.backend import keras
from taskfusion.training.watch import Watch


class TensorBoardFigures(keras.callbacks.Callback):
    """Write loss, AUC, their validation counterparts and the learning rate once an epoch.

    A training that begins anew throws away the logs of an earlier one; one that goes on adds to them.

    Args:
        watch: says where; without a folder nothing is written.
        before: epochs of the trainings before this one in the same folder.
    """

    def __init__(self, watch: Watch, before: int = 0) -> None:
        super().__init__()
        self._folder, self._before = watch.logs, before
        self._writer: Any = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Open the file with the first epoch that is trained."""
        if self._folder is None or self._writer is not None:
            return
        if self._before + epoch == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(self._folder))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the figures, and the learning rate the next epoch begins with."""
        if self._writer is None:
            return
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        for name, value in {**(logs or {}), "learning_rate": rate}.items():
            self._writer.add_event(_scalar(name, float(value), self._before + epoch + 1))
        self._writer.flush()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def require_tensorboard(title: str) -> None:
    """Refuse to begin what could not be written.

    Raises:
        SpecError: the package is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise SpecError(
            f"{title}: training.tensorboard needs the package tensorboard; pip install 'taskfusion[tensorboard]'"
        )


def _scalar(name: str, value: float, epoch: int) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Event(
        wall_time=time.time(), step=epoch, summary=Summary(value=[Summary.Value(tag=name, simple_value=value)])
    )
