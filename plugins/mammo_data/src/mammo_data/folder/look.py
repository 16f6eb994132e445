"""Contact sheets of a cohort: exams hung as radiologists hang them, with their lesions' boxes, for the eye."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import attrs
import cv2
import numpy as np

from mammo_data.contact_sheet import BOX, CAPTION, COLOURS, HANGING, legend, outline_mask
from mammo_data.synthetic import DENSITIES
from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.files import replacing

PER_SHEET = 6
WIDEST = 1.0  # of a view, in heights
WHITE = (220, 220, 220)
LETTER = 8
"""Pixels that a letter is wide, at most, on average."""
ENDINGS = (".png", ".jpg", ".jpeg")
"""A JPEG takes a tenth of the room."""


@attrs.frozen
class Choice:
    """Which exams.

    Attributes:
        count: how many, evenly taken from those that fit.
        ids: these, whatever else is asked.
        label: only with a lesion of this class.
        split: only of this split.
        seed: draw them at random instead of evenly.
    """

    count: int = 8
    ids: tuple[str, ...] = ()
    label: str | None = None
    split: str | None = None
    seed: int | None = None


@attrs.frozen
class Drawing:
    """How they are drawn.

    Attributes:
        height: of a view in pixels.
        boxes: whether lesions are marked, in the colour of their class.
        mask: whether the outline of the breast mask is drawn, as :func:`mammo_data.images.breast_mask` finds it.
    """

    height: int = 320
    boxes: bool = True
    mask: bool = False


DRAWING = Drawing()


def chosen_rows(cohort: Cohort, choice: Choice) -> list[int]:
    """Row numbers of the cases to show.

    Raises:
        UnknownNameError: an id or class that is not there.
        DataError: nothing fits.
    """
    if choice.ids:
        numbers = {case: row for row, case in enumerate(cohort.ids)}
        for name in choice.ids:
            if name not in numbers:
                raise UnknownNameError.of("case", name, numbers)
        return [numbers[name] for name in choice.ids]
    fitting = np.flatnonzero(_fits(cohort, choice))
    if not len(fitting):
        asked = [f"{name} {value}" for name in ("label", "split") if (value := getattr(choice, name)) is not None]
        raise DataError(f"{cohort.name} has no case of {' and '.join(asked)}")
    count = min(choice.count, len(fitting))
    if choice.seed is not None:
        return sorted(np.random.default_rng(choice.seed).choice(fitting, count, replace=False).tolist())
    return [int(fitting[k]) for k in np.linspace(0, len(fitting) - 1, count).round().astype(int)]


def _fits(cohort: Cohort, choice: Choice) -> np.ndarray:
    fits = np.ones(len(cohort), bool)
    if choice.label is not None:
        known = cohort.annotations.classes if cohort.annotations is not None else ()
        if choice.label not in known:
            raise UnknownNameError.of("lesion class", choice.label, known)
        fits &= cohort.view_labels([choice.label]).any(axis=1)
    if choice.split is not None:
        fits &= np.isin(np.arange(len(cohort)), cohort.rows(choice.split))
    return fits


def write_sheets(cohort: Cohort, choice: Choice, path: Path, drawing: Drawing = DRAWING) -> list[Path]:
    """Write the chosen exams as files ``look.png``, ``look-2.png`` …, six exams each.

    Args:
        cohort: any whose views are named as those of a mammogram.
        choice: which exams.
        path: of the first sheet: PNG or JPEG.
        drawing: how they are drawn.

    Returns:
        The files.

    Raises:
        DataError: another ending; nothing to show.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: expected a name that ends in {' or '.join(ENDINGS)}")
    rows = chosen_rows(cohort, choice)
    paths = []
    for number, start in enumerate(range(0, len(rows), PER_SHEET), 1):
        strips = [draw_case(cohort, row, drawing) for row in rows[start : start + PER_SHEET]]
        paths.append(path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}"))
        encoded = cv2.imencode(path.suffix.lower(), stacked(strips, cohort.notice, drawing.mask))[1]
        with replacing(paths[-1]) as temporary:
            temporary.write_bytes(encoded.tobytes())
    return paths


