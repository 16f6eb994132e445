"""Views that are computed rather than read, written to disk once: a cohort that every task then reads fast."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, View
from taskfusion.engine import LOCAL, Engine, open_engine, require_shared
from taskfusion.errors import EngineError
from taskfusion.images import Array, FileSource, ImageSource, write_png
from taskfusion.progress import Progress

PART = 8  # cases a worker draws in one go


@attrs.frozen
class StoredSource:
    """A view on disk that keeps the fingerprint of what it was computed from."""

    path: Path
    original: ImageSource

    def read(self) -> Array:
        """Decode the file."""
        return FileSource(self.path).read()

    def fingerprint(self) -> str:
        """The fingerprint of the original: the same view in another folder is the same view."""
        return self.original.fingerprint()


def materialize(cohort: Cohort, folder: Path, progress: Progress, jobs: int = -1, engine: Engine = LOCAL) -> Cohort:
    """Write every view of a cohort as lossless PNG and return the cohort that reads them.

    Files that are there already are kept, so a killed run goes on where it was.

    Args:
        cohort: usually one with ``generated=True``.
        folder: ``FOLDER/CASE/VIEW.png``.
        progress: one step over the cases.
        jobs: processes; -1 for one per core. For the engine ``local`` alone: any other has workers of its own.
        engine: who draws and writes; its workers must share the folder.

    Raises:
        EngineError: workers that do not share the folder, or are lost.
    """
    stored = [_stored(case, folder) for case in cohort.cases]
    todo = [case for case in stored if _open(case)]
    if todo:
        if engine.elsewhere or jobs == 1:
            _write_all(todo, folder, progress, engine)
        else:
            with open_engine("processes", workers=max(jobs, 0)) as own:
                _write_all(todo, folder, progress, own)
    return attrs.evolve(cohort, cases=tuple(stored), generated=False)


def _write_all(cases: list[Case], folder: Path, progress: Progress, engine: Engine) -> None:
    require_shared(engine, folder)
    parts = [cases[first : first + PART] for first in range(0, len(cases), PART)]
    with progress.step("cohort: images", total=len(cases)) as bar:
        for part, _ in zip(parts, engine.map(_write, Path.cwd(), parts), strict=True):
            bar.advance(len(part))
    if lost := [source.path for case in cases for source in _open(case)]:
        raise EngineError(f"workers wrote {lost[0]}, and it is not there; expected a folder that all of them share")


def _stored(case: Case, folder: Path) -> Case:
    views = {
        name: View(name, StoredSource(folder / case.id / f"{name}.png", view.source))
        for name, view in case.views.items()
    }
    return attrs.evolve(case, views=views)


def _open(case: Case, place: Path = Path()) -> list[StoredSource]:
    """The views that are not on disk yet."""
    sources = [view.source for view in case.views.values()]
    return [source for source in sources if isinstance(source, StoredSource) and not (place / source.path).is_file()]


def _write(place: Path, cases: list[Case]) -> None:
    """In whatever process; relative paths begin at the place of the one that asked."""
    for case in cases:
        for source in _open(case, place):
            write_png(place / source.path, np.ascontiguousarray(source.original.read()))
