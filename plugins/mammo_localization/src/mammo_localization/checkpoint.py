"""Weights of the TF1 Object Detection API on disk: its checkpoints as they are, or turned into an ``.npz``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from taskfusion.errors import DataError
from taskfusion.files import replacing
from taskfusion.images import Array

SLOTS = ("Momentum", "Adam", "Adam_1", "RMSProp", "RMSProp_1", "ExponentialMovingAverage")
"""What an optimizer or a moving average keeps beside a variable, as the last part of a name."""
COUNTERS = ("global_step", "beta1_power", "beta2_power", "learning_rate")
ENDINGS = (".index", ".meta")


def is_bookkeeping(name: str) -> bool:
    """Whether a variable is no weight: a counter, or a slot of an optimizer or of a moving average."""
    return name in COUNTERS or name.rsplit("/", 1)[-1] in SLOTS


def read_weights(path: Path) -> tuple[dict[str, Array], list[str]]:
    """Arrays by variable name, and the names of bookkeeping variables, which are not read.

    Args:
        path: an ``.npz`` with one array per variable under its name, or a checkpoint: the prefix of its files
            (``model.ckpt``), one of them (``model.ckpt.index``), or the folder that holds one.

    Raises:
        DataError: nothing there, not readable, or a checkpoint where TensorFlow is not installed.
    """
    return _read_npz(path) if path.suffix == ".npz" else _read_checkpoint(path)


def to_npz(source: Path | str, target: Path | str) -> None:
    """Turn a checkpoint into an ``.npz`` that :func:`read_weights` reads where TensorFlow is not installed."""
    arrays, _ = read_weights(Path(source))
    with replacing(Path(target)) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _read_npz(path: Path) -> tuple[dict[str, Array], list[str]]:
    if not path.is_file():
        raise DataError(f"initial weights not found: {path}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, ignored = _sorted_out(arrays.files)
            return {name: arrays[name] for name in names}, ignored
    except Exception as error:  # zip, zlib, pickle and value errors: whatever a damaged file is taken for
        raise DataError(f"initial weights {path} cannot be read: {error}") from error


def _read_checkpoint(path: Path) -> tuple[dict[str, Array], list[str]]:
    prefix = _prefix(path)
    tensorflow = _tensorflow(path)
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        names, ignored = _sorted_out(reader.get_variable_to_shape_map())
        return {name: reader.get_tensor(name) for name in names}, ignored
    except Exception as error:  # TensorFlow's own errors share no base with others, and some are plain ValueErrors
        raise DataError(f"initial weights {path} cannot be read as a TensorFlow checkpoint: {error}") from error


def _sorted_out(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Weights and bookkeeping."""
    ordered = sorted(names)
    return [name for name in ordered if not is_bookkeeping(name)], [name for name in ordered if is_bookkeeping(name)]


def _prefix(path: Path) -> Path:
    """What the files of a checkpoint begin with."""
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) != 1:
            raise DataError(
                f"folder {path} holds {len(found)} checkpoints (files NAME.index); initial weights name one, "
                "as in model.ckpt-200000"
            )
        path = found[0]
    if path.suffix in ENDINGS or path.suffix.startswith(".data-"):
        path = path.with_suffix("")
    if not path.with_name(f"{path.name}.index").is_file():
        raise DataError(
            f"initial weights not found: {path}.index; they are an .npz file, or a TensorFlow checkpoint named by the "
            "prefix of its .index and .data files"
        )
    return path


def _tensorflow(path: Path) -> Any:
    try:
        import tensorflow
    except ImportError as error:
        raise DataError(
            f"initial weights {path} are a TensorFlow checkpoint, and TensorFlow is not installed; turn them into an "
            ".npz where it is: mammo_localization.checkpoint.to_npz('model.ckpt', 'coco.npz')"
        ) from error
    return tensorflow