def stacked(strips: Sequence[np.ndarray], notice: str, mask: bool = False) -> np.ndarray:
    """Strips one below the other, under the colours' names and the notice: uint8 BGR."""
    width = max(strip.shape[1] for strip in strips)
    wide = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips]
    lines = [_caption(line, width) for line in textwrap.wrap(notice, width // LETTER)]
    return np.vstack([legend(width, mask), *lines, *wide])


def draw_case(cohort: Cohort, row: int, drawing: Drawing) -> np.ndarray:
    """One case, CC then MLO, chest walls to the middle, with a caption: uint8 BGR."""
    case = cohort.cases[row]
    drawn = [_draw_view(cohort, row, name, drawing) for pair in HANGING for name in pair]
    width = max((one.shape[1] for one in drawn if not isinstance(one, str)), default=3 * drawing.height // 4)
    strip = np.hstack([_says(one, drawing.height, width) if isinstance(one, str) else one for one in drawn])
    return np.vstack([strip, _caption(caption_of(cohort, row, case), strip.shape[1])])


def caption_of(cohort: Cohort, row: int, case: Case) -> str:
    """``case  density b  lesion yes  malignancy no  train``."""
    parts = [case.id]
    for name in cohort.labels:
        value = int(cohort.labels[name][row])
        known = DENSITIES[value] if name == "density" and 0 <= value < len(DENSITIES) else ("no", "yes", "?")[value]
        parts.append(f"{name} {known}")
    return "  ".join(parts if cohort.split is None else [*parts, str(cohort.split[row])])


def _draw_view(cohort: Cohort, row: int, name: str, drawing: Drawing) -> np.ndarray | str:
    """The picture, or why there is none."""
    case = cohort.cases[row]
    if name not in case.views:
        return f"no {name}"
    try:
        pixels = case.views[name].read()
    except DataError as error:
        return f"{name}: {error}"
    zoom = min(drawing.height / pixels.shape[0], WIDEST * drawing.height / pixels.shape[1])
    picture = _shown(pixels, zoom)
    if drawing.mask:
        outline_mask(picture, pixels, lambda points: points * zoom)
    if drawing.boxes and cohort.annotations is not None:
        found, labels = cohort.annotations.of_view(row, cohort.views.index(name))
        for box, label in zip(found, labels, strict=True):
            x0, y0, x1, y1 = (round(float(edge) * zoom) for edge in box)
            colour = COLOURS.get(cohort.annotations.classes[label], BOX)
            cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
    return np.pad(picture, ((0, drawing.height - picture.shape[0]), (0, 0), (0, 0)))


def _shown(pixels: np.ndarray, zoom: float) -> np.ndarray:
    """8 bits from the film's darkest to its brightest grey but for the last half percent, as BGR."""
    size = (max(1, round(pixels.shape[1] * zoom)), max(1, round(pixels.shape[0] * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels.astype(np.float32), size, interpolation=how)
    low, high = np.quantile(small, (0.0, 0.995))
    grey = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    return cv2.cvtColor((255 * grey).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def _says(text: str, height: int, width: int) -> np.ndarray:
    """A grey panel in place of a view."""
    panel = np.full((height, width, 3), 40, np.uint8)
    _write(panel, text[: width // LETTER], height // 2)
    return panel


def _caption(text: str, width: int) -> np.ndarray:
    strip = np.zeros((CAPTION, width, 3), np.uint8)
    _write(strip, text, 18)
    return strip


def _write(picture: np.ndarray, text: str, down: int) -> None:
    readable = text.encode("ascii", "replace").decode()  # OpenCV's letters
    cv2.putText(picture, readable, (8, down), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
