"""Task ``findings``: does a view show a lesion?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mammo_data.batches import prepare_views
from mammo_findings.config import CHECKING, PAPER, FindingsConfig
from taskfusion.cases import Case, Cohort
from taskfusion.errors import NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.diagnostics import About

if TYPE_CHECKING:
    import keras

    from taskfusion.testing import Checking

VIEWS_PER_RUN = 8


class Findings(TaskModel):
    """The view model F: p_F = score of "any lesion", feat_F = the pooled map (II-B.2).

    A view that an exam lacks has no answer; the exam's other views have.
    """

    Config = FindingsConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {}, "paper": PAPER}
    about = About(
        "Whether a view shows any lesion, as an input of fusion and for research.",
        "It does not tell benign from malignant lesions. No medical device, and no basis for treating anyone.",
        ("Wimmer et al., model F: sections II-B.2, III-A.2, IV-A.2",),
    )

    def __init__(self, config: FindingsConfig | None = None) -> None:
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
        """One score and one feature vector per view."""
        return TaskSpec(Level.VIEW, ("lesion",), self.config.views, self.config.channels)

    @property
    def is_fitted(self) -> bool:
        """Whether there is a trained network."""
        return self._network is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train the patch model, then F on whole views."""
        from mammo_findings.training import fit_networks

        self._network, self._figures = fit_networks(cohort, self.config, context)
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Score and feature of every view that is there, from one pass."""
        from taskfusion.training.inference import predict_batches

        if self._network is None:
            raise NotFittedError("task 'findings' is not trained; call fit, or load a trained one")
        prepared = prepare_views(cases, self.config.views, self.config.size)
        present = prepared.present
        probabilities, found = predict_batches(self._network, prepared.pixels[present][..., None], VIEWS_PER_RUN)
        scores = np.full((*present.shape, 1), np.nan, np.float32)
        features = np.full((*present.shape, self.config.channels), np.nan, np.float32)
        scores[present, 0] = np.clip(1 - probabilities[:, 0], 0, 1)
        features[present] = found
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)

    def save_weights(self, folder: Path) -> None:
        """Write ``view.weights.h5`` and ``figures.json``."""
        from taskfusion.training.stages import save_weights

        if self._network is None:
            raise NotFittedError("task 'findings' is not trained; there are no weights to save")
        save_weights(self._network, folder / "view.weights.h5")
        write_json(folder / "figures.json", self._figures)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        from mammo_findings.networks import view_model

        figures = dict(read_json(folder / "figures.json"))
        network = view_model(self.config)
        network.load_weights(folder / "view.weights.h5")
        self._network, self._figures = network, figures

    def summary(self) -> Mapping[str, Any]:
        """Counts of views, and losses and validation AUCs per epoch of both stages."""
        return self._figures

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """Area under the ROC curve over all views that have an answer."""
        from sklearn.metrics import roc_auc_score

        if cohort.annotations is None or output.scores is None or not set(self.config.views) <= set(cohort.views):
            return {}
        columns = [cohort.views.index(view) for view in self.config.views]
        lesion = cohort.view_labels()[:, columns][output.present]
        if lesion.all() or not lesion.any():
            return {}
        return {"AUC per view": float(roc_auc_score(lesion, output.scores[output.present][:, 0]))}
