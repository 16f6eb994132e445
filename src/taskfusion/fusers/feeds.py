"""What a network is fed, batch by batch, and which tasks are hidden from it in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import attrs
import numpy as np

from taskfusion.images import Array

CHUNK = 64  # cases that are answered together
Tensors = dict[str, Array]


class Feed(Protocol):
    """The cases as a network sees them."""

    @property
    def present(self) -> Array:
        """``(cases, tasks)``, True where a task answered."""
        ...

    def batch(self, rows: Array, hidden: Array | None = None) -> Tensors:
        """The tensors of these cases; ``hidden`` ``(rows, tasks)`` is True where an answer is taken away.

        As many rows give the same shapes, so that batches can be stacked.
        """
        ...

    def chunks(self) -> Iterator[tuple[Array, Tensors]]:
        """All cases in turn: rows, and their tensors filled up to a size that recurs, so that graphs are built once."""
        ...


@attrs.frozen(eq=False)
class ArrayFeed:
    """Arrays of fixed shape.

    Attributes:
        tensors: ``(cases, ...)`` each.
        blank: ``(1, ...)`` each: what a case without any answer looks like.
        owners: the task of each tensor, or of each of its columns.
        present: ``(cases, tasks)``, True where a task answered.
    """

    tensors: Mapping[str, Array]
    blank: Mapping[str, Array]
    owners: Mapping[str, Array]
    present: Array

    def batch(self, rows: Array, hidden: Array | None = None) -> Tensors:
        """See :class:`Feed`."""
        taken = {name: tensor[rows] for name, tensor in self.tensors.items()}
        if hidden is None:
            return taken
        return {name: self._hide(name, tensor, hidden) for name, tensor in taken.items()}

    def _hide(self, name: str, tensor: Array, hidden: Array) -> Array:
        out = hidden[:, self.owners[name]]
        return np.where(out.reshape(*out.shape, *[1] * (tensor.ndim - out.ndim)), self.blank[name], tensor)

    def chunks(self) -> Iterator[tuple[Array, Tensors]]:
        """See :class:`Feed`."""
        for start in range(0, len(self.present), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(self.present)))
            yield rows, self.batch(np.resize(rows, CHUNK))


def hidden_tasks(present: Array, share: float, generator: np.random.Generator) -> Array:
    """Which answers to hide from a training batch, ``(cases, tasks)``: a random share, but never a case's last one."""
    hidden = present & (generator.random(present.shape) < share)
    kept = np.argmax(generator.random(present.shape) * present, axis=1)
    bare = np.flatnonzero(~(present & ~hidden).any(axis=1))
    hidden[bare, kept[bare]] = False
    return hidden
