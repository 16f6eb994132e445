"""The keys of a spec that are not a component's options. Another key is another field here, and nothing else.

A field is read, checked, written into a run's ``spec.yaml`` and in the JSON Schema by itself; who uses it finds it on
:class:`taskfusion.spec.Spec`, or in ``keys`` of a :class:`taskfusion.spec.FuserSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from taskfusion.assembly import Policy
from taskfusion.configs import shown
from taskfusion.document import EXTENDS
from taskfusion.errors import SpecError
from taskfusion.evaluation.thresholds import rules_of
from taskfusion.files import is_folder_name
from taskfusion.inference.options import InferenceOptions
from taskfusion.training.options import TrainingOptions

Threshold = float | str | Mapping[str, float]
THRESHOLDS: tuple[Threshold, ...] = (0.5, 0.6, 0.7, 0.8, "youden", {"sensitivity": 0.9}, {"specificity": 0.9})


def _check_thresholds(_: Any, __: attrs.Attribute[Any], values: tuple[Threshold, ...]) -> None:
    try:
        rules_of(values)
    except SpecError as error:
        raise SpecError(f"thresholds cannot be used: {error}") from error


def _check_level(_: Any, field: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value < 1:
        raise SpecError(f"{field.name} is {value}; expected above 0 and below 1")


@attrs.frozen
class EvaluationConfig:
    """How the run is judged.

    Attributes:
        cross_validation: folds over groups; 0 judges on the cohort's own splits.
        repeats: of the cross-validation, each with other folds; the figures are means over them.
        inner_folds: where no validation split is there to choose thresholds on, as under cross-validation: fit each
            fuser again without each of this many parts of its training cases, and choose on those answers; 0 does not,
            and then only fixed thresholds are used.
        replicates: bootstrap replicates for the intervals.
        threshold: on fused scores, for TPR, TNR, accuracy and F1 (paper III-B: 0.5).
        thresholds: more operating points: numbers (paper Table VIII: 0.6, 0.7, 0.8), ``youden``,
            ``{sensitivity: 0.9}``, ``{specificity: 0.9}``; all but numbers are chosen on the validation split.
        confidence: of the intervals.
        alpha: level at which a corrected test calls a difference real.
        seed: of folds and bootstrap.
    """

    cross_validation: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    repeats: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    inner_folds: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    replicates: int = attrs.field(default=2000, validator=attrs.validators.ge(0))
    threshold: float = 0.5
    thresholds: tuple[Threshold, ...] = attrs.field(default=THRESHOLDS, validator=_check_thresholds)
    confidence: float = 0.95
    alpha: float = attrs.field(default=0.05, validator=_check_level)
    seed: int = 0


@attrs.frozen
class ReportConfig:
    """What ``report.html`` holds.

    Attributes:
        cases: patients with a page of their own, the highest fused scores first; 0 for none.
        image_side: of an embedded picture, in pixels along its longer edge; quality falls so that the page stays small.
        images: whether to embed pictures.
        heat_maps: whether to ask the tasks where in an image they saw something.
        stress: which fusers to try with missing inputs: ``first``, ``all`` or ``none``; takes a while.
    """

    cases: int = attrs.field(default=200, validator=attrs.validators.ge(0))
    image_side: int = attrs.field(default=448, validator=[attrs.validators.ge(64), attrs.validators.le(4096)])
    images: bool = True
    heat_maps: bool = True
    stress: Literal["first", "all", "none"] = "first"


def _check_name(_: Any, field: attrs.Attribute[str], value: str) -> None:
    if value and not is_folder_name(value):
        raise SpecError(f"name {shown(value)} cannot be that of a folder")


def _check_seeds(_: Any, __: attrs.Attribute[Any], values: tuple[int, ...]) -> None:
    if min(values, default=0) < 0 or len(set(values)) < len(values):
        raise SpecError(f"seeds {shown(list(values))} must differ and be at least 0")


@attrs.frozen(kw_only=True)
class Settings:
    """The keys of a spec besides cohort, tasks and fusers. Another key is another field here and nothing else.

    Attributes:
        name: of the run, whose folder is ``runs/NAME``; by default that of the file.
        title: of the report; by default the name.
        targets: what to learn, of the cohort's targets; all where left out.
        seed: everything random follows from it.
        seeds: train and judge once with each of these instead of ``seed``; the figures are means over them, and
            ``model/`` is that of the first.
        ablate: tasks to leave out in turn: each fuser that sees one, and others, is fitted without it too, under the
            name ``FUSER - TASK``.
        cross_fit: train the fusers on out-of-fold answers of the tasks, of this many folds; 0 does not.
        refuse_seen: refuse cases on which a task was trained, to learn from and to answer about; needs cross_fit or
            tasks that were trained on other cases.
        missing: per task what to make of an answer that is not there: ``optional`` (left to the fuser), ``required``
            (the case is refused), ``neutral`` (score 0.5) or ``zero``.
        unreadable: ``raise`` stops at an image that cannot be read; ``mask`` goes on without that answer and says so.
        memory: GiB of task outputs that are held in memory; where there are more they stay on disk, and fusers learn
            from them and answer about them bit by bit, with the same result.
        training: how the networks of the tasks are trained.
        inference: what runs the trained networks.
        evaluation: how the run is judged.
        report: what its page holds.
    """

    name: str = attrs.field(default="", validator=_check_name)
    title: str = ""
    targets: tuple[str, ...] = ()
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    seeds: tuple[int, ...] = attrs.field(default=(), validator=_check_seeds)
    ablate: tuple[str, ...] = ()
    cross_fit: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    refuse_seen: bool = False
    missing: dict[str, Policy] = attrs.field(factory=dict)
    unreadable: Literal["raise", "mask"] = "raise"
    memory: float = attrs.field(default=0.25, validator=attrs.validators.ge(0))
    training: TrainingOptions = attrs.field(factory=TrainingOptions)
    inference: InferenceOptions = attrs.field(factory=InferenceOptions)
    evaluation: EvaluationConfig = attrs.field(factory=EvaluationConfig)
    report: ReportConfig = attrs.field(factory=ReportConfig)


COMPONENTS = ("cohort", "tasks", "fusers")
SETTINGS = tuple(field.name for field in attrs.fields(Settings))
SECTIONS = (EXTENDS, *COMPONENTS, *SETTINGS)


@attrs.frozen
class FuserKeys:
    """The keys of a fuser entry that are the pipeline's, not the fuser's own. Another key is another field here.

    Attributes:
        fuser: a registered fuser; by default the one of the entry's name.
        tasks: the tasks it sees, in the order of the section ``tasks``; all where left out.
        detections: how many detections per view it sees; a list is searched on validation AUC.
        padding: what stands where a view has fewer: a registered padding, or ``{padding: name, option: value}``; by
            default ``background`` for fusers that use features, else ``zero``.
        missing: as the section ``missing``, for this fuser alone; it goes before the section.
        joint: learn all targets with one network; for fusers that can.
        calibrate: make the score a probability, on the validation split or, where there is none, on answers out of
            five folds of the training cases: ``sigmoid`` keeps the AUC, ``isotonic`` bends more and may make ties.
    """

    fuser: str
    tasks: tuple[str, ...] = ()
    detections: tuple[int, ...] = (3,)
    padding: str | Mapping[str, Any] = ""
    missing: dict[str, Policy] = attrs.field(factory=dict)
    joint: bool = False
    calibrate: Literal["none", "sigmoid", "isotonic"] = "none"
