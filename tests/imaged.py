"""Cases with small random images, for tests of networks."""

import numpy as np

from taskfusion.cases import Case


def case(name, *views, size=(8, 6), dtype=np.uint8, seed=0):
    """A case with a random image for each view."""
    rng = np.random.default_rng([seed, *name.encode()])
    top = 256 if dtype == np.uint8 else 65536
    return Case.of(name, {view: rng.integers(0, top, size).astype(dtype) for view in views})


def pixels(one, view):
    """As float64."""
    return one.views[view].read().astype(np.float64)


def mean(one, view):
    """Of an image with 8 bits, from 0 to 1."""
    return pixels(one, view).mean() / 255
