"""What tasks ``keras`` and ``onnx`` share: a network in a file that looks at images, asked in batches."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, ModelFolderError, SpecError, first_line
from taskfusion.files import read_json, replacing, write_json
from taskfusion.images import Array, short_hash
from taskfusion.inference.loading import ahead
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec
from taskfusion.tasks import image_answers as answers
from taskfusion.tasks.base import FitContext, TaskModel, config_data
from taskfusion.tasks.diagnostics import Curve
from taskfusion.tasks.image_config import ImageModelConfig
from taskfusion.tasks.image_input import InputPlan, Port, network_image, plan_inputs

Shape = tuple[int | None, ...]


class Network(Protocol):
    """A network that was opened."""

    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]

    def runner(self, outputs: Sequence[str], feature: str, plan: InputPlan) -> Runner:
        """What computes these outputs, and then the feature unless it is empty."""
        ...


class Runner(Protocol):
    """Computes chosen outputs."""

    shapes: tuple[Shape, ...]  # of the outputs, batch included

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs for one batch."""
        ...


@attrs.frozen(eq=False)
class Ready:
    """A network and how to ask it; ``roles`` says what the outputs it computes are, in order."""

    plan: InputPlan
    runner: Runner
    roles: tuple[str, ...]
    scores: str  # the name of the output
    spec: TaskSpec
    single: bool  # whether its outputs are about one image and have no axis for it


@attrs.frozen
class Sample:
    """What is shown to a network at once: views of one case; ``cell`` is its place in the answers."""

    case: int
    views: tuple[str, ...]
    cell: tuple[int, ...]


Sizes = list[tuple[int, int]]
Part = tuple[Sequence[Sample], dict[str, Array], Sizes]
"""Samples of a batch, the outputs about them by role, and the sizes of their first images as read."""


