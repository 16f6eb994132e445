"""What all network fusers do alike: learn one target or several, answer, save and load."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import numpy as np

from taskfusion.errors import NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, require_both_classes
from taskfusion.fusers.feeds import Feed
from taskfusion.fusers.network_config import NetworkConfig
from taskfusion.images import Array
from taskfusion.inputs import FusionInput


@attrs.frozen(eq=False)
class Scaling:
    """What is known of the training split besides the network: arrays, and plain JSON data."""

    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]


class NetworkFuser(Fuser):
    """A Keras network. A subclass says how inputs are scaled and fed, and which network it is.

    Truth ``(cases,)`` gives one softmax of two; ``(cases, targets)`` gives one per target on a shared network, where
    an unknown truth (-1) counts for nothing.
    """

    learns_together = True
    label: ClassVar[str]
    config: NetworkConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._model: Any = None
        self._targets: int | None = None
        self._summary: dict[str, Any] = {}

    @abstractmethod
    def learn_scaling(self, inputs: FusionInput) -> None:
        """Learn scales and shapes from the training split."""

    @abstractmethod
    def feed(self, inputs: FusionInput) -> Feed:
        """The inputs, scaled; raises ContractError where they are not shaped like those of the training split."""

    @abstractmethod
    def build(self, targets: int | None) -> Any:
        """An untrained Keras network for this many targets; None for one that is not in a list."""

    @abstractmethod
    def scaling(self) -> Scaling:
        """What :meth:`learn_scaling` learned."""

    @abstractmethod
    def restore_scaling(self, scaling: Scaling) -> None:
        """Take back what :meth:`scaling` gave."""

    def custom_objects(self) -> dict[str, Any]:
        """Layer classes of ours that the saved network is made of."""
        return {}

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Train with early stopping on the validation loss; without a validation split for all epochs."""
        from taskfusion.fusers.network_training import Labelled, train_network
        from taskfusion.training.backend import repeatable

        require_both_classes(train, self.label)
        repeatable(context.seed)
        self.learn_scaling(train.inputs)
        self._targets = None if train.truth.ndim == 1 else train.truth.shape[1]
        self._model = self.build(self._targets)
        data = Labelled(self.feed(train.inputs), train.truth)
        held_out = Labelled(self.feed(validation.inputs), validation.truth) if validation else None
        self._summary = train_network(self._model, data, held_out, (self.config, context, self.label))
        return self

    def predict(self, inputs: FusionInput) -> Array:
        """Probability of the target, ``(cases,)``; ``(cases, targets)`` where several were learned together."""
        self._require_fitted()
        scores = np.zeros((len(inputs), *([] if self._targets is None else [self._targets])))
        for rows, tensors in self.feed(inputs).chunks():
            scores[rows] = np.asarray(self._model.predict_on_batch(tensors))[: len(rows), ..., 1]
        return scores

    def _require_fitted(self) -> None:
        if self._model is None:
            raise NotFittedError("this fuser is not trained; call fit first")

    def summary(self) -> Mapping[str, Any]:
        """Epochs, parameters and losses."""
        return self._summary

    def save_state(self, folder: Path) -> None:
        """The network as ``.keras`` (loaded in safe mode), scales as ``.npz``, the rest as JSON."""
        self._require_fitted()
        self._model.save(folder / "network.keras")
        scaling = self.scaling()
        np.savez(folder / "scaling.npz", allow_pickle=False, **scaling.arrays)
        state = {"targets": self._targets, "scaling": scaling.facts, "summary": self._summary}
        write_json(folder / "state.json", state)

    def load_state(self, folder: Path) -> None:
        """Read what :meth:`save_state` wrote."""
        from taskfusion.fusers.network_training import load_network

        state = read_json(folder / "state.json")
        self._summary, self._targets = state["summary"], state["targets"]
        with np.load(folder / "scaling.npz", allow_pickle=False) as arrays:
            self.restore_scaling(Scaling(dict(arrays), state["scaling"]))
        self._model = load_network(folder / "network.keras", self.custom_objects())
