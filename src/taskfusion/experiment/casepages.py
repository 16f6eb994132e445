"""The pages of a run's cases: what the pipeline said of each, and its images, made small enough to embed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError
from taskfusion.experiment.heat import HeatFolder, heat_pictures
from taskfusion.images import Array
from taskfusion.pipeline.results import Result
from taskfusion.progress import Progress
from taskfusion.report.pages import Box, CasePage, Mark, Picture
from taskfusion.report.pictures import chest_wall, picture_uri, shrink
from taskfusion.settings import ReportConfig
from taskfusion.store import in_memory
from taskfusion.tasks.base import TaskModel

PICTURE_BYTES = 6_000_000  # of all image files together: with plotly and the tables a report stays below 15 MB
MOST_BYTES = 60_000  # of one picture, where there are few
MARKS = 15  # boxes of one task shown over one view, best first
FACTS = 12  # metadata shown of a case
THREADS = 2
ALL_FUSERS = 6  # tasks up to which contributions to every fuser are shown; above, to the first one


@attrs.frozen(eq=False)
class Judged:
    """Cases with the answers about them.

    Attributes:
        result: what a pipeline said.
        cohort: the same cases in the same order.
        models: the tasks that answered, by name; asked for heat maps.
        heat: where these maps are kept.
    """

    result: Result
    cohort: Cohort
    models: Mapping[str, TaskModel] = attrs.field(factory=dict)
    heat: HeatFolder | None = None


def case_pages(
    judged: Sequence[Judged], wanted: Sequence[str], config: ReportConfig, progress: Progress | None = None
) -> list[CasePage]:
    """A page for each wanted case that was judged, in the order of ``judged``.

    Images are read one after the other and forgotten: what stays in memory is what the report will hold.
    """
    parts = [part for one in judged if len((part := _only(one, set(wanted))).result)]
    images = sum(len(case.views) for part in parts for case in part.cohort.cases)
    most = min(PICTURE_BYTES // max(images, 1), MOST_BYTES)
    pages: list[CasePage] = []
    with (progress or Progress()).step("report: cases", total=sum(len(part.result) for part in parts)) as bar:
        for part in parts:
            for page in _pages(part, config, most):
                pages.append(page)
                bar.advance(1)
    return pages


def _only(judged: Judged, wanted: set[str]) -> Judged:
    """The same answers about the wanted cases alone, so that contributions are computed for no others."""
    result = judged.result
    rows = np.array([row for row, case in enumerate(result.cases) if case in wanted], np.int64)
    first = next(iter(result.scores), ("", ""))[0]
    few = len(result.outputs) <= ALL_FUSERS
    narrow = attrs.evolve(
        result,
        cases=tuple(result.cases[row] for row in rows),
        scores={key: scores[rows] for key, scores in result.scores.items()},
        outputs={name: in_memory(output.select(rows)) for name, output in result.outputs.items()},
        fitted={key: fitted for key, fitted in result.fitted.items() if few or key[0] == first},
    )
    return attrs.evolve(judged, result=narrow, cohort=judged.cohort.select(rows))


def _pages(part: Judged, config: ReportConfig, most: int) -> Iterable[CasePage]:
    with ThreadPoolExecutor(THREADS) as pool:
        for row, case in enumerate(part.cohort.cases):
            one = part.result[case.id]
            jobs = {
                view: pool.submit(_picture, case, view, config.image_side, most)
                for view in (_ordered(case, part.cohort.views) if config.images else ())
            }
            heat = heat_pictures(case, part.models, part.heat) if config.heat_maps and jobs else {}
            marks = _marks(one, part.cohort, row)
            pictures = [_finished(job.result(), marks.get(view, []), heat) for view, job in jobs.items()]
            yield CasePage(
                case.id,
                one.tasks,
                one.contributions,
                one.missing,
                one.filled,
                one.problems,
                pictures,
                _facts(case),
            )


def _ordered(case: Case, views: Sequence[str]) -> list[str]:
    """The cohort's views first; a case may have others."""
    return [*(view for view in views if view in case.views), *(view for view in case.views if view not in views)]


def _picture(case: Case, view: str, side: int, most: int) -> Picture:
    try:
        pixels = case.views[view].read()
    except DataError as error:
        return Picture(view, problem=str(error))
    if pixels.ndim not in (2, 3):
        return Picture(view, problem=f"not a picture: an array of shape {pixels.shape}")
    small = shrink(pixels, side)
    height, width = small.pixels.shape[:2]
    return Picture(
        view,
        picture_uri(small.pixels, most),
        width=width,
        height=height,
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        low=small.low,
        high=small.high,
        wall=chest_wall(small.pixels),
    )


def _finished(picture: Picture, boxes: Sequence[tuple[Array, dict[str, Any]]], heat: Mapping[str, Any]) -> Picture:
    """The picture with boxes as shares of its size, and its heat maps."""
    if not picture.source:
        return picture
    size = np.array([picture.columns, picture.rows, picture.columns, picture.rows])
    marks = [Mark(box=_shares(box, size), **said) for box, said in boxes]
    layers = {task: maps[picture.view] for task, maps in heat.items() if picture.view in maps}
    return attrs.evolve(picture, marks=marks, heat=layers)


def _shares(box: Array, size: Array) -> Box:
    left, top, right, bottom = (float(edge) for edge in np.clip(np.asarray(box, float) / size, 0, 1))
    return left, top, right, bottom


def _marks(one: Any, cohort: Cohort, row: int) -> dict[str, list[tuple[Array, dict[str, Any]]]]:
    """Per view the true boxes, then the best of every task."""
    marks: dict[str, list[tuple[Array, dict[str, Any]]]] = {}
    for index, view in enumerate(cohort.views if cohort.annotations is not None else ()):
        assert cohort.annotations is not None  # the loop is empty otherwise
        boxes, labels = cohort.annotations.of_view(row, index)
        names = [cohort.annotations.classes[label] for label in labels]
        marks[view] = [(box, {"label": name}) for box, name in zip(boxes, names, strict=True)]
    used = _used(one)
    for task, found in one.tasks.items():
        for box in found if isinstance(found, list) else ():
            shown = marks.setdefault(box["view"], [])
            if sum(said.get("task") == task for _, said in shown) < MARKS:
                key = (task, box["view"], tuple(box["box"]))
                said = {name: box[name] for name in ("label", "score")} | {"task": task, "used": key in used}
                shown.append((box["box"], said))
    return marks


def _used(one: Any) -> set[tuple[str, str, tuple[float, ...]]]:
    """What the first fuser looked at, for any target."""
    by_fuser: list[Mapping[str, Any]] = [next(iter(fusers.values()), {}) for fusers in one.used.values()]
    return {
        (task, box["view"], tuple(box["box"])) for tasks in by_fuser for task, boxes in tasks.items() for box in boxes
    }


def _facts(case: Case) -> dict[str, str]:
    """Metadata with a value, as text; long ones are no facts to glance at."""
    known = {name: str(value) for name, value in case.metadata.items() if value is not None and value == value}
    return dict(list({name: text for name, text in known.items() if 0 < len(text) <= 60}.items())[:FACTS])