class ImageModelTask(TaskModel):
    """Answers with what a network in a file says; there is nothing to train.

    A subclass opens the file; reading, batches and the meaning of outputs are here.
    """

    Config: ClassVar[type] = ImageModelConfig
    config: ImageModelConfig
    kind: ClassVar[str]
    saved_as: ClassVar[str]

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._saved: Path | None = None  # the copy, once loaded
        self._content = ""  # a hash of the file
        self._ready: Ready | None = None

    @abstractmethod
    def _open(self, path: Path) -> Network:
        """Open the file; raises DataError where it cannot be used."""

    @property
    def spec(self) -> TaskSpec:
        """Classes and features may come from the network, which is opened then."""
        return self._network().spec

    @property
    def is_fitted(self) -> bool:
        """Always."""
        return True

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        """Nothing to train."""
        return self

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        """What the network says; a case or view without the images it needs gets no answer.

        Raises:
            SpecError: options that do not fit the network.
            DataError: a file or an image that cannot be used, or an answer that cannot be.
        """
        ready = self._network()
        return self._detections(ready, cases) if ready.spec.level is Level.DETECTION else self._dense(ready, cases)

    def save_weights(self, folder: Path) -> None:
        """A copy of the file, and its hash."""
        content = self._hash()
        try:
            with replacing(folder / self.saved_as) as temporary:
                shutil.copyfile(self._path, temporary)
                if short_hash(temporary.read_bytes()) != content:
                    raise DataError(f"{self._path} was changed after it was read; ask again with a new task")
        except OSError as error:
            raise DataError(f"{self._name()} cannot be copied: {error}") from error
        write_json(folder / "model.json", {"content": content})

    def load_weights(self, folder: Path) -> None:
        """Open the copy; the original file is not needed.

        Raises:
            ModelFolderError: a part is missing or was changed.
        """
        path = folder / self.saved_as
        try:
            content = short_hash(path.read_bytes())
            if content != read_json(folder / "model.json")["content"]:
                raise DataError(f"{path} was changed after it was saved")
            self._saved, self._content, self._ready = path, content, None
            self._network()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFolderError(f"saved task {self.kind!r} cannot be used: {error}") from error

    def metrics(self, output: TaskOutput, cohort: Cohort) -> Mapping[str, float]:
        """AUC per case and per view, TPR and AP of detections, of the classes whose truth the cohort knows."""
        from taskfusion.tasks.measures import own_metrics

        return own_metrics(output, cohort, self.config.truth)

    def curves(self, output: TaskOutput, cohort: Cohort) -> Sequence[Curve]:
        """ROC and FROC curves of the same."""
        from taskfusion.tasks.measures import own_curves

        return own_curves(output, cohort, self.config.truth)

    def fingerprint(self, sources: Callable[[], str] | None = None) -> str:
        """Follows the content of the file, not its place; what else was trained on plays no part."""
        options = {key: value for key, value in config_data(self.config).items() if key != "path"}
        return short_hash(self.kind, self.version, sorted(options.items()), self._hash())

    @property
    def _path(self) -> Path:
        """Asked anew each time: a spec makes the path of a task it has built absolute."""
        return self._saved or self.config.file

    def _name(self) -> str:
        return f"task {self.kind!r}: {self._path}"

    def _hash(self) -> str:
        if not self._content:
            if not self._path.is_file():
                raise DataError(f"model not found: {self._path}")
            self._content = short_hash(self._path.read_bytes())
        return self._content

    def _network(self) -> Ready:
        if self._ready is None:
            self._hash()
            network = self._open(self._path)
            try:
                self._ready = make_ready(self.config, network)
            except SpecError as error:
                raise SpecError(f"{self._name()}: {error}") from error
        return self._ready

    def _dense(self, ready: Ready, cases: Sequence[Case]) -> TaskOutput:
        """Levels case and view."""
        spec, samples = ready.spec, self._samples(cases)
        shape = (len(cases),) if spec.level is Level.CASE else (len(cases), len(spec.views))
        scores = np.full((*shape, len(spec.classes)), np.nan, np.float32)
        features = np.full((*shape, spec.feature_size), np.nan, np.float32) if spec.feature_size else None
        present = np.zeros(shape, bool)
        for part, raw, _ in self._asked(ready, cases, samples):
            cells = tuple(np.array([sample.cell for sample in part]).T)
            about = [self._about(cases, sample) for sample in part]
            values = answers.class_scores(raw["scores"], self.config)
            scores[cells] = answers.checked_scores(values, about, ready.scores)
            if features is not None:
                features[cells] = answers.pooled(raw["feature"], ready.plan.last)
            present[cells] = True
        return TaskOutput(spec, [case.id for case in cases], present, scores, features)

    def _detections(self, ready: Ready, cases: Sequence[Case]) -> TaskOutput:
        views, samples = len(ready.spec.views), self._samples(cases)
        found, present = [], np.zeros((len(cases), views), bool)
        counts = np.zeros(len(cases) * views, np.int64)
        for part, raw, sizes in self._asked(ready, cases, samples):
            for k, sample in enumerate(part):
                image = answers.Image(self._about(cases, sample), sizes[k], ready.plan.size)
                of_image = {role: values if ready.single else values[k] for role, values in raw.items()}
                found.append(answers.detections_in(of_image, image, self.config))
                present[sample.cell] = True
                counts[sample.cell[0] * views + sample.cell[1]] = len(found[-1])
        empty = np.zeros((0, ready.spec.feature_size)) if ready.spec.feature_size else None
        found.append(Detections([0], [], [], [], empty))
        joined = Detections.concatenate(found)
        joined = attrs.evolve(joined, offsets=np.concatenate([[0], np.cumsum(counts)]))
        return TaskOutput(ready.spec, [case.id for case in cases], present, detections=joined)

    def _asked(self, ready: Ready, cases: Sequence[Case], samples: Sequence[Sample]) -> Iterator[Part]:
        """Batch by batch; the next one is read while the network looks at the present one."""
        parts = list(_chunks(samples, ready.plan.batch))
        loaded = ahead(lambda part: self._loaded(ready, cases, part), parts, most=1)
        for part, (inputs, sizes) in zip(parts, loaded, strict=True):
            yield part, self._outputs(ready, inputs, len(part)), sizes

    def _loaded(self, ready: Ready, cases: Sequence[Case], samples: Sequence[Sample]) -> tuple[list[Array], Sizes]:
        """What the network sees of these samples, and the sizes of their first images as read."""
        images, sizes = [], []
        for sample in samples:
            seen = [self._image(ready, cases[sample.case], view) for view in sample.views]
            images.append([image for image, _ in seen])
            sizes.append(seen[0][1])
        return list(ready.plan.inputs(images)), sizes

    def _outputs(self, ready: Ready, inputs: Sequence[Array], count: int) -> dict[str, Array]:
        """Outputs by role about the first ``count`` samples of a batch."""
        try:
            outputs = ready.runner(inputs)
        except Exception as error:  # whatever the network's own runtime raises
            shapes = ", ".join(str(array.shape) for array in inputs)
            raise DataError(f"{self._name()} fails on inputs of shape {shapes}: {first_line(error)}") from error
        raw = dict(zip(ready.roles, outputs, strict=True))
        for role, values in raw.items():
            if not ready.single and (not values.ndim or len(values) != ready.plan.batch):
                raise DataError(f"{self._name()}: {role} has shape {values.shape} for {ready.plan.batch} images")
        return {role: values if ready.single else values[:count] for role, values in raw.items()}

    def _image(self, ready: Ready, case: Case, view: str) -> tuple[Array, tuple[int, int]]:
        pixels = case.views[view].read()
        try:
            return network_image(pixels, ready.plan, self.config), (pixels.shape[0], pixels.shape[1])
        except DataError as error:
            raise DataError(f"task {self.kind!r}, case {case.id!r}, view {view!r}: {error}") from error

    def _samples(self, cases: Sequence[Case]) -> list[Sample]:
        """All there is to show: cases that have every view, or the views that are there."""
        views = self.config.views
        if self.config.level == Level.CASE:
            whole = (i for i, case in enumerate(cases) if all(view in case.views for view in views))
            return [Sample(i, views, (i,)) for i in whole]
        return [
            Sample(i, (view,), (i, j))
            for i, case in enumerate(cases)
            for j, view in enumerate(views)
            if view in case.views
        ]

    def _about(self, cases: Sequence[Case], sample: Sample) -> str:
        view = f", view {sample.views[0]!r}" if len(sample.cell) == 2 else ""
        return f"task {self.kind!r}, case {cases[sample.case].id!r}{view}"


