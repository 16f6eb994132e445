"""From a source of exams to a cohort folder: in parallel, killed at any point, and going on where it was."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mammo_data.folder.exam import Work, fingerprint_of, is_finished, process_exam, read_exam
from mammo_data.folder.finish import About, finish
from mammo_data.folder.layout import (
    IMAGES,
    MANIFEST,
    claimed,
    exam_folder,
    looked_folder,
    mark_unfinished,
    refuse_another,
    signed,
)
from mammo_data.folder.summary import Summary
from mammo_data.parallel import in_order
from mammo_data.records import ExamPlan, ExamSource, Skipped
from mammo_data.survey import Desk, Survey, SurveyingSource
from taskfusion.engine import LOCAL, Engine, require_shared
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
        engine: a cluster that reads in place of processes of this machine; its workers must see the raw files and share
            the folder.
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
    engine: Engine = LOCAL


@attrs.frozen
class Outcome:
    """What a preparation came to.

    Attributes:
        summary: of the whole folder.
        kept: exams that were there already.
        stale: exams in the folder, of an earlier preparation, that are not in this cohort.
        lines: what a source that looks before it lists has to say, for the console.
    """

    summary: Summary
    kept: int
    stale: int
    lines: tuple[str, ...] = ()


def prepare(source: ExamSource, config: Preparation, progress: Progress) -> Outcome:
    """Make a cohort folder, or go on with it.

    Nothing outside ``config.output`` is written. Memory does not grow with the images, only with the tables.

    Raises:
        DataError: a source without exams, or none that can be used; a folder that holds something else, or a
            cohort made from another source; a worker that was killed; in strict mode the first thing skipped.
        EngineError: a cluster that does not share the folder, or is lost.
    """
    refuse_another(config.output, source.name)
    about = About(source.name, source.notice, dict(config.options), config.limit)
    survey = found_exams(source, config, about, progress)
    plans = survey.plans
    leader = 0 if config.engine.elsewhere else os.getpid()
    work = Work(_options(source, config), config.in_place, leader, os.urandom(8).hex())
    with claimed(config.output):
        todo = [plan for plan in plans if not _is_there(plan, config, work)]
        _refuse_kept(plans, todo, config)
        mark_unfinished(config.output, about.data())
        require_shared(config.engine, config.output)
        _process(source, todo, config, work, progress)
        stale = _stale(config.output, {plan.id for plan in plans})
        if config.prune:
            for exam in stale:
                shutil.rmtree(config.output / IMAGES / exam)
        summary = finish(config.output, survey, about, csv=config.csv)
    return Outcome(summary, len(plans) - len(todo), 0 if config.prune else len(stale), survey.lines)


def found_exams(source: ExamSource, config: Preparation, about: About, progress: Progress) -> Survey:
    """The exams to prepare, in the source's order, and what was skipped while they were sought.

    A source that looks before it lists does so in the folder, where it keeps what it has seen; any other leaves the
    folder alone.

    Raises:
        DataError: no exam; in strict mode the first thing skipped.
    """
    survey = _looked(source, config, about, progress) if isinstance(source, SurveyingSource) else None
    plans, skipped = _listing(survey.plans if survey else source.plans(), config, progress)
    listed = (*(survey.listed if survey else ()), *(("", one) for one in skipped))
    if not plans:
        raise DataError(f"no exam found in {source.name}{_reasons(listed)}")
    return attrs.evolve(survey or Survey(), plans=tuple(plans), listed=listed)


def _looked(source: SurveyingSource, config: Preparation, about: About, progress: Progress) -> Survey:
    """A folder that was ready stays so meanwhile."""
    refuse = functools.partial(_refuse_if, config.strict)
    with claimed(config.output):
        if not (config.output / MANIFEST).exists():
            mark_unfinished(config.output, about.data())
        return source.survey(_desk(config, refuse, progress))


def _desk(config: Preparation, refuse: Callable[[Sequence[Skipped]], None], progress: Progress) -> Desk:
    place = looked_folder(config.output).absolute()  # a cluster's workers are elsewhere
    return Desk(place, config.jobs, config.again, refuse, progress, config.engine)


def _listing(
    found: Iterable[ExamPlan | Skipped], config: Preparation, progress: Progress
) -> tuple[list[ExamPlan], list[Skipped]]:
    plans: dict[str, ExamPlan] = {}
    skipped: list[Skipped] = []
    with progress.step("exams: listing") as bar:
        for one in found:
            if len(plans) == config.limit:
                break
            problem = one if isinstance(one, Skipped) else _problem_of(one, plans, config.output)
            if problem is None:
                assert isinstance(one, ExamPlan)
                plans[one.id] = one
                bar.advance()
            else:
                skipped.append(problem)
                _refuse_if(config.strict, [problem])
    return list(plans.values()), skipped


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
    make = functools.partial(_process_one, source, config.output.absolute(), work)
    with (
        progress.step("exams: reading", total=len(todo)) as bar,
        signed(config.output, work.sign),
        in_order(make, todo, config.jobs, config.engine) as results,
    ):
        for found in results:
            bar.advance()
            _refuse_if(config.strict, found)


def _process_one(source: ExamSource, folder: Path, work: Work, plan: ExamPlan) -> tuple[Skipped, ...]:
    return process_exam(source, plan, folder, work)
