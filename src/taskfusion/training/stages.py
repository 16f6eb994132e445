"""Trainings of several stages that go on where they were killed (law 5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskfusion.files import read_json, replacing, write_json
from taskfusion.training.backend import keras
from taskfusion.training.watch import checkpoint_of


def once(model: keras.Model, path: Path | None, train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Train a network unless an earlier try has done so already.

    Args:
        model: gets the weights, trained now or then.
        path: ``.weights.h5`` file to keep them in (``Stage.weights``); its name must tell the configuration, seed and
            cohort. None keeps nothing and always trains.
        train: trains ``model`` and returns figures about it (JSON data); its checkpoint goes when it has ended.

    Returns:
        The figures.
    """
    if path is None:
        return train()
    figures_path = path.with_suffix(".json")
    if figures_path.is_file() and path.is_file():
        model.load_weights(path)
        return dict(read_json(figures_path))
    figures = train()
    save_weights(model, path)
    write_json(figures_path, figures)
    checkpoint_of(path).unlink(missing_ok=True)
    return figures


def save_weights(model: keras.Model, path: Path) -> None:
    """Write ``NAME.weights.h5``, whole or not at all."""
    with replacing(path) as temporary:
        visible = temporary.with_name(f"{temporary.name}.weights.h5")  # Keras insists on the ending
        model.save_weights(visible)
        visible.replace(temporary)
