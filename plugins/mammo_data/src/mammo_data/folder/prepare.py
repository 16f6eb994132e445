"""From a source of exams to a cohort folder: in parallel, killed at any point, and going on where it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mammo_data.folder.exam import Work, fingerprint_of, is_finished, process_exam, read_exam
from mammo_data.folder.finish import About, finish
from mammo_data.folder.layout import IMAGES, claimed, exam_folder, mark_unfinished
from mammo_data.folder.summary import Summary
from mammo_data.records import ExamPlan, ExamSource, Skipped
from taskfusion.errors import DataError
from taskfusion.plugins import version_of
from taskfusion.progress import Progress


@attrs.frozen
class Preparation:
    """How a cohort folder is made.

    Attributes:
        output: the folder; new, empty, or one that is gone on with.
        options: what the source was built from, as plain data; with other options every exam is prepared anew.
        jobs: processes; -1 for one per core.
        strict: stop at the first thing that cannot be used.
        limit: only the first exams; None for all.
        in_place: leave images where they are, if the file alone gives the same pixels.
        csv: write the tables as CSV too.
        again: try again what was skipped before.
        prune: remove exams of an earlier preparation that are not in this one.
    """

    output: Path
    options: Mapping[str, Any] = attrs.field(factory=dict)
    jobs: int = -1
    strict: bool = False
    limit: int | None = None
    in_place: bool = False
    csv: bool = False
    again: bool = False
    prune: bool = False


@attrs.frozen
class Outcome:
    """What a preparation came to.

    Attributes:
        summary: of the whole folder.
        kept: exams that were there already.
        stale: exams in the folder, of an earlier preparation, that are not in this cohort.
    """

    summary: Summary
    kept: int
    stale: int


def prepare(source: ExamSource, config: Preparation, progress: Progress) -> Outcome:
    """Make a cohort folder, or go on with it.

    Nothing outside ``config.output`` is written. Memory does not grow with the images, only with the tables.

    Raises:
        DataError: a source without exams, or none that can be used; a folder that holds something else; a worker that
            was killed; in strict mode the first thing skipped.
    """
    plans, listed = found_exams(source, config, progress)
    work = Work(_options(source, config), config.in_place, os.getpid())
    about = About(source.name, source.notice, dict(config.options), config.limit)
    with claimed(config.output):
        todo = [plan for plan in plans if not _is_there(plan, config, work)]
        _refuse_kept(plans, todo, config)
        mark_unfinished(config.output, about.data())
        _process(source, todo, config, work, progress)
        stale = _stale(config.output, {plan.id for plan in plans})
        if config.prune:
            for exam in stale:
                shutil.rmtree(config.output / IMAGES / exam)
        summary = finish(config.output, [plan.id for plan in plans], listed, about, csv=config.csv)
    return Outcome(summary, len(plans) - len(todo), 0 if config.prune else len(stale))


def found_exams(
    source: ExamSource, config: Preparation, progress: Progress
) -> tuple[list[ExamPlan], list[tuple[str, Skipped]]]:
    """The exams to prepare, in the source's order, and what was skipped while listing them, with the exam's id or "".

    Raises:
        DataError: no exam; in strict mode the first thing skipped.
    """
    plans: dict[str, ExamPlan] = {}
    listed: list[tuple[str, Skipped]] = []
    with progress.step("exams: listing") as bar:
        for found in source.plans():
            if len(plans) == config.limit:
                break
            problem = found if isinstance(found, Skipped) else _problem_of(found, plans, config.output)
            if problem is None:
                assert isinstance(found, ExamPlan)
                plans[found.id] = found
                bar.advance()
            else:
                listed.append(("", problem))
                _refuse_if(config.strict, [problem])
    if not plans:
        raise DataError(f"no exam found in {source.name}{_reasons(listed)}")
    return list(plans.values()), listed


def _problem_of(plan: ExamPlan, plans: Mapping[str, ExamPlan], folder: Path) -> Skipped | None:
    if plan.id in plans:
        return Skipped(plan.id, "another exam has this id; expected every id once", "duplicate id")
    try:
        exam_folder(folder, plan.id)
    except DataError as error:
        return Skipped(plan.id, str(error), "bad id")
    return None


def _reasons(listed: Sequence[tuple[str, Skipped]]) -> str:
    if not listed:
        return ""
    first = listed[0][1]
    return f"; {len(listed)} things were skipped, the first: {first.what}: {first.reason}"


def _options(source: ExamSource, config: Preparation) -> dict[str, Any]:
    """All that decides what an exam becomes, but its files; a newer mammo-data may read them otherwise."""
    versions = {"mammo-data": version_of("mammo-data")}
    return {"source": source.name, "in_place": config.in_place, "versions": versions, "options": config.options}


def _is_there(plan: ExamPlan, config: Preparation, work: Work) -> bool:
    return is_finished(config.output, plan.id, fingerprint_of(plan, work.options), config.again)


def _refuse_kept(plans: Iterable[ExamPlan], todo: Iterable[ExamPlan], config: Preparation) -> None:
    """In strict mode, what an earlier call that was not strict had skipped."""
    waiting = {plan.id for plan in todo}
    for plan in plans if config.strict else ():
        stored = read_exam(config.output, plan.id) if plan.id not in waiting else None
        _refuse_if(True, stored.skipped if stored else ())


def _refuse_if(strict: bool, skipped: Sequence[Skipped]) -> None:
    if strict and skipped:
        raise DataError(f"{skipped[0].what}: {skipped[0].reason} (--strict stops here)")


def _stale(folder: Path, ids: set[str]) -> list[str]:
    images = folder / IMAGES
    return sorted(path.name for path in images.iterdir() if path.name not in ids) if images.is_dir() else []


def _process(source: ExamSource, todo: Sequence[ExamPlan], config: Preparation, work: Work, progress: Progress) -> None:
    if not todo:
        return
    with progress.step("exams: reading", total=len(todo)) as bar, _results(source, todo, config, work) as results:
        for found in results:
            bar.advance()
            _refuse_if(config.strict, found)


@contextlib.contextmanager
def _results(
    source: ExamSource, todo: Sequence[ExamPlan], config: Preparation, work: Work
) -> Iterator[Iterator[tuple[Skipped, ...]]]:
    """What was skipped of each exam, in order, as the exams get done."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(n_jobs=config.jobs, return_as="generator", pre_dispatch="2*n_jobs", max_nbytes=None)
    results = parallel(delayed(_process_quietly)(source, plan, config.output, work) for plan in todo)
    with contextlib.closing(results):
        try:
            yield results
        except TerminatedWorkerError as error:
            raise DataError(
                "a process that reads exams was killed, for want of memory perhaps: fewer --jobs need less; the same "
                "command goes on where it was"
            ) from error


def _process_quietly(source: ExamSource, plan: ExamPlan, folder: Path, work: Work) -> tuple[Skipped, ...]:
    """Ctrl-C reaches the workers too; their leader alone answers it."""
    if os.getpid() != work.leader:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return process_exam(source, plan, folder, work)
