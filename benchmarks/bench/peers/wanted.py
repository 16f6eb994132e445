"""What every adapter is: a function that learns from frozen task outputs and returns one that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.peers.exams import Array, Exams

Predict = Callable[[Exams], Array]  # fused scores, ``(exams,)``


@dataclass(frozen=True)
class Job:
    """What fitting gets from outside.

    Attributes:
        seed: of all that is random.
        impute: whether the user has written the imputation that a peer needs where scores are missing.
        seconds: what a peer that takes a time limit is given.
        scratch: a folder for what a peer writes.
        option: which of several models of one adapter.
    """

    seed: int
    impute: bool = False
    seconds: float = 30.0
    scratch: str = ""
    option: str = ""


Fit = Callable[[Exams, "Exams | None", Job], Predict]
