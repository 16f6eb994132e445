"""For every test of the house: property tests without a clock, as the machines that run them are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
