"""Pictures of cases for a quick look: views with true and detected boxes, scores and heat maps, on one static page.

The page needs no script and no other file. Boxes are drawn in the pixels of the image as read, as an SVG over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Case, Cohort
from taskfusion.errors import DataError
from taskfusion.images import Array
from taskfusion.outputs import Level, TaskOutput
from taskfusion.report.pictures import heat_uri, picture_uri, shrink
from taskfusion.tasks.diagnostics import HeatMap

_TEMPLATES = Path(__file__).parent / "templates"
# Okabe and Ito's hues, lighter where black would swallow them.
_ON_BLACK = ("#56B4E9", "#2BCB9A", "#F0A3CB", "#E69F00", "#F0E442", "#FF8A50", "#D5DBE1")
SHARPER = 1.5  # pixels of the image for one of the page, for screens that have them
MOST_BYTES = 150_000  # of an image
Heat = Mapping[str, Mapping[str, HeatMap]]  # task to view to map


@attrs.frozen
class PictureOptions:
    """What to draw.

    Attributes:
        height: of a view on the page, in pixels.
        boxes: the most detections to draw per view and task, best first.
        least: detections that score less are left out.
    """

    height: int = 420
    boxes: int = 3
    least: float = 0.05


@attrs.frozen(eq=False)
class Seen:
    """What tasks and fusers said of the cases of a cohort, in its order.

    Attributes:
        outputs: the tasks' answers, by task.
        scores: fused scores ``(cases,)`` by (fuser, target).
        heat: per case id the heat maps of its views, by task.
        notice: a warning to show in red.
    """

    outputs: Mapping[str, TaskOutput] = attrs.field(factory=dict)
    scores: Mapping[tuple[str, str], Array] = attrs.field(factory=dict)
    heat: Mapping[str, Heat] = attrs.field(factory=dict)
    notice: str = ""


@attrs.frozen
class Mark:
    """A box to draw: xyxy in the image's pixels, its colour, what to write beside it, and whether it is the truth."""

    box: tuple[float, float, float, float]
    color: str
    text: str
    true: bool


@attrs.frozen
class Picture:
    """One view: its size, image and heat map as data URIs, what to draw over it and write below it; ``why`` not."""

    view: str
    size: tuple[int, int] = (1, 1)
    image: str = ""
    heat: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    lines: tuple[str, ...] = ()
    why: str = ""


@attrs.frozen
class Sheet:
    """One case: what is known, what was said, and its views."""

    case: str
    truths: tuple[str, ...]
    said: tuple[str, ...]
    pictures: tuple[Picture, ...]


