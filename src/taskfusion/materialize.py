"""Views that are computed rather than read, written to disk once: a cohort that every task then reads fast."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort, View
from taskfusion.images import Array, FileSource, ImageSource, write_png
from taskfusion.progress import Progress


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


def materialize(cohort: Cohort, folder: Path, progress: Progress, jobs: int = -1) -> Cohort:
    """Write every view of a cohort as lossless PNG and return the cohort that reads them.

    Files that are there already are kept, so a killed run goes on where it was.

    Args:
        cohort: usually one with ``generated=True``.
        folder: ``FOLDER/CASE/VIEW.png``.
        progress: one step over the cases.
        jobs: processes; -1 for one per core.
    """
    from joblib import Parallel, delayed

    stored = [_stored(case, folder) for case in cohort.cases]
    todo = [case for case in stored if _open(case)]
    if todo:
        with progress.step("cohort: images", total=len(todo)) as bar:
            work = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=8)
            for _ in work(delayed(_write)(case) for case in todo):
                bar.advance(1)
    return attrs.evolve(cohort, cases=tuple(stored), generated=False)


def _stored(case: Case, folder: Path) -> Case:
    views = {
        name: View(name, StoredSource(folder / case.id / f"{name}.png", view.source))
        for name, view in case.views.items()
    }
    return attrs.evolve(case, views=views)


def _open(case: Case) -> list[StoredSource]:
    """The views that are not on disk yet."""
    sources = [view.source for view in case.views.values()]
    return [source for source in sources if isinstance(source, StoredSource) and not source.path.is_file()]


def _write(case: Case) -> None:
    for source in _open(case):
        write_png(source.path, np.ascontiguousarray(source.original.read()))
