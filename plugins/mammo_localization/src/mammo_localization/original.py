"""The names that the TF1 original gives its variables, and weights brought in under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, frozen

from mammo_localization.checkpoint import read_weights
from mammo_localization.detector import Detector
from mammo_localization.inception import ROOT, SEPARATOR
from taskfusion.errors import DataError
from taskfusion.images import Array

ENDS = {
    "depthwise_kernel": "depthwise_weights",
    "pointwise_kernel": "pointwise_weights",
    "kernel": "weights",
    "bias": "biases",
}


@frozen
class Imported:
    """What became of a file's variables and of the network's, by name.

    Attributes:
        loaded: brought in.
        left: the network's, as they were: not in the file, or of another shape (heads for other classes).
        ignored: the file's bookkeeping (optimizer slots, moving averages, step counter).
        unknown: the file's, with no place in the network.
    """

    loaded: tuple[str, ...]
    left: tuple[str, ...]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """As JSON data: how many were loaded and ignored; the names of the others."""
        names = {name: list(value) for name, value in asdict(self).items()}
        return names | {"loaded": len(self.loaded), "ignored": len(self.ignored)}


def original_variables(detector: Detector) -> dict[str, Any]:
    """Every variable of a detector by its name in the original's checkpoint; the kernels' layouts are the same."""
    named: dict[str, Any] = {}
    for part in (detector.first, detector.second):
        named |= {f"{part.name}/{ROOT}/{name}": variable for name, variable in _variables(part)}
    for head in (detector.proposal_head, detector.box_head):
        for name, variable in _variables(head):
            named[name if name.startswith("Conv/") else f"{head.name}/{name}"] = variable
    return named


def load_original(detector: Detector, path: Path) -> Imported:
    """Start from weights under the original's names: a TF1 checkpoint or an ``.npz`` (see :mod:`.checkpoint`).

    Heads for other classes (COCO has 90) do not fit and are left as they are.

    Raises:
        DataError: no such file, one that cannot be read or holds numbers that are not finite, or one that fits no
            feature extractor of this width.
    """
    arrays, ignored = read_weights(path)
    named = original_variables(detector)
    fitting = [name for name in named if name in arrays and arrays[name].shape == tuple(named[name].shape)]
    left = sorted(set(named) - set(fitting))
    _check(path, arrays, fitting, left)
    for name in fitting:
        named[name].assign(arrays[name])
    return Imported(tuple(fitting), tuple(left), tuple(ignored), tuple(sorted(set(arrays) - set(named))))


def _check(path: Path, arrays: dict[str, Array], fitting: list[str], left: list[str]) -> None:
    wrong = [name for name in left if ROOT in name]
    if wrong:
        raise DataError(
            f"initial weights {path} lack {len(wrong)} of the network's variables or have them in other shapes, "
            f"{wrong[0]!r} first; weights of the original (TF1, not TF2) need width 1 and 3 channels"
        )
    spoiled = [name for name in fitting if not np.isfinite(arrays[name]).all()]
    if spoiled:
        raise DataError(f"initial weights {path} hold numbers that are not finite, {spoiled[0]!r} first")


def _variables(part: Any) -> list[tuple[str, Any]]:
    return [
        (f"{layer.name.replace(SEPARATOR, '/')}/{ENDS.get(variable.name, variable.name)}", variable)
        for layer in part.layers
        for variable in layer.weights
    ]
