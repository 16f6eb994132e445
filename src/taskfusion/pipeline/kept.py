"""Fitted fusers in the run folder, found again by all that they were fitted from (laws 2 and 5)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.cases import Target
from taskfusion.configs import unstructure
from taskfusion.errors import TaskFusionError
from taskfusion.files import replacing_folder
from taskfusion.fusers.base import FuseContext
from taskfusion.images import Array, short_hash
from taskfusion.pipeline.digests import code_of
from taskfusion.pipeline.folder import LIBRARIES, load_fitted, save_fitted
from taskfusion.pipeline.fusing import Fit, FittedFuser, FuserPlan, Material
from taskfusion.pipeline.manifest import explained, read_manifest, write_manifest
from taskfusion.plugins import installed_versions
from taskfusion.progress import Progress

SCORES = "scores.npy"


@attrs.frozen(eq=False)
class Keeper:
    """A folder of fits, each in a folder named by its key; an entry appears whole or not at all.

    An entry that was damaged, or that another version wrote, is said and made again.

    Attributes:
        root: holds the entries.
        progress: where to say so.
    """

    root: Path
    progress: Progress = attrs.field(factory=Progress)

    def once(self, fit: Fit) -> Fit:
        """The same fit, found in the folder where it is there and kept where it was not."""

        def kept(plan: FuserPlan, targets: Sequence[Target], material: Material, context: FuseContext) -> FittedFuser:
            key = fit_key(plan, targets, material, context)
            if key is None:
                return fit(plan, targets, material, context)
            found = self._found(key, plan.name, lambda folder: _load(folder, plan))
            if found is not None:
                return found
            made = fit(plan, targets, material, context)
            self._keep(key, plan.name, lambda folder: _save(made, folder))
            return made

        return kept

    def scores(self, key: str, name: str, make: Callable[[], Array]) -> Array:
        """An array of scores likewise; ``name`` of the fuser that they are of."""
        found = self._found(key, name, _load_scores)
        if found is not None:
            return found
        made = make()
        self._keep(key, name, lambda folder: np.save(folder / SCORES, made, allow_pickle=False))
        return made

    def _found(self, key: str, name: str, load: Callable[[Path], Any]) -> Any:
        folder = self.root / key
        if not folder.is_dir():
            return None
        try:
            with explained(folder, f"fuser {name!r}"):
                return load(folder)
        except TaskFusionError as error:
            self.progress.say(f"fuser {name!r}: what was kept of an earlier run is of no use, fitted again: {error}")
            return None

    def _keep(self, key: str, name: str, save: Callable[[Path], Any]) -> None:
        try:
            with replacing_folder(self.root / key) as temporary:
                record = save(temporary)
                write_manifest(temporary, {"name": name, **(record or {})})
        except TaskFusionError as error:  # a fuser that cannot be saved can still answer
            self.progress.say(f"fuser {name!r}: not kept for another run: {error}")


def fit_key(plan: FuserPlan, targets: Sequence[Target], material: Material, context: FuseContext) -> str | None:
    """What stands for a fit: plan, targets, truth, groups, task outputs of both splits, seed, versions and code.

    Two fits of one key are the same fit. None for a fuser whose configuration or code does not tell all of it, so that
    none may stand for another. Neither the plan's name nor its calibration plays a part: they change nothing here.
    """
    code = code_of(type(plan.fuser), type(plan.padding))
    if code is None or getattr(plan.fuser.config, "untold", None):
        return None
    seen = list(plan.sees(material.train))
    learned = [
        (split, material.truth(targets, split).tobytes(), material.cohort.part(split).groups.tolist())
        for split in ("train", "validation")
    ]
    outputs = [(task, material.digests[task]) for task in seen]
    wanted = [unstructure(target) for target in targets]
    return short_hash(_facts(plan), wanted, outputs, learned, context.seed, _surroundings(), code)


@functools.cache
def _surroundings() -> dict[str, str]:
    return {**installed_versions((*LIBRARIES, "scipy")), "backend": os.environ.get("KERAS_BACKEND", "")}


def _facts(plan: FuserPlan) -> list[Any]:
    parts = [
        (type(each).__module__, type(each).__qualname__, unstructure(each.config))
        for each in (plan.fuser, plan.padding)
    ]
    return [parts, plan.detections, sorted(plan.missing.items()), plan.joint]


def _save(fitted: FittedFuser, folder: Path) -> dict[str, Any]:
    return {"fit": save_fitted(fitted, folder), "seconds": fitted.seconds}


def _load(folder: Path, plan: FuserPlan) -> FittedFuser:
    manifest = read_manifest(folder)
    fitted = load_fitted(manifest["fit"], plan, folder)
    return attrs.evolve(fitted, seconds=manifest["seconds"])


def _load_scores(folder: Path) -> Array:
    read_manifest(folder)
    return np.asarray(np.load(folder / SCORES, allow_pickle=False))
