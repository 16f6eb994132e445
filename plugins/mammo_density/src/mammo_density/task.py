"""Task ``density``: are the breasts of an exam dense or fatty?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import attrs
import numpy as np

from mammo_data.batches import grey, prepared_view, present_views
from mammo_density.config import CHECKING, PAPER, DensityConfig
from taskfusion.cases import Case, Cohort
from taskfusion.inference.choosing import effort
from taskfusion.inference.loading import ahead
from taskfusion.inference.options import Running
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.diagnostics import About, Curve
from taskfusion.tasks.networks import NetworksTask, RunsNetworks

if TYPE_CHECKING:
    import keras

    from taskfusion.testing import Checking

EXAMS_PER_RUN = 8


class Density(NetworksTask, RunsNetworks):
    """The patient model D: p_D = score of "dense", feat_D = the branches' features side by side (II-B.1).

    With another ``answer`` it is the view model D^v, or the mean of D^v over an exam's views. An exam that lacks one of
    the views has no answer; D^v answers about those that are there.
    """

    Config = DensityConfig
    title = "density"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {}, "paper": PAPER}
    about = About(
        "Breast density (dense or fatty) of a screening exam of four views, as an input of fusion and for research.",
        "It answers about complete exams alone. No medical device, and no basis for treating anyone.",
        ("Wimmer et al., models D^v and D: sections II-B.1, III-A.1, IV-A.1",),
    )

    @classmethod
    def checking(cls) -> Checking:
        """The smallest settings that train, and a few small exams: what ``taskfusion check`` uses."""
        from mammo_data.checking import tiny_cohort
        from taskfusion.testing import Checking

        return Checking(CHECKING, tiny_cohort())

    @property
    def spec(self) -> TaskSpec:
        """Scores and one feature vector per exam, a feature channel per view; or both per view."""
        config = self.config
        if config.answer == "views":
            return TaskSpec(Level.VIEW, config.names, config.views, config.channels)
        channels = len(config.views)
        return TaskSpec(Level.CASE, config.names, config.views, config.feature_size, channels, required=config.views)

    def build(self) -> Mapping[str, keras.Model]:
        """``view``: D^v, unless it is left out; ``patient``: D, where D answers."""
        from mammo_density.networks import build

        return build(self.config)

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train the view model, then the patient model, as far as the answer needs them."""
        from mammo_density.training import fit_networks

        self.keep(*fit_networks(cohort, self.config, context))
        return self

    def answering(self, answer: Literal["patient", "mean_of_views", "views"]) -> Density:
        """The same trained networks with another answer: D^v and mean(D^v) of a trained D.

        Raises:
            NotFittedError: before training, and for D where only D^v was trained.
            SpecError: D^v was left out (``pretrain: false``).
        """
        other = Density(attrs.evolve(self.config, answer=answer))
        other.keep({name: self.network(name) for name in other.config.networks}, self.summary())
        other.seen_patients = self.seen_patients
        return other

    def predict_with(self, cases: Sequence[Case], running: Running) -> TaskOutput:
        """Scores and features of every complete exam, or of every view, from one pass.

        The next images are read while the network looks at the present ones.
        """
        present = self._answered(cases)
        probabilities, found = self._ask(cases, present, running)
        scores = probabilities[:, 1:] if self.config.classes == 2 else probabilities
        parts = [_spread(part, present) for part in (scores, found.reshape(-1, self.spec.feature_size))]
        return TaskOutput(self.spec, [case.id for case in cases], present, scores=parts[0], features=parts[1])

    def effort(self, cases: Sequence[Case]) -> float:
        """D on every complete exam, each view by its own branch; or D^v on every view."""
        looks = int(self._answered(cases).sum())
        if self.config.answer == "patient":
            return effort(self.network("patient"), looks, self.config.size)
        per_answer = len(self.config.views) if self.config.answer == "mean_of_views" else 1
        return effort(self.network("view"), looks * per_answer, self.config.size)

    def _answered(self, cases: Sequence[Case]) -> np.ndarray:
        """What there is an answer about: exams (cases,) or views (cases, views)."""
        present = present_views(cases, self.config.views)
        return present if self.config.answer == "views" else np.asarray(present.all(axis=1))

    def _ask(self, cases: Sequence[Case], present: np.ndarray, running: Running) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and features of what is present: exams or views."""
        count = len(self.config.views)
        if self.config.answer == "patient":
            exams = np.flatnonzero(present).tolist()
            scores, features = self._said_of("patient", (self._exam(cases), exams), EXAMS_PER_RUN, running)
            return scores, features
        whole = np.repeat(present[:, None], count, axis=1) if present.ndim == 1 else present
        views = np.argwhere(whole).tolist()
        scores, features = self._said_of("view", (self._view(cases), views), count * EXAMS_PER_RUN, running)
        if self.config.answer == "mean_of_views":
            scores = scores.reshape(-1, count, scores.shape[1]).mean(axis=1)
        return scores, features

    def _said_of(
        self, name: str, source: tuple[Callable[[Any], np.ndarray], list[Any]], batch: int, running: Running
    ) -> list[np.ndarray]:
        """What a network says of items that are loaded ahead."""
        load, items = source
        return self.ask(name, ahead(load, items, threads=running.loaders, most=batch), batch, running)

    def _view(self, cases: Sequence[Case]) -> Callable[[Sequence[int]], np.ndarray]:
        """Loads a view by its case and column."""
        config = self.config

        def load(cell: Sequence[int]) -> np.ndarray:
            pixels, _, _ = prepared_view(cases[cell[0]], config.views[cell[1]], config.size, config.bits)
            return grey(pixels)[..., None]

        return load

    def _exam(self, cases: Sequence[Case]) -> Callable[[int], np.ndarray]:
        """Loads all views of a case."""
        view, columns = self._view(cases), range(len(self.config.views))
        return lambda case: np.stack([view((case, column)) for column in columns])

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """AUC, TPR, TNR, F1 and accuracy of "dense" per exam, or per view (Table III); of four classes their accuracy.

        D^v is told per exam too: the mean over its views.
        """
        from mammo_density.measures import density_metrics

        return density_metrics(output, cohort, self.config)

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """The ROC curve of "dense" (Fig. 9a): ``D``, or ``D^v`` and ``mean(D^v)``."""
        from mammo_density.measures import density_curves

        return density_curves(output, cohort, self.config)


def _spread(part: np.ndarray, present: np.ndarray) -> np.ndarray:
    """What was said of those present (n, columns) at their places, NaN elsewhere."""
    whole = np.full((*present.shape, part.shape[1]), np.nan, np.float32)
    whole[present] = part
    return whole
