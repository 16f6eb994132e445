"""The hybrid fuser: scores and features together in one network (ours; the paper uses either)."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskfusion.errors import ContractError
from taskfusion.fusers.disk_feed import feed_of
from taskfusion.fusers.feat import FeatureBlocks, answered
from taskfusion.fusers.feeds import Feed
from taskfusion.fusers.hybrid_config import HybridConfig
from taskfusion.fusers.network import NetworkFuser, Scaling
from taskfusion.fusers.scaling import LogitScaler
from taskfusion.fusers.summaries import with_summaries
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, ScoreTable


class HybridFuser(NetworkFuser):
    """The branches of the feature fuser and one on standardised logits of the scores and their summaries.

    A task without features counts by its scores alone.
    """

    Config = HybridConfig
    needs_features = True
    label = "hybrid fuser"
    config: HybridConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._blocks = FeatureBlocks()
        self._scaler = LogitScaler()
        self._columns: tuple[str, ...] = ()

    def learn_scaling(self, inputs: FusionInput) -> None:
        """Ranges of the features, means of the logits."""
        self._blocks = FeatureBlocks().fit(inputs)
        self._scaler = LogitScaler().fit(with_summaries(inputs.scores, inputs.levels).values)
        self._columns = inputs.scores.columns

    def feed(self, inputs: FusionInput) -> Feed:
        """Scaled blocks, one per task, and scaled scores."""
        if inputs.scores.columns != self._columns:
            raise ContractError(f"the fuser learned from columns {self._columns}, found {inputs.scores.columns}")
        blocks = {f"features_{task}": block for task, block in self._blocks.transform(inputs).items()}
        blank = {f"features_{task}": block for task, block in self._blocks.blank().items()}
        table = with_summaries(inputs.scores, inputs.levels)
        nothing = np.full((1, len(table.columns)), np.nan)
        place = {task: k for k, task in enumerate(inputs.tasks)}
        owners = {f"features_{task}": np.array(place[task]) for task in inputs.features}
        return feed_of(
            {**blocks, "scores": self._scaled(table.values)},
            {**blank, "scores": self._scaled(nothing)},
            {**owners, "scores": np.array([place[task] for task in table.tasks], np.int64)},
            np.stack([_present(inputs, task) for task in inputs.tasks], axis=1),
        )

    def _scaled(self, scores: Array) -> Array:
        return np.asarray(self._scaler.transform(scores), np.float32)

    def build(self, targets: int | None) -> Any:
        """See :func:`taskfusion.fusers.hybrid_network.build_network`."""
        from taskfusion.fusers.hybrid_network import build_network

        return build_network(self._blocks, len(self._scaler.mean), targets, self.config)

    def scaling(self) -> Scaling:
        """Ranges, shapes, columns and means."""
        blocks = self._blocks.state()
        facts = {"blocks": blocks.facts, "columns": self._columns, "logits": self._scaler.state()}
        return Scaling(blocks.arrays, facts)

    def restore_scaling(self, scaling: Scaling) -> None:
        """Likewise."""
        facts = scaling.facts
        self._blocks = FeatureBlocks.from_state(Scaling(scaling.arrays, facts["blocks"]))
        self._columns = tuple(facts["columns"])
        self._scaler = LogitScaler.from_state(facts["logits"])


def _present(inputs: FusionInput, task: str) -> Array:
    """``(cases,)``, True where a task gave a score or a feature."""
    found = answered(_columns_of(inputs.scores, task))
    return found | answered(inputs.features[task]) if task in inputs.features else found


def _columns_of(scores: ScoreTable, task: str) -> Array:
    return scores.values[:, [name == task for name in scores.tasks]]
