"""A DICOM image turned as radiologists hang it: chest wall at the left of left views, head or armpit side up.

Detectors and archives store either way. Which edge the breast lies on is seen in the pixels, because programs that
mirror an image often leave PatientOrientation as it was; PatientOrientation decides what the pixels do not show.
"""

from __future__ import annotations

import numpy as np

from mammo_data.images import breast_mask, chest_side, clearer_side

DIRECTIONS = {"L-CC": ("A", "R"), "R-CC": ("P", "L"), "L-MLO": ("A", "F"), "R-MLO": ("P", "F")}
"""Where rows and columns lead in a view that hangs right (PS3.3 C.7.6.1.1.1): A(nterior), P(osterior), F(oot) …"""
OPPOSITE = {"A": "P", "P": "A", "L": "R", "R": "L", "F": "H", "H": "F"}


def turns(pixels: np.ndarray, view: str, orientation: tuple[str, ...] = ()) -> tuple[bool, bool]:
    """Whether an image must be mirrored left to right, and upside down, to hang right.

    Args:
        pixels: (height, width).
        view: ``L-CC`` …
        orientation: PatientOrientation, such as ``("P", "FL")``; empty where unknown.
    """
    across, down = (_against(orientation, view, axis) for axis in (0, 1))
    mask = breast_mask(pixels)
    seen = clearer_side(mask) or (None if across is not None else chest_side(mask))
    return (bool(across) if seen is None else seen != view[0]), bool(down)


def turned(pixels: np.ndarray, turns: tuple[bool, bool]) -> np.ndarray:
    """The image mirrored left to right, upside down, or both; a second time gives the first image again."""
    across, down = turns
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def _against(orientation: tuple[str, ...], view: str, axis: int) -> bool | None:
    """Whether an axis leads the other way; None where the file does not say."""
    if len(orientation) != 2 or not orientation[axis]:
        return None
    leads, wanted = orientation[axis][0], DIRECTIONS[view][axis]
    return None if leads not in (wanted, OPPOSITE[wanted]) else leads != wanted
