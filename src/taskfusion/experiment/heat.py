"""Heat maps of the tasks as pictures; kept in the run folder, as each asks a network again (law 2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.files import read_json, write_json
from taskfusion.report.pictures import heat_uri
from taskfusion.tasks.base import TaskModel

Pictures = dict[str, str]  # by view


@attrs.frozen
class HeatFolder:
    """A file per case, of the pictures by task model.

    Attributes:
        root: holds the files.
        fingerprints: by task name, what stands for its model and for how its maps become pictures.
    """

    root: Path
    fingerprints: Mapping[str, str]

    def read(self, key: str) -> dict[str, Pictures]:
        """By task what is there about a case; nothing from a file that is damaged."""
        try:
            found = read_json(self.root / f"{key}.json")
            return {name: dict(found[mark]) for name, mark in self.fingerprints.items() if mark in found}
        except (OSError, ValueError, TypeError):
            return {}

    def write(self, key: str, pictures: Mapping[str, Pictures]) -> None:
        """Keep the pictures of these tasks; those of models that are no longer asked go."""
        write_json(self.root / f"{key}.json", {self.fingerprints[name]: found for name, found in pictures.items()})


def heat_pictures(case: Case, models: Mapping[str, TaskModel], kept: HeatFolder | None = None) -> dict[str, Pictures]:
    """By task and view, of the tasks that have any about this case."""
    key = None if kept is None else _key(case)
    known = {} if kept is None or key is None else kept.read(key)
    asked = {name: model for name, model in models.items() if model.spec.can_answer(case)}
    found = {name: known[name] if name in known else _pictures(model, case) for name, model in asked.items()}
    if kept is not None and key is not None and not asked.keys() <= known.keys():
        kept.write(key, {name: maps for name, maps in found.items() if maps is not None})
    return {name: maps for name, maps in found.items() if maps}


def _key(case: Case) -> str | None:
    try:
        return case.fingerprint()
    except DataError:  # a file that is not there
        return None


def _pictures(model: TaskModel, case: Case) -> Pictures | None:
    """None where an image cannot be read: its frame says why, and next time it may be there."""
    try:
        maps: Mapping[str, Any] = model.heat_maps(case)
    except DataError:
        return None
    return {view: heat_uri(heat.values) for view, heat in maps.items()}
