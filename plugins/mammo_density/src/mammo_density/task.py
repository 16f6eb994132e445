"""Task ``density``: are the breasts of an exam dense or fatty?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mammo_data.batches import prepare_views
from mammo_density.config import CHECKING, PAPER, DensityConfig
from taskfusion.cases import UNKNOWN, Case, Cohort
from taskfusion.errors import NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.diagnostics import About

if TYPE_CHECKING:
    import keras

    from taskfusion.testing import Checking

EXAMS_PER_RUN = 8


class Density(TaskModel):
    """The patient model D: p_D = score of "dense", feat_D = the branches' features side by side (II-B.1).

    An exam that lacks one of the views has no answer.
    """

    Config = DensityConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {}, "paper": PAPER}
    about = About(
        "Breast density (dense or fatty) of a screening exam of four views, as an input of fusion and for research.",
        "It answers about complete exams alone. No medical device, and no basis for treating anyone.",
        ("Wimmer et al., models D^v and D: sections II-B.1, III-A.1, IV-A.1",),
    )

    def __init__(self, config: DensityConfig | None = None) -> None:
        super().__init__(config)
        self._network: keras.Model | None = None
        self._figures: dict[str, Any] = {}

    @classmethod
    def checking(cls) -> Checking:
        """The smallest settings that train, and a few small exams: what ``taskfusion check`` uses."""
        from mammo_data.checking import tiny_cohort
        from taskfusion.testing import Checking

        return Checking(CHECKING, tiny_cohort())

    @property
    def spec(self) -> TaskSpec:
        """One score and one feature vector per exam; a feature channel per view."""
        views = self.config.views
        channels = len(views)
        return TaskSpec(Level.CASE, ("dense",), views, self.config.feature_size, channels, required=tuple(views))

    @property
    def is_fitted(self) -> bool:
        """Whether there is a trained network."""
        return self._network is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train the view model, then the patient model."""
        from mammo_density.training import fit_networks

        self._network, self._figures = fit_networks(cohort, self.config, context)
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Score and feature of every complete exam, from one pass."""
        from taskfusion.training.inference import predict_batches

        if self._network is None:
            raise NotFittedError("task 'density' is not trained; call fit, or load a trained one")
        prepared = prepare_views(cases, self.config.views, self.config.size)
        present = prepared.present.all(axis=1)
        probabilities, found = predict_batches(self._network, prepared.pixels[present][..., None], EXAMS_PER_RUN)
        scores = np.full((len(cases), 1), np.nan, np.float32)
        features = np.full((len(cases), self.config.feature_size), np.nan, np.float32)
        scores[present, 0] = probabilities[:, 1]
        features[present] = found
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)

    def save_weights(self, folder: Path) -> None:
        """Write ``patient.weights.h5`` and ``figures.json``."""
        from taskfusion.training.stages import save_weights

        if self._network is None:
            raise NotFittedError("task 'density' is not trained; there are no weights to save")
        save_weights(self._network, folder / "patient.weights.h5")
        write_json(folder / "figures.json", self._figures)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        from mammo_density.networks import patient_model

        network = patient_model(self.config)
        network.load_weights(folder / "patient.weights.h5")
        self._network, self._figures = network, dict(read_json(folder / "figures.json"))

    def summary(self) -> Mapping[str, Any]:
        """Losses and validation AUCs per epoch, and the baseline mean(D^v) on the validation split."""
        return self._figures

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """Area under the ROC curve over the exams with a known density and an answer."""
        from sklearn.metrics import roc_auc_score

        if self.config.label not in cohort.labels or output.scores is None:
            return {}
        label = cohort.label(self.config.label)
        known = (label != UNKNOWN) & output.present
        dense = label[known] >= self.config.dense_from
        if dense.all() or not dense.any():
            return {}
        return {"AUC per exam": float(roc_auc_score(dense, output.scores[known, 0]))}
