"""Random fields with a power-law spectrum: the raw material of tissue."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft


@lru_cache(maxsize=32)
def _amplitude(shape: tuple[int, ...], exponent: float, cutoff: float) -> np.ndarray:
    """Amplitude for each coefficient of a real FFT: f^(-exponent/2), rolled off beyond ``cutoff`` cycles a field."""
    axes = [np.fft.fftfreq(n) * n for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1]) * shape[-1]]
    squared = sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True))
    frequency = np.sqrt(np.maximum(squared, 1e-9))
    amplitude = frequency ** (-exponent / 2) * np.exp(-((frequency / cutoff) ** 2))
    amplitude.flat[0] = 0.0  # no mean
    amplitude = amplitude.astype(np.float32)
    amplitude.setflags(write=False)
    return amplitude


def power_law(
    rng: np.random.Generator, shape: tuple[int, ...], exponent: float, cutoff: float = float("inf")
) -> np.ndarray:
    """A periodic float32 field of ``shape`` whose power falls as f^-exponent, with mean 0 and deviation 1."""
    amplitude = _amplitude(shape, exponent, cutoff)
    spectrum = rng.standard_normal((*amplitude.shape[:-1], 2 * amplitude.shape[-1]), dtype=np.float32)
    values = fft.irfftn(spectrum.view(np.complex64) * amplitude, s=shape)
    return values / max(float(values.std()), 1e-6)


def ridges(values: np.ndarray, width: float) -> np.ndarray:
    """Thin bright curves, 1 where a field crosses zero and falling to 0 within about ``width`` deviations of it."""
    return np.exp(-np.square(values / np.float32(width)))
