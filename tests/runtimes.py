"""Which runtimes of exported graphs there are here, for the tests that run networks on them."""

from __future__ import annotations

from typing import Any

import pytest

from taskfusion.inference.choosing import FASTEST, missing


def exported() -> list[Any]:
    """Parameters: every runtime; one that is not installed is skipped, and says what it lacks."""
    return [
        pytest.param(name, marks=pytest.mark.skipif(bool(missing(name)), reason=f"needs {' and '.join(missing(name))}"))
        for name in FASTEST
    ]