def view_pictures(cohort: Cohort, seen: Seen, options: PictureOptions | None = None) -> str:
    """The page about all cases of a cohort, as HTML; choose a few before.

    Raises:
        DataError: no case, or answers about other cases.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    options = options or PictureOptions()
    _check(cohort, seen)
    colors = class_colors(cohort, seen.outputs)
    sheets = [_sheet(cohort, row, seen, (options, colors)) for row in range(len(cohort))]
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    notice = seen.notice or cohort.notice
    return environment.get_template("pictures.html.j2").render(
        title=cohort.name, notice=notice, sheets=sheets, colors=colors, height=options.height
    )


def class_colors(cohort: Cohort, outputs: Mapping[str, TaskOutput]) -> dict[str, str]:
    """A colour per class of boxes, told apart by colour-blind readers; the same class has one colour everywhere."""
    known = list(cohort.annotations.classes) if cohort.annotations is not None else []
    for output in outputs.values():
        known += output.spec.classes if output.spec.level is Level.DETECTION else ()
    names = list(dict.fromkeys(known))
    return {name: _ON_BLACK[number % len(_ON_BLACK)] for number, name in enumerate(names)}


def hung(views: Sequence[str]) -> list[str]:
    """Views in the order of the page: of a pair ``L-x`` and ``R-x`` the right one stands left."""
    order: list[str] = []
    for name in views:
        other = {"L-": "R-", "R-": "L-"}.get(name[:2], "") + name[2:]
        pair = sorted((name, other), reverse=True) if other in views and other != name else [name]
        order += [each for each in pair if each not in order]
    return order


def _check(cohort: Cohort, seen: Seen) -> None:
    if not len(cohort):
        raise DataError("no cases to draw")
    for task, output in seen.outputs.items():
        if output.cases != cohort.ids:
            raise DataError(f"task {task!r} answered about other cases than those to draw")


def _sheet(cohort: Cohort, row: int, seen: Seen, how: tuple[PictureOptions, dict[str, str]]) -> Sheet:
    case = cohort.cases[row]
    views = hung(cohort.views or tuple(case.views))
    return Sheet(
        case.id,
        tuple(f"{name}: {_truth(int(cohort.label(name)[row]))}" for name in cohort.targets),
        (*_fused(seen, row), *_of_case(seen, row)),
        tuple(_picture(cohort, row, view, seen, how) for view in views),
    )


def _truth(value: int) -> str:
    return {0: "no", 1: "yes", UNKNOWN: "unknown"}.get(value, str(value))


def _fused(seen: Seen, row: int) -> Iterator[str]:
    for (fuser, target), scores in seen.scores.items():
        yield f"{target} {float(scores[row]):.2f} ({fuser})"


def _of_case(seen: Seen, row: int) -> Iterator[str]:
    for task, output in seen.outputs.items():
        if output.spec.level is Level.CASE and output.scores is not None:
            yield from _said(task, output, output.scores[row], bool(output.present[row]))


def _said(task: str, output: TaskOutput, scores: Array, present: bool) -> Iterator[str]:
    named = " ".join(f"{name} {float(score):.2f}" for name, score in zip(output.spec.classes, scores, strict=True))
    yield f"{task}: {named}" if present else f"{task}: no answer"


def _picture(cohort: Cohort, row: int, view: str, seen: Seen, how: tuple[PictureOptions, dict[str, str]]) -> Picture:
    options, colors = how
    case = cohort.cases[row]
    pixels, why = _pixels(case, view)
    if pixels is None:
        return Picture(view, why=why)
    heat = tuple(heat_uri(maps[view].values) for maps in seen.heat.get(case.id, {}).values() if view in maps)
    marks = (*_true_marks(cohort, row, view, colors), *_found_marks(seen, row, view, how))
    size = pixels.shape[1], pixels.shape[0]
    shown = picture_uri(shrink(pixels, round(options.height * SHARPER)).pixels, MOST_BYTES)
    return Picture(view, size, shown, heat, marks, tuple(_of_view(seen, row, view)))


def _pixels(case: Case, view: str) -> tuple[Array | None, str]:
    if view not in case.views:
        return None, "no such view"
    try:
        return case.views[view].read(), ""
    except DataError as error:  # one picture that cannot be read is said, and the others shown
        return None, str(error)


def _of_view(seen: Seen, row: int, view: str) -> Iterator[str]:
    for task, output in seen.outputs.items():
        if output.spec.level is Level.VIEW and view in output.spec.views and output.scores is not None:
            column = output.spec.views.index(view)
            yield from _said(task, output, output.scores[row, column], bool(output.present[row, column]))


def _true_marks(cohort: Cohort, row: int, view: str, colors: Mapping[str, str]) -> Iterator[Mark]:
    if cohort.annotations is None or view not in cohort.views:
        return
    boxes, labels = cohort.annotations.of_view(row, cohort.views.index(view))
    for box, label in zip(boxes, labels, strict=True):
        name = cohort.annotations.classes[label]
        yield Mark(_corners(box), colors[name], f"true: {_words(name)}", True)


def _found_marks(seen: Seen, row: int, view: str, how: tuple[PictureOptions, dict[str, str]]) -> Iterator[Mark]:
    options, colors = how
    for output in seen.outputs.values():
        found, views = output.detections, output.spec.views
        if found is None or view not in views:
            continue
        rows = np.arange(len(found))[found.of(row * len(views) + views.index(view))]
        best = rows[np.argsort(-found.scores[rows], kind="stable")][: options.boxes]
        for k in best[found.scores[best] >= options.least]:
            name = output.spec.classes[found.labels[k]]
            yield Mark(_corners(found.boxes[k]), colors[name], f"{_words(name)} {found.scores[k]:.2f}", False)


def _corners(box: Array) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(float(edge), 1) for edge in box)
    return x0, y0, x1, y1


def _words(name: str) -> str:
    return name.replace("_", " ")
