"""Seconds per megapixel that DDSM's lossless JPEG takes to decode, for each predictor, at a film's size.

Run from the project's root: ``python benchmarks/ljpeg_speed.py``. The film is made here; no file is needed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "mammo_data" / "tests"))
from ddsm.jpeg_writer import encode  # the tests' encoder

from mammo_data.ddsm.ljpeg import decode

ROWS, COLUMNS = 4000, 2500


def film(bits: int) -> np.ndarray:
    """A round breast with the noise of a scanner."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    tissue = np.clip(1 - np.hypot((y - ROWS / 2) / ROWS * 2, x / COLUMNS), 0.02, 0.9) * 2**bits
    return (tissue + np.random.default_rng(0).integers(0, 2 ** (bits - 9), tissue.shape)).astype(np.uint16)


def main() -> None:
    """Print a line for each precision and predictor."""
    for bits in (12, 16):
        image = film(bits)
        for predictor in range(1, 8):
            stream = encode(image, bits, predictor)
            start = time.perf_counter()
            decoded = decode(stream)
            seconds = time.perf_counter() - start
            assert (decoded == image).all()
            print(f"{bits} bits, predictor {predictor}: {seconds / image.size * 1e6:.3f} s/Mpx", flush=True)


if __name__ == "__main__":
    main()
