"""The conformance kit for plugin authors: what the library expects of a component, as checks that name what is wrong.

``check_task(MyTask).raise_for_failures()`` is a whole test. Names are handed on when they are first used, so that the
pytest plugin stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskfusion.testing.cohorts import small_cohort as small_cohort
    from taskfusion.testing.commands import check_command as check_command
    from taskfusion.testing.fusers import check_fuser as check_fuser
    from taskfusion.testing.made_up import fusion_data as fusion_data
    from taskfusion.testing.made_up import small_outputs as small_outputs
    from taskfusion.testing.paddings import check_padding as check_padding
    from taskfusion.testing.readers import check_reader as check_reader
    from taskfusion.testing.report import Checking as Checking
    from taskfusion.testing.report import Outcome as Outcome
    from taskfusion.testing.report import Report as Report
    from taskfusion.testing.targets import check_target as check_target
    from taskfusion.testing.tasks import check_task as check_task

_HOMES = {
    "Checking": "report",
    "Outcome": "report",
    "Report": "report",
    "check_command": "commands",
    "check_fuser": "fusers",
    "check_padding": "paddings",
    "check_reader": "readers",
    "check_target": "targets",
    "check_task": "tasks",
    "fusion_data": "made_up",
    "small_cohort": "cohorts",
    "small_outputs": "made_up",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'taskfusion.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"taskfusion.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
