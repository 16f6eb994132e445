"""A tiny network and what it looks at; do not change either."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_networks import SIZE, made

from taskfusion.images import Array
from taskfusion.inference.networks import Asked


@pytest.fixture(scope="module")
def asked() -> Asked:
    """A network, three samples at a time."""
    return Asked("toy: network 'view'", made(), 3)


@pytest.fixture(scope="module")
def images() -> list[Array]:
    """Seven images of 8 bits."""
    return list(np.random.default_rng(0).integers(0, 256, (7, *SIZE)).astype(np.uint8))
