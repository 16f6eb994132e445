"""Lossless JPEG's seven predictors, and the two rules for an image's first row (ITU T.81 annex H; PVRG's codec).

Everything is modulo 65536. The first pixel of a later row is predicted by the pixel above. The rules differ in row 0:
the standard predicts it from the left neighbour; PVRG uses the scan's own predictor under a virtual row of the middle
grey. They agree for predictors 1, 4 and 5.
"""

from __future__ import annotations

import numpy as np

PREDICTORS = range(1, 8)
ALIKE = (1, 4, 5)
"""Predictors for which both first-row rules give the same image."""


def predicted(predictor: int, left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """What the predictor expects, for arrays of neighbours of a signed type wider than 16 bits."""
    if predictor == 1:
        return left
    if predictor == 2:
        return above
    if predictor == 3:
        return corner
    if predictor == 4:
        return left + above - corner
    if predictor == 5:
        return left + ((above - corner) >> 1)
    if predictor == 6:
        return above + ((left - corner) >> 1)
    return (left + above) >> 1


def differences(image: np.ndarray, predictor: int, middle: int) -> np.ndarray:
    """What a standard stream of this image codes: uint16 (rows, columns), modulo 65536.

    Args:
        image: (rows, columns) uint16.
        predictor: 1..7.
        middle: predicts the first pixel: 2 ** (precision - 1).
    """
    coded = np.empty_like(image)
    first = image[0].astype(np.int32)
    coded[0] = first - np.concatenate([[middle], first[:-1]])
    above = first
    for row in range(1, len(image)):  # row by row: a whole film in 32 bits would be taken several times
        here = image[row].astype(np.int32)
        coded[row, 0] = (here[0] - above[0]) & 0xFFFF
        coded[row, 1:] = (here[1:] - predicted(predictor, here[:-1], above[1:], above[:-1])) & 0xFFFF
        above = here
    return coded


def pvrg_image(coded: np.ndarray, predictor: int, middle: int) -> np.ndarray:
    """The image of coded differences under PVRG's first-row rule.

    Args:
        coded: (rows, columns) uint16.
        predictor: 1..7.
        middle: the grey of the virtual row above: 2 ** (precision - 1).

    Returns:
        uint16 (rows, columns).
    """
    rows, columns = coded.shape
    image = np.full((rows + 1, columns), middle, np.uint16)
    image[1:, 0] = middle + np.cumsum(coded[:, 0], dtype=np.uint16)
    if predictor == 2:
        image[1:] = middle + np.cumsum(coded, axis=0, dtype=np.uint16)
    elif predictor == 3:
        for row in range(rows):
            image[row + 1, 1:] = image[row, :-1] + coded[row, 1:]
    elif columns > 1:
        _along_diagonals(image, coded, predictor)
    return image[1:]


def _along_diagonals(image: np.ndarray, coded: np.ndarray, predictor: int) -> None:
    """Fill the image below its first row and right of its first column.

    A pixel needs its left neighbour, so rows cannot be done at once; but all pixels of one anti-diagonal need only the
    two diagonals before it, and lie ``columns - 1`` apart in memory.
    """
    rows, columns = coded.shape
    pixels, wanted, step = image.reshape(-1), coded.reshape(-1), columns - 1
    for diagonal in range(1, rows + columns - 1):  # row + column, in ``coded``
        top = max(0, diagonal - step)
        count = min(rows - 1, diagonal - 1) - top + 1
        start = top * columns + diagonal - top  # in ``coded``; one row further down in ``image``
        span = (count - 1) * step + 1
        here = start + columns
        left, above, corner = (pixels[at : at + span : step].astype(np.int32) for at in (here - 1, start, start - 1))
        guess = predicted(predictor, left, above, corner)
        pixels[here : here + span : step] = (guess + wanted[start : start + span : step]) & 0xFFFF
