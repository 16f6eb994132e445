"""Task ``findings``: does a view show a lesion?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mammo_data.batches import PreparedViews, prepare_views, prepared_view, present_views
from mammo_findings.config import CHECKING, PAPER, FindingsConfig
from taskfusion.cases import UNKNOWN, Case, Cohort
from taskfusion.evaluation import answers
from taskfusion.evaluation.answers import Scored
from taskfusion.inference.choosing import effort
from taskfusion.inference.loading import ahead
from taskfusion.inference.options import Running
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.diagnostics import About, Curve, HeatMap
from taskfusion.tasks.measures import roc_curves
from taskfusion.tasks.networks import NetworksTask, RunsNetworks

if TYPE_CHECKING:
    import keras

    from taskfusion.testing import Checking

VIEWS_PER_RUN = 8


class Findings(NetworksTask, RunsNetworks):
    """The view model F: p_F = score of "any lesion", feat_F = the pooled map (II-B.2).

    A view that an exam lacks has no answer; the exam's other views have.
    """

    Config = FindingsConfig
    title = "findings"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"small": {}, "paper": PAPER}
    about = About(
        "Whether a view shows any lesion, as an input of fusion and for research.",
        "It does not tell benign from malignant lesions. No medical device, and no basis for treating anyone.",
        ("Wimmer et al., model F: sections II-B.2, III-A.2, IV-A.2",),
    )

    def __init__(self, config: FindingsConfig | None = None) -> None:
        super().__init__(config)
        self._with_places: tuple[keras.Model, keras.Model] | None = None  # F, and F with its map as an output

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

    def build(self) -> Mapping[str, keras.Model]:
        """``view``: F, of as many classes as the patch model it started from."""
        from mammo_findings.networks import view_model

        return {"view": view_model(self.config, self._figures.get("classes", 2))}

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train the patch model, then F on whole views."""
        from mammo_findings.training import fit_networks

        view, found = fit_networks(cohort, self.config, context)
        self.keep({"view": view}, found)
        return self

    def predict_with(self, cases: Sequence[Case], running: Running) -> TaskOutput:
        """Score and feature of every view that is there, from one pass; the next are read while F looks at these."""
        present = present_views(cases, self.config.views)

        def load(cell: tuple[int, int]) -> np.ndarray:
            return prepared_view(cases[cell[0]], self.config.views[cell[1]], self.config.size)[0][..., None]

        views = ahead(load, map(tuple, np.argwhere(present)), threads=running.loaders, most=VIEWS_PER_RUN)
        probabilities, found = self.ask("view", views, VIEWS_PER_RUN, running)
        scores = np.full((*present.shape, 1), np.nan, np.float32)
        features = np.full((*present.shape, self.config.channels), np.nan, np.float32)
        scores[present, 0] = np.clip(1 - probabilities[:, 0], 0, 1)
        features[present] = found
        return TaskOutput(self.spec, [case.id for case in cases], present, scores, features)

    def effort(self, cases: Sequence[Case]) -> float:
        """F on every view."""
        return effort(self.network("view"), int(present_views(cases, self.config.views).sum()), self.config.size)

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """AUC, TPR, TNR, F1 and accuracy per view (IV-A.2), and the AUC per exam of its highest view, max(p_F)."""
        per_view, per_exam = self._with_truth(output, cohort)
        return per_view.figures("view") | answers.finite({"AUC per exam": per_exam.auc})

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """ROC curves of F per view, and of max(p_F) per exam."""
        per_view, per_exam = self._with_truth(output, cohort)
        return roc_curves([("F per view", per_view), ("max(F) per exam", per_exam)])

    def heat_maps(self, case: Case) -> Mapping[str, HeatMap]:
        """Per view where F sees a lesion: class activation, whose highest value is the view's own score."""
        from mammo_findings.heat import LEAN, heat_maps

        network = self.network("view")
        prepared = prepare_views([case], self.config.views, self.config.size)
        said = _ask(self._mapped(network), prepared, len(self.config.views))
        lean = self._figures.get("lean", (LEAN, LEAN))
        return heat_maps(tuple(said), prepared, network, self.config, lean)

    def _mapped(self, network: keras.Model) -> keras.Model:
        """Made once for a trained network: each new one is compiled anew."""
        from mammo_findings.networks import mapped

        if self._with_places is None or self._with_places[0] is not network:
            self._with_places = (network, mapped(network))
        return self._with_places[1]

    def _with_truth(self, output: TaskOutput, cohort: Cohort) -> tuple[Scored, Scored]:
        """All views with an answer, and all exams with one by their highest view; empty where there are no boxes."""
        if cohort.annotations is None or output.scores is None or not set(self.config.views) <= set(cohort.views):
            nothing = Scored(np.zeros(0, int), np.zeros(0))
            return nothing, nothing
        present = output.present
        lesion = answers.view_truth(output, cohort)
        of_exams = np.where(present, lesion, UNKNOWN).max(axis=1)
        per_exam = answers.scored(of_exams, answers.case_scores(output), np.asarray(present.any(axis=1)))
        return answers.scored(lesion, answers.view_scores(output), present), per_exam


def _ask(network: keras.Model, prepared: PreparedViews, batch: int) -> list[np.ndarray]:
    """The network's outputs about all views that are there."""
    from taskfusion.training.inference import predict_batches

    return predict_batches(network, prepared.pixels[prepared.present][..., None], batch)
