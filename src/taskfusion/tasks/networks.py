"""A base for tasks that learn Keras networks: keeps them, their weights and figures of their training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from taskfusion.cases import Case
from taskfusion.errors import NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.inference.networks import Asked, Networks, stacked
from taskfusion.inference.options import Running
from taskfusion.outputs import TaskOutput
from taskfusion.tasks.base import TaskModel, config_data

if TYPE_CHECKING:
    import keras

    from taskfusion.inference.runners import Sample


class RunsNetworks(TaskModel):
    """A task whose networks can be run in several ways.

    The pipeline chooses one and calls :meth:`predict_with` in place of ``predict``. A task without it is asked as ever.
    """

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """What the task says, its networks run by Keras; see :meth:`predict_with`."""
        return self.predict_with(cases, Running())

    @abstractmethod
    def predict_with(self, cases: Sequence[Case], running: Running) -> TaskOutput:
        """The answers about these cases, by the runtime that ``running`` names; the same within 1e-4, whichever."""

    @abstractmethod
    def effort(self, cases: Sequence[Case]) -> float:
        """How much work these cases are; a sum of :func:`taskfusion.inference.choosing.effort`."""


class NetworksTask(TaskModel):
    """A task of Keras networks, each kept under a name.

    A subclass says how its networks are built untrained (:meth:`build`) and, in ``fit``, hands the trained ones to
    :meth:`keep`. They are saved as ``NAME.weights.h5`` each, with ``figures.json`` beside them.

    Attributes:
        title: the task's name in messages.
    """

    title: ClassVar[str]

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._networks: Mapping[str, keras.Model] = {}
        self._figures: Mapping[str, Any] = {}
        self._runners = Networks()

    @abstractmethod
    def build(self) -> Mapping[str, keras.Model]:
        """The networks as the configuration, and the figures of a training that was loaded, have them; any weights."""

    def keep(self, networks: Mapping[str, keras.Model], figures: Mapping[str, Any]) -> None:
        """What training gave: networks by name, and JSON data about it."""
        self._networks, self._figures = dict(networks), dict(figures)

    def network(self, name: str) -> keras.Model:
        """A trained network.

        Raises:
            NotFittedError: before training, and for a network that the configuration left out of it.
        """
        if not self.is_fitted:
            raise NotFittedError(f"task {self.title!r} is not trained; call fit, or load a trained one")
        if name not in self._networks:
            has = ", ".join(self._networks)
            raise NotFittedError(f"task {self.title!r} was trained without its network {name!r}; it has: {has}")
        return self._networks[name]

    def ask(self, name: str, samples: Iterable[Sample], batch: int, running: Running) -> list[Array]:
        """What a trained network says of samples, as they come: one array ``(samples, ...)`` per output.

        Args:
            name: of the network.
            samples: what it sees at once each, without the axis of the batch.
            batch: samples per run where they are run in batches.
            running: how.

        Raises:
            NotFittedError: as :meth:`network`.
        """
        model = self.network(name)
        about = (type(self).__module__, type(self).__qualname__, config_data(self.config), name)
        asked = Asked(f"{self.title}: network {name!r}", model, batch, about)
        return stacked(self._runners.answers(asked, samples, running), model)

    @property
    def is_fitted(self) -> bool:
        """Whether there are trained networks."""
        return bool(self._networks)

    def save_weights(self, folder: Path) -> None:
        """Write a ``.weights.h5`` for each network, and ``figures.json``."""
        from taskfusion.training.stages import save_weights

        if not self.is_fitted:
            raise NotFittedError(f"task {self.title!r} is not trained; there are no weights to save")
        for name, network in self._networks.items():
            save_weights(network, folder / f"{name}.weights.h5")
        write_json(folder / "figures.json", dict(self._figures))

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        figures = read_json(folder / "figures.json")
        self._networks, self._figures = {}, figures
        networks = self.build()
        for name, network in networks.items():
            network.load_weights(folder / f"{name}.weights.h5")
        self.keep(networks, figures)

    def summary(self) -> Mapping[str, Any]:
        """Figures of the training: losses and validation AUCs per epoch and stage, counts, baselines."""
        return self._figures
