"""From a scanner's grey values to optical density, and from there to 16 bits that mean the same for every scanner.

Scanners count up where film is bright, optical density where it is dark. Formulas: USF's calibration pages and the
public DDSM converters that agree with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from taskfusion.errors import DataError

LOWEST, HIGHEST = 0.05, 3.0
"""Optical densities that the scanners tell from noise (Heath)."""
WHITE = 65535


def _dba(grey: np.ndarray) -> np.ndarray:
    return (np.log10(np.maximum(grey, 1)) - 4.80662) / -1.07553  # grey 0 has no logarithm: the darkest there is


def _howtek_mgh(grey: np.ndarray) -> np.ndarray:
    return 3.789 - 0.00094568 * grey


def _lumisys(grey: np.ndarray) -> np.ndarray:
    return (grey - 4096.99) / -1009.01


def _howtek_ismd(grey: np.ndarray) -> np.ndarray:
    return 3.96604095240593 - 0.00099055807612 * grey


FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "dba": _dba,
    "howtek-mgh": _howtek_mgh,
    "howtek-ismd": _howtek_ismd,
    "lumisys": _lumisys,
}
SCANNERS = {
    ("A", "DBA"): "dba",
    ("A", "HOWTEK"): "howtek-mgh",
    ("B", "LUMISYS"): "lumisys",
    ("C", "LUMISYS"): "lumisys",
    ("D", "HOWTEK"): "howtek-ismd",
}
SPELLINGS = {"LUMYSIS": "LUMISYS"}


def scanner_of(case: str, digitizer: Sequence[str]) -> str:
    """The scanner of a case: the site's letter and the digitizer's first word.

    Raises:
        DataError: for a pair that the archive does not have; there is no default.
    """
    site, word = case[:1].upper(), (digitizer[0].upper() if digitizer else "")
    found = SCANNERS.get((site, SPELLINGS.get(word, word)))
    if found is None:
        known = ", ".join(f"{letter} {name}" for letter, name in SCANNERS)
        raise DataError(f"no scanner is known for site {site!a} and digitizer {word[:60]!a}; known: {known}")
    return found


def optical_density(grey: np.ndarray, scanner: str) -> np.ndarray:
    """Optical density of grey values, not clipped.

    Args:
        grey: any shape.
        scanner: a name that :func:`scanner_of` gives.

    Returns:
        float64 of that shape.

    Raises:
        DataError: for an unknown scanner.
    """
    if scanner not in FORMULAS:
        raise DataError(f"unknown scanner {scanner!a}; known: {', '.join(sorted(FORMULAS))}")
    return FORMULAS[scanner](np.asarray(grey, np.float64))


def to_16_bits(density: np.ndarray, lowest: float = LOWEST, highest: float = HIGHEST) -> np.ndarray:
    """Optical densities as bright grey values over all 16 bits, linearly: ``highest`` and beyond 0, ``lowest`` 65535.

    Returns:
        uint16 of that shape; higher is denser tissue.

    Raises:
        DataError: where ``lowest`` is not below ``highest``.
    """
    if not lowest < highest:
        raise DataError(f"optical densities {lowest}..{highest} have no span; expected lowest < highest")
    share = (highest - np.clip(density, lowest, highest)) / (highest - lowest)
    return np.round(share * WHITE).astype(np.uint16)


def grey_to_16_bits(grey: np.ndarray, scanner: str) -> np.ndarray:
    """A scanner's uint16 image made comparable: both steps by one table, at a film's size.

    Raises:
        DataError: for an unknown scanner, or an image of another type.
    """
    if grey.dtype != np.uint16:
        raise DataError(f"a scan must be uint16, got {grey.dtype}")
    return to_16_bits(optical_density(np.arange(WHITE + 1), scanner))[grey]
