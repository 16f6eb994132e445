"""The task ``localization``: lesions of four classes with boxes, scores and features (L, section II-B.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from attrs import frozen

from mammo_data.batches import prepared_view, present_views
from mammo_data.images import Placement
from mammo_localization.config import CHECKING, PRESETS, LocalizationConfig
from mammo_localization.layout import feature_size
from mammo_localization.views import collect
from taskfusion.cases import Case, Cohort
from taskfusion.errors import NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.inference.choosing import effort
from taskfusion.inference.loading import ahead
from taskfusion.inference.options import Running
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, config_data
from taskfusion.tasks.diagnostics import About, Curve
from taskfusion.tasks.measures import own_curves, own_metrics, sensitivities
from taskfusion.tasks.networks import RunsNetworks

if TYPE_CHECKING:
    from mammo_localization.running import Detecting
    from taskfusion.testing import Checking

WEIGHTS, SUMMARY = "detector.weights.h5", "training.json"


class Localization(RunsNetworks):
    """Faster R-CNN on InceptionV2: where each view shows a lesion, and of which class."""

    Config: ClassVar[type] = LocalizationConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    about = About(
        "Where a view shows masses and calcifications, benign or malignant: an input of fusion, and for research.",
        "Most boxes are false, so a box alone is no finding. No medical device, and no basis for treating anyone.",
        ("Wimmer et al., model L: sections II-B.3, III-A.3, IV-A.3",),
    )
    config: LocalizationConfig

    def __init__(self, config: LocalizationConfig | None = None) -> None:
        super().__init__(config)
        self._detecting: Detecting | None = None
        self._summary: dict[str, Any] = {}

    @classmethod
    def checking(cls) -> Checking:
        """The smallest settings that train, and a few small exams: what ``taskfusion check`` uses."""
        from mammo_data.checking import tiny_cohort
        from taskfusion.testing import Checking

        return Checking(CHECKING, tiny_cohort())

    @property
    def spec(self) -> TaskSpec:
        """Detections of the configured classes in the configured views, with features and background features."""
        return TaskSpec(
            Level.DETECTION,
            self.config.classes,
            self.config.views,
            feature_size=feature_size(self.config),
            background=True,
        )

    @property
    def is_fitted(self) -> bool:
        """Whether there is a trained detector."""
        return self._detecting is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on the train split's boxes; the validation split only tells how good it became.

        Raises:
            DataError: a cohort without boxes, without our classes, or without a lesion to train on.
        """
        from mammo_localization.fitting import fit_detector

        rng = np.random.default_rng(context.seed)
        views = collect(cohort.part("train"), self.config, context.progress, rng)
        detector, figures = fit_detector(views, self.config, context)
        self._keep(detector)
        counts = {"views": len(views.labels), "views_with_lesion": len(views.with_lesion())}
        self._summary = counts | figures | self._validate(cohort.part("validation"))
        return self

    def _validate(self, cohort: Cohort) -> dict[str, Any]:
        if not len(cohort):
            return {}
        return {"validation_tpr_at_1_fp": sensitivities(self.predict(cohort.cases), cohort)}

    def predict_with(self, cases: Sequence[Case], running: Running) -> TaskOutput:
        """Detect in every view of these cases; boxes are in the original image's pixels.

        The next views are read while the detector looks at the present ones.

        Raises:
            NotFittedError: before training.
            DataError: an image that cannot be read, naming case and view.
        """
        if self._detecting is None:
            raise NotFittedError("localization is not trained; call fit or load first")
        views, config, spec = self.config.views, self.config, self.spec
        present = present_views(cases, views)
        cells = np.argwhere(present)
        load = partial(_read, cases, config)
        read, places = tee(ahead(load, cells, threads=running.loaders, most=config.predict_batch))
        answers = self._detecting((image for image, _, _ in read), running)
        found, background = [], np.full((*present.shape, spec.feature_size), np.nan, np.float32)
        for (case, view), (_, placement, shape), answer in zip(cells, places, answers, strict=True):
            found.append(_in_original(answer, placement, shape))
            background[case, view] = answer["background"]
        ids = tuple(case.id for case in cases)
        return TaskOutput(spec, ids, present, detections=_ragged(found, present, background))

    def effort(self, cases: Sequence[Case]) -> float:
        """The detector on every view; its proposals are some more work again as the whole image's."""
        return effort(self._detector, int(present_views(cases, self.config.views).sum()), self.config.size)

    @property
    def _detector(self) -> Any:
        return None if self._detecting is None else self._detecting.detector

    def _keep(self, detector: Any) -> None:
        from mammo_localization.running import Detecting

        self._detecting = Detecting(detector, config_data(self.config))

    def save_weights(self, folder: Path) -> None:
        """Write the weights (HDF5, numbers only) and the training summary."""
        self._detector.save_weights(folder / WEIGHTS)
        write_json(folder / SUMMARY, self._summary)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        from mammo_localization.detector import Detector

        detector = Detector(self.config)
        detector.load_weights(folder / WEIGHTS)
        self._keep(detector)
        self._summary = read_json(folder / SUMMARY)

    def summary(self) -> Mapping[str, Any]:
        """Losses, numbers of views, and the sensitivity at one false detection per validation image."""
        return self._summary

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """TPR at one false detection per image by the paper's hit rule (III-B), over all classes and per class.

        Beside it the AUC of the highest score per view and per case (max(p_L)), and COCO's average precision where
        pycocotools is installed.
        """
        return own_metrics(output, cohort)

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """FROC over all classes and per class (Fig. 9b), ROC of the highest score per view and per case."""
        return own_curves(output, cohort)


@frozen(eq=False)
class _Found:
    """Detections of one view."""

    boxes: Array
    labels: Array
    scores: Array
    features: Array


def _read(cases: Sequence[Case], config: LocalizationConfig, cell: Array) -> tuple[Array, Placement, tuple[int, ...]]:
    """A view as the detector sees it, and what its original looks like."""
    pixels, placement, shape = prepared_view(cases[cell[0]], config.views[cell[1]], config.size)
    return np.broadcast_to((pixels / np.float32(255))[..., None], (*config.size, config.channels)), placement, shape


def _in_original(answer: Mapping[str, Array], placement: Placement, shape: tuple[int, ...]) -> _Found:
    """One view's detections in pixels of its original; what lies outside it is dropped."""
    height, width = shape
    boxes = placement.to_original(answer["boxes"])
    boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    keep = (answer["scores"] > 0) & (boxes[:, 2] - boxes[:, 0] > 0) & (boxes[:, 3] - boxes[:, 1] > 0)
    return _Found(boxes[keep], answer["labels"][keep], answer["scores"][keep], answer["features"][keep])


def _ragged(found: list[_Found], present: Array, background: Array) -> Detections:
    """Detections of all views, one after the other."""
    counts = np.zeros(present.shape, np.int64)
    counts[present] = [len(one.scores) for one in found]
    size = background.shape[-1]
    return Detections(
        np.concatenate([[0], np.cumsum(counts.ravel())]),
        np.concatenate([np.zeros((0, 4), np.float32), *(one.boxes for one in found)]),
        np.concatenate([np.zeros(0, np.int64), *(one.labels for one in found)]),
        np.concatenate([np.zeros(0, np.float32), *(one.scores for one in found)]),
        np.concatenate([np.zeros((0, size), np.float32), *(one.features for one in found)]),
        background,
    )
