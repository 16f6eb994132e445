"""The task ``localization``: lesions of four classes with boxes, scores and features (L, section II-B.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from attrs import frozen

from mammo_data.images import Placement, laterality_of, prepare
from mammo_localization.config import CHECKING, PRESETS, LocalizationConfig
from mammo_localization.layout import feature_size
from mammo_localization.views import collect
from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.images import Array
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.diagnostics import About, Curve
from taskfusion.tasks.measures import own_curves, own_metrics, sensitivities

if TYPE_CHECKING:
    from taskfusion.testing import Checking

WEIGHTS, SUMMARY = "detector.weights.h5", "training.json"


class Localization(TaskModel):
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
        self._detector: Any = None
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
        return self._detector is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Train on the train split's boxes; the validation split only tells how good it became.

        Raises:
            DataError: a cohort without boxes, without our classes, or without a lesion to train on.
        """
        from mammo_localization.fitting import fit_detector

        rng = np.random.default_rng(context.seed)
        views = collect(cohort.part("train"), self.config, context.progress, rng)
        self._detector, figures = fit_detector(views, self.config, context)
        counts = {"views": len(views.labels), "views_with_lesion": len(views.with_lesion())}
        self._summary = counts | figures | self._validate(cohort.part("validation"))
        return self

    def _validate(self, cohort: Cohort) -> dict[str, Any]:
        if not len(cohort):
            return {}
        return {"validation_tpr_at_1_fp": sensitivities(self.predict(cohort.cases), cohort)}

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """Detect in every view of these cases; boxes are in the original image's pixels.

        Raises:
            NotFittedError: before training.
            DataError: an image that cannot be read, naming case and view.
        """
        if self._detector is None:
            raise NotFittedError("localization is not trained; call fit or load first")
        views, config = self.config.views, self.config
        present = np.array([[name in case.views for name in views] for case in cases], bool).reshape(-1, len(views))
        cells = np.argwhere(present)
        parts = [self._detect(cases, rows) for rows in _chunks(cells, config.predict_batch)]
        background = np.full((*present.shape, self.spec.feature_size), np.nan, np.float32)
        if parts:
            background[present] = np.concatenate([part.background for part in parts])
        found = [row for part in parts for row in part.found]
        return TaskOutput(
            self.spec,
            tuple(case.id for case in cases),
            present,
            detections=_ragged(found, cells, present, background),
        )

    def _detect(self, cases: Sequence[Case], cells: Array) -> _Answers:
        """Answers for up to one batch of views, in a batch of always the same shape."""
        config = self.config
        images = np.zeros((config.predict_batch, *config.size, config.channels), np.float32)
        places = []
        for row, (case, view) in enumerate(cells):
            pixels, placement, shape = _read(cases[case], config.views[view], config.size)
            images[row] = pixels[..., None]
            places.append((placement, shape))
        raw = self._detector.predict_on_batch(images)
        answers = {name: np.asarray(value)[: len(cells)] for name, value in raw.items()}
        found = [_in_original(answers, row, *place) for row, place in enumerate(places)]
        return _Answers(found, answers["background"])

    def save_weights(self, folder: Path) -> None:
        """Write the weights (HDF5, numbers only) and the training summary."""
        self._detector.save_weights(folder / WEIGHTS)
        write_json(folder / SUMMARY, self._summary)

    def load_weights(self, folder: Path) -> None:
        """Read what :meth:`save_weights` wrote."""
        from mammo_localization.detector import Detector

        detector = Detector(self.config)
        detector.load_weights(folder / WEIGHTS)
        self._detector = detector
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


@frozen(eq=False)
class _Answers:
    found: list[_Found]
    background: Array


def _chunks(rows: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _read(case: Case, view: str, size: tuple[int, int]) -> tuple[Array, Placement, tuple[int, int]]:
    """A view prepared, and what its original looks like."""
    try:
        pixels = case.views[view].read()
        prepared, placement = prepare(pixels, size, laterality_of(view))
    except DataError as error:
        raise DataError(f"case {case.id!r}, view {view!r}: {error}") from error
    return np.round(prepared * 255) / 255, placement, pixels.shape[:2]


def _in_original(answers: Mapping[str, Array], row: int, placement: Placement, shape: tuple[int, int]) -> _Found:
    """One view's detections in pixels of its original; what lies outside it is dropped."""
    height, width = shape
    boxes = placement.to_original(answers["boxes"][row])
    boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    keep = (answers["scores"][row] > 0) & (boxes[:, 2] - boxes[:, 0] > 0) & (boxes[:, 3] - boxes[:, 1] > 0)
    return _Found(
        boxes[keep], answers["labels"][row][keep], answers["scores"][row][keep], answers["features"][row][keep]
    )


def _ragged(found: list[_Found], cells: Array, present: Array, background: Array) -> Detections:
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
