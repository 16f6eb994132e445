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
from taskfusion.files import is_folder_name
from taskfusion.training.options import TrainingOptions


@attrs.frozen
class EvaluationConfig:
    """How the run is judged.

    Attributes:
        cross_validation: folds over groups; 0 judges on the cohort's own splits.
        replicates: bootstrap replicates for the intervals.
        threshold: on fused scores, for TPR, TNR, accuracy and F1 (paper III-B: 0.5).
        confidence: of the intervals.
        seed: of folds and bootstrap.
    """

    cross_validation: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    replicates: int = attrs.field(default=2000, validator=attrs.validators.ge(0))
    threshold: float = 0.5
    confidence: float = 0.95
    seed: int = 0


def _check_name(_: Any, field: attrs.Attribute[str], value: str) -> None:
    if value and not is_folder_name(value):
        raise SpecError(f"name {shown(value)} cannot be that of a folder")


@attrs.frozen(kw_only=True)
class Settings:
    """The keys of a spec besides cohort, tasks and fusers. Another key is another field here and nothing else.

    Attributes:
        name: of the run, whose folder is ``runs/NAME``; by default that of the file.
        title: of the report; by default the name.
        targets: what to learn, of the cohort's targets; all where left out.
        seed: everything random follows from it.
        cross_fit: train the fusers on out-of-fold answers of the tasks, of this many folds; 0 does not.
        refuse_seen: refuse cases on which a task was trained, to learn from and to answer about; needs cross_fit or
            tasks that were trained on other cases.
        missing: per task what to make of an answer that is not there: ``optional`` (left to the fuser), ``required``
            (the case is refused), ``neutral`` (score 0.5) or ``zero``.
        unreadable: ``raise`` stops at an image that cannot be read; ``mask`` goes on without that answer and says so.
        training: how the networks of the tasks are trained.
        evaluation: how the run is judged.
    """

    name: str = attrs.field(default="", validator=_check_name)
    title: str = ""
    targets: tuple[str, ...] = ()
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    cross_fit: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    refuse_seen: bool = False
    missing: dict[str, Policy] = attrs.field(factory=dict)
    unreadable: Literal["raise", "mask"] = "raise"
    training: TrainingOptions = attrs.field(factory=TrainingOptions)
    evaluation: EvaluationConfig = attrs.field(factory=EvaluationConfig)


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
    """

    fuser: str
    tasks: tuple[str, ...] = ()
    detections: tuple[int, ...] = (3,)
    padding: str | Mapping[str, Any] = ""
    missing: dict[str, Policy] = attrs.field(factory=dict)
    joint: bool = False
