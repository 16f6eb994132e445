"""For every test of the house: property tests without a clock, as the machines that run them are shared.

They look at 200 examples where ``CI`` is set, as it is in continuous integration, and elsewhere at 100, or at 25 where
an example takes long (``@settings(settings.get_profile("heavy"))``). ``TASKFUSION_EXAMPLES=2000 pytest
tests/test_malformed.py`` says otherwise.
"""

from __future__ import annotations

import os

from hypothesis import settings


def examples(local: int) -> int:
    """How many examples of a property are looked at: so many, unless the environment asks for another number."""
    return int(os.environ.get("TASKFUSION_EXAMPLES") or (200 if os.environ.get("CI") else local))


settings.register_profile("house", deadline=None, max_examples=examples(100))
settings.register_profile("heavy", deadline=None, max_examples=examples(25))
settings.load_profile("house")
