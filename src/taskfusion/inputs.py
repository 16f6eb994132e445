"""What a fuser sees of some cases: a score table, feature blocks per task, or ragged instances."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from taskfusion.blocks import Block
from taskfusion.errors import ContractError
from taskfusion.images import Array
from taskfusion.outputs import Level, ragged_rows


@attrs.frozen(eq=False)
class ScoreTable:
    """Scores with named columns, ``TASK/…`` each.

    Attributes:
        columns: names, the task before the first slash.
        values: ``(cases, columns)``; NaN where there is nothing to see.
        gaps: ``(cases, columns)``, True where a view had fewer detections than slots. A padding policy has put a value
            there, or (policy ``mask``) left NaN.
    """

    columns: tuple[str, ...]
    values: Array
    gaps: Array = attrs.field()

    @gaps.default
    def _no_gaps(self) -> Array:
        return np.zeros(np.shape(self.values), bool)

    @property
    def missing(self) -> Array:
        """``(cases, columns)``, True where a task gave no answer."""
        return np.isnan(self.values) & ~self.gaps

    @property
    def tasks(self) -> tuple[str, ...]:
        """The task of each column."""
        return tuple(name.partition("/")[0] for name in self.columns)

    def select(self, rows: Array) -> ScoreTable:
        """These rows, in this order."""
        return ScoreTable(self.columns, self.values[rows], self.gaps[rows])

    def hiding(self, hidden: Mapping[str, Array]) -> ScoreTable:
        """See :meth:`FusionInput.hiding`."""
        none = np.zeros(len(self.values), bool)
        out = np.stack([hidden.get(task, none) for task in self.tasks], axis=1) if self.columns else self.gaps
        return ScoreTable(self.columns, np.where(out, np.nan, self.values), self.gaps & ~out)


@attrs.frozen(eq=False)
class Instances:
    """All a task said of many cases, one row per answer; the rows of case ``i`` are ``offsets[i]:offsets[i + 1]``.

    Attributes:
        offsets: ``(cases + 1,)`` ascending.
        scores: ``(rows, classes)``; of a detection only its own class's column is not 0.
        views: ``(rows,)`` index of the view (of the feature channel at level case).
        features: ``(rows, feature_size)`` or None.
        view_count: how many views (or channels) there are.
    """

    offsets: Array
    scores: Array
    views: Array
    features: Array | None
    view_count: int

    def __len__(self) -> int:
        return len(self.views)

    @property
    def counts(self) -> Array:
        """Instances of each case, ``(cases,)``."""
        return np.diff(self.offsets)

    def select(self, cases: Array) -> Instances:
        """The instances of these cases, in this order."""
        offsets, index = ragged_rows(self.offsets, np.asarray(cases, np.int64))
        return self._rows(offsets, index)

    def hiding(self, hidden: Array) -> Instances:
        """No instances for the cases marked in ``(cases,)``."""
        keep = ~np.repeat(hidden, self.counts)
        counts = np.where(hidden, 0, self.counts)
        return self._rows(np.concatenate([[0], np.cumsum(counts)]), np.flatnonzero(keep))

    def _rows(self, offsets: Array, index: Array) -> Instances:
        features = None if self.features is None else self.features[index]
        return Instances(offsets, self.scores[index], self.views[index], features, self.view_count)


@attrs.frozen(eq=False)
class FusionInput:
    """What a fuser sees of some cases.

    Attributes:
        cases: ids.
        scores: the score table.
        features: per task ``(cases, channels, feature_size)``, NaN where a task gave no answer; empty unless the fuser
            needs features. What does not fit into memory is on disk (:class:`taskfusion.blocks.DiskBlock`).
        levels: the level of each task in ``features`` and ``instances``.
        instances: per task every answer, ragged; empty unless the fuser needs instances.
    """

    cases: tuple[str, ...]
    scores: ScoreTable
    features: Mapping[str, Block] = attrs.field(factory=dict)
    levels: Mapping[str, Level] = attrs.field(factory=dict)
    instances: Mapping[str, Instances] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task that is seen, in order."""
        return tuple(dict.fromkeys((*self.scores.tasks, *self.features, *self.instances)))

    def select(self, rows: Array) -> FusionInput:
        """These rows, in this order; a row may come more than once."""
        index = np.asarray(rows, np.int64)
        return FusionInput(
            tuple(self.cases[i] for i in index),
            self.scores.select(index),
            {task: block[index] for task, block in self.features.items()},
            self.levels,
            {task: found.select(index) for task, found in self.instances.items()},
        )

    def hiding(self, hidden: Mapping[str, Array]) -> FusionInput:
        """The same cases as if a task had given no answer about some of them.

        Args:
            hidden: per task ``(cases,)``, True where its answer is to be taken away; tasks not named keep theirs.

        Raises:
            ContractError: a task that is not seen.
        """
        for task in hidden:
            if task not in self.tasks:
                raise ContractError(f"cannot hide task {task!r}: the fuser sees {', '.join(self.tasks)}")
        features = {
            task: np.where(hidden[task][:, None, None], np.float32(np.nan), block) if task in hidden else block
            for task, block in self.features.items()
        }
        instances = {
            task: found.hiding(hidden[task]) if task in hidden else found for task, found in self.instances.items()
        }
        return attrs.evolve(self, scores=self.scores.hiding(hidden), features=features, instances=instances)
