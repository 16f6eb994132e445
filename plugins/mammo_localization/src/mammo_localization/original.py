"""The names that the TF1 original gives its variables, and weights brought in under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mammo_localization.detector import Detector
from mammo_localization.inception import ROOT, SEPARATOR
from taskfusion.errors import DataError

ENDS = {
    "depthwise_kernel": "depthwise_weights",
    "pointwise_kernel": "pointwise_weights",
    "kernel": "weights",
    "bias": "biases",
}


def original_variables(detector: Detector) -> dict[str, Any]:
    """Every variable of a detector by its name in the original's checkpoint; the kernels' layouts are the same."""
    named: dict[str, Any] = {}
    for part in (detector.first, detector.second):
        named |= {f"{part.name}/{ROOT}/{name}": variable for name, variable in _variables(part)}
    for head in (detector.proposal_head, detector.box_head):
        for name, variable in _variables(head):
            named[name if name.startswith("Conv/") else f"{head.name}/{name}"] = variable
    return named


def load_original(detector: Detector, path: Path) -> list[str]:
    """Start from weights in an ``.npz`` file whose arrays carry the original's names.

    Heads for other classes (COCO has 90) do not fit and are left as they are.

    Returns:
        Names that were left as they are.

    Raises:
        DataError: no such file, or one that fits no feature extractor of this width.
    """
    if not path.is_file():
        raise DataError(f"initial weights not found: {path}")
    named = original_variables(detector)
    with np.load(path, allow_pickle=False) as arrays:
        fitting = [name for name in named if name in arrays and arrays[name].shape == tuple(named[name].shape)]
        for name in fitting:
            named[name].assign(arrays[name])
    left = sorted(set(named) - set(fitting))
    wrong = [name for name in left if ROOT in name]
    if wrong:
        raise DataError(
            f"initial weights {path} lack {len(wrong)} of the network's variables or have them in other shapes, "
            f"{wrong[0]!r} first; weights of the original need width 1 and 3 channels"
        )
    return left


def _variables(part: Any) -> list[tuple[str, Any]]:
    return [
        (f"{layer.name.replace(SEPARATOR, '/')}/{ENDS.get(variable.name, variable.name)}", variable)
        for layer in part.layers
        for variable in layer.weights
    ]
