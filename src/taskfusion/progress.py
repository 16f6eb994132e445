"""How long work tells that it goes on; the core reports, the command line draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """One running piece of work."""

    def advance(self, amount: float = 1, **metrics: float) -> None:
        """Say that ``amount`` more is done; metrics (``loss=0.31``) are shown beside the bar."""
        ...


class Progress:
    """The silent default. Subclasses draw: override :meth:`step` and :meth:`say`."""

    @contextmanager
    def step(self, description: str, total: float | None = None) -> Iterator[Step]:
        """A piece of work of ``total`` units (unknown where None)."""
        yield _Silent()

    def say(self, message: str) -> None:
        """One line for the person watching."""


class _Silent:
    def advance(self, amount: float = 1, **metrics: float) -> None:
        pass
