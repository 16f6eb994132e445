"""Feature blocks on disk as a network sees them: read and scaled batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from taskfusion.blocks import DiskBlock
from taskfusion.fusers.feeds import ArrayFeed, Feed, Tensors
from taskfusion.fusers.scaling import RangeScaler
from taskfusion.images import Array


@attrs.frozen(eq=False)
class ScaledBlock:
    """A block on disk; ``scaled[rows]`` is those rows, scaled, in memory."""

    block: DiskBlock
    scaler: RangeScaler

    def __getitem__(self, rows: Array) -> Array:
        return self.scaler.transform(self.block.read(rows))


@attrs.frozen(eq=False)
class DiskFeed:
    """The cases as :class:`ArrayFeed` gives them, though some tensors are on disk.

    It is no ``ArrayFeed``, so that nobody takes its tensors whole.
    """

    _feed: ArrayFeed

    @property
    def present(self) -> Array:
        """See :class:`Feed`."""
        return self._feed.present

    def batch(self, rows: Array, hidden: Array | None = None) -> Tensors:
        """See :class:`Feed`."""
        return self._feed.batch(rows, hidden)

    def chunks(self) -> Iterator[tuple[Array, Tensors]]:
        """See :class:`Feed`."""
        return self._feed.chunks()


def feed_of(
    tensors: Mapping[str, Any], blank: Mapping[str, Array], owners: Mapping[str, Array], present: Array
) -> Feed:
    """Arrays, and blocks on disk, as a feed; the arguments are those of :class:`ArrayFeed`."""
    feed = ArrayFeed(tensors, blank, owners, present)
    return DiskFeed(feed) if any(isinstance(tensor, ScaledBlock) for tensor in tensors.values()) else feed