def make_ready(config: ImageModelConfig, network: Network) -> Ready:
    """Fit options and network together.

    Raises:
        SpecError: where they do not.
    """
    heads = answers.head_names(config, network.outputs)
    plan = plan_inputs(config, network.inputs, config.batch_size)
    runner = network.runner(tuple(heads.values()), config.feature, plan)
    shapes = dict(zip((*heads, "feature"), runner.shapes, strict=False))
    single = config.level == Level.DETECTION and len(shapes["boxes"]) == 2
    if single:
        plan = attrs.evolve(plan, batch=1)
    return Ready(plan, runner, tuple(shapes), heads["scores"], _spec(config, heads, shapes, plan.last), single)


def _spec(config: ImageModelConfig, heads: dict[str, str], shapes: dict[str, Shape], last: bool) -> TaskSpec:
    detection = config.level == Level.DETECTION
    classes = config.classes if detection else answers.class_names(config, shapes["scores"], heads["scores"])
    size = answers.feature_size(shapes["feature"], detection or last, config.feature) if config.feature else 0
    if config.level == Level.CASE:  # the network looks at all views at once
        return TaskSpec(Level.CASE, classes, feature_size=size, required=config.views)
    return TaskSpec(Level(config.level), classes, config.views, feature_size=size)


def _chunks(items: Sequence[Sample], size: int) -> Iterator[Sequence[Sample]]:
    return (items[i : i + size] for i in range(0, len(items), size))
