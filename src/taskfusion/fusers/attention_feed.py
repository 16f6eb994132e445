"""Ragged instances as a network sees them: scaled, and padded batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from taskfusion.fusers.feeds import CHUNK, Tensors
from taskfusion.fusers.scaling import RangeScaler, logits
from taskfusion.images import Array
from taskfusion.inputs import Instances
from taskfusion.outputs import Level, ragged_rows

LARGEST = float(np.log(999))  # the logit of 0.999; it and what is beyond become 1, its opposite -1
CHUNK_SLOTS = CHUNK * 64  # cases with more than 64 instances a task are answered fewer at a time, to bound memory


@attrs.frozen
class InstanceShape:
    """How the instances of a task look.

    Attributes:
        classes: score columns.
        views: how many views or channels.
        features: length of a feature vector; 0 for a task without.
        ragged: whether a view may have any number of them (level detection).
    """

    classes: int
    views: int
    features: int
    ragged: bool

    @classmethod
    def of(cls, found: Instances, level: Level) -> InstanceShape:
        """The shape of these instances."""
        features = 0 if found.features is None else found.features.shape[1]
        return cls(found.scores.shape[1], found.view_count, features, level is Level.DETECTION)

    @property
    def width(self) -> int:
        """Numbers per instance."""
        return self.features + self.classes + self.views

    def slots(self, doubled: int) -> int:
        """Room for instances: one a view, at level detection doubled so many times."""
        return int(max(1, self.views) << (doubled if self.ragged else 0))


def vectors(found: Instances, rows: Array, scaler: RangeScaler | None) -> Array:
    """``(rows, width)`` float32: features in [-1, 1], logits of the scores in [-1, 1], the view as one of many."""
    scores = np.nan_to_num(np.clip(logits(found.scores[rows]), -LARGEST, LARGEST) / LARGEST)
    view = found.views[rows][:, None] == np.arange(found.view_count)
    parts = [scores, view]
    if scaler is not None and found.features is not None:
        parts.insert(0, scaler.transform(found.features[rows]))
    return np.concatenate(parts, axis=1).astype(np.float32)


@attrs.frozen(eq=False)
class InstanceFeed:
    """Instances of several tasks; tensors ``instances_TASK`` ``(cases, slots, width)`` and one ``known``.

    ``known`` ``(cases, slots)`` marks the slots that hold an instance, over all tasks one after the other.

    Attributes:
        found: per task the instances.
        shapes: likewise what they look like.
        scalers: likewise the ranges of the features, None for a task without.
    """

    found: Mapping[str, Instances]
    shapes: Mapping[str, InstanceShape]
    scalers: Mapping[str, RangeScaler | None]

    @property
    def counts(self) -> Array:
        """``(cases, tasks)``."""
        return np.stack([found.counts for found in self.found.values()], axis=1)

    @property
    def present(self) -> Array:
        """``(cases, tasks)``, True where there is an instance."""
        return self.counts > 0

    def batch(self, rows: Array, hidden: Array | None = None) -> Tensors:
        """See :class:`taskfusion.fusers.feeds.Feed`; every batch has room for the largest case, so shapes recur."""
        return self.padded(rows, [max(1, int(most)) for most in self.counts.max(axis=0)], hidden)

    def padded(self, rows: Array, slots: list[int], hidden: Array | None = None) -> Tensors:
        """The tensors of these cases with so many slots per task."""
        tensors, known = {}, []
        for k, (task, found) in enumerate(self.found.items()):
            offsets, index = ragged_rows(found.offsets, rows)
            counts = np.diff(offsets)
            case = np.repeat(np.arange(len(rows)), counts)
            slot = np.arange(len(index)) - offsets[case]
            tensor = np.zeros((len(rows), slots[k], self.shapes[task].width), np.float32)
            tensor[case, slot] = vectors(found, index, self.scalers[task])
            filled = np.arange(slots[k]) < counts[:, None]
            tensors[f"instances_{task}"] = tensor
            known.append(filled if hidden is None else filled & ~hidden[:, k, None])
        return {**tensors, "known": np.concatenate(known, axis=1).astype(np.float32)}

    def chunks(self) -> Iterator[tuple[Array, Tensors]]:
        """See :class:`taskfusion.fusers.feeds.Feed`; cases of like size together, so that neither shapes nor sums
        depend on which other cases are asked about."""
        sizes = self.doublings()
        for doubled in np.unique(sizes):
            slots = [shape.slots(int(doubled)) for shape in self.shapes.values()]
            size = max(1, min(CHUNK, CHUNK_SLOTS // max(slots)))
            rows = np.flatnonzero(sizes == doubled)
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield part, self.padded(np.resize(part, size), slots)

    def doublings(self) -> Array:
        """``(cases,)``: how often the slots of detection tasks have to be doubled to hold a case."""
        views = np.array([shape.slots(0) for shape in self.shapes.values()])
        ratio = np.maximum(1, (self.counts / views).max(axis=1, initial=1))
        return np.ceil(np.log2(ratio)).astype(int)


def shapes_as_data(shapes: Mapping[str, InstanceShape]) -> dict[str, Any]:
    """As JSON data."""
    return {task: attrs.asdict(shape) for task, shape in shapes.items()}
