"""Fuse task-specific models into case-level predictions.

Every name is handed on when it is first used, so that ``import taskfusion`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskfusion.cases import Case as Case
    from taskfusion.cases import Cohort as Cohort
    from taskfusion.cases import Target as Target
    from taskfusion.cases import View as View
    from taskfusion.experiment import run as run
    from taskfusion.experiment.comparison import compare as compare
    from taskfusion.pipeline.compose import cohort as cohort
    from taskfusion.pipeline.compose import compose as compose
    from taskfusion.pipeline.compose import fuser as fuser
    from taskfusion.pipeline.compose import load as load
    from taskfusion.pipeline.compose import task as task
    from taskfusion.pipeline.pipeline import FusionPipeline as FusionPipeline
    from taskfusion.pipeline.training import Work as Work

__version__ = "0.1.0"

_HOMES = {
    "Case": "taskfusion.cases:Case",
    "Cohort": "taskfusion.cases:Cohort",
    "FusionPipeline": "taskfusion.pipeline.pipeline:FusionPipeline",
    "Target": "taskfusion.cases:Target",
    "View": "taskfusion.cases:View",
    "Work": "taskfusion.pipeline.training:Work",
    "cohort": "taskfusion.pipeline.compose:cohort",
    "compare": "taskfusion.experiment.comparison:compare",
    "compose": "taskfusion.pipeline.compose:compose",
    "fuser": "taskfusion.pipeline.compose:fuser",
    "load": "taskfusion.pipeline.compose:load",
    "run": "taskfusion.experiment:run",
    "task": "taskfusion.pipeline.compose:task",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'taskfusion' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
