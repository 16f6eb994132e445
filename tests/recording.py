"""A progress step that keeps what it is told."""

from __future__ import annotations


class Recorder:
    """The amount done and the figures shown."""

    def __init__(self) -> None:
        self.amount = 0.0
        self.shown: list[dict[str, float]] = []

    def advance(self, amount: float = 1, **metrics: float) -> None:
        self.amount += amount
        self.shown.append(metrics)
