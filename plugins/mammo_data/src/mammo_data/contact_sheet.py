"""A contact sheet: exams side by side as a radiologist hangs them, with boxes, for the eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mammo_data.images import breast_mask, laterality_of, prepare
from mammo_data.synthetic import DENSITIES, PATHOLOGIES, SyntheticConfig, SyntheticExam, generate_exam
from taskfusion.errors import DataError

#: Wong's palette, safe for colour-blind readers, as BGR.
COLOURS = {
    "benign_calcification": (233, 180, 86),
    "benign_mass": (178, 114, 0),
    "malignant_calcification": (66, 228, 240),
    "malignant_mass": (0, 94, 213),
}
HANGING = (("R-CC", "L-CC"), ("R-MLO", "L-MLO"))
CAPTION = 26
LEGEND_ENTRY = 180  # pixels that the longest name needs
MASK_NAME = "breast mask"
#: Bluish green and reddish purple of the same palette, which are no lesion's.
OUTLINE, BOX = (115, 158, 0), (167, 121, 204)


def draw_exam(exam: SyntheticExam, boxes: bool = True) -> np.ndarray:
    """One exam, CC then MLO, chest walls to the middle, with a caption: uint8 BGR (height + 26, 4 x width, 3)."""
    views = [_draw_view(exam, view, boxes) for pair in HANGING for view in pair]
    strip = np.hstack(views)
    caption = np.zeros((CAPTION, strip.shape[1], 3), np.uint8)
    facts = exam.facts
    text = f"SYNTHETIC  seed {facts.seed} exam {facts.index}  density {DENSITIES[facts.density]}"
    text += f"  {PATHOLOGIES[facts.pathology]}  age {facts.age:.0f}"
    cv2.putText(caption, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (220, 220, 220), 1, cv2.LINE_AA)
    return np.vstack([strip, caption])


def _draw_view(exam: SyntheticExam, view: str, boxes: bool) -> np.ndarray:
    grey = (exam.images[view] >> 8).astype(np.uint8)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for lesion in exam.lesions if boxes else ():
        if lesion.view == view:
            x0, y0, x1, y1 = (round(v) for v in lesion.box)
            cv2.rectangle(picture, (x0, y0), (x1, y1), COLOURS[lesion.label], 1)
    return picture


def legend(width: int, mask: bool = False) -> np.ndarray:
    """The colours' names, on request that of the mask's outline too, in as many rows as they need: uint8 BGR."""
    colours = {**COLOURS, MASK_NAME: OUTLINE} if mask else COLOURS
    columns = min(len(colours), max(1, (width - 8) // LEGEND_ENTRY))
    strip = np.zeros((CAPTION * -(-len(colours) // columns), width, 3), np.uint8)
    for number, (label, colour) in enumerate(colours.items()):
        left, top = 8 + number % columns * (width - 8) // columns, number // columns * CAPTION
        cv2.rectangle(strip, (left, top + 6), (left + 14, top + 20), colour, -1)
        text = label.replace("_", " ")
        cv2.putText(strip, text, (left + 20, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (220, 220, 220), 1, cv2.LINE_AA)
    return strip


def contact_sheet(exams: Sequence[SyntheticExam], boxes: bool = True) -> np.ndarray:
    """All exams, one below the other, under a legend: uint8 BGR."""
    if not exams:
        raise DataError("a contact sheet needs at least one exam")
    strips = [draw_exam(exam, boxes) for exam in exams]
    return np.vstack([legend(strips[0].shape[1]), *strips])


def write_contact_sheet(
    path: Path, seed: int = 0, count: int = 4, config: SyntheticConfig | None = None, boxes: bool = True
) -> None:
    """Draw the first ``count`` exams of the cohort ``seed`` to a PNG file."""
    sheet = contact_sheet([generate_exam(seed, index, config) for index in range(count)], boxes)
    encoded = cv2.imencode(".png", sheet)[1]
    path.write_bytes(encoded.tobytes())


def draw_views(
    views: Mapping[str, np.ndarray], height: int, boxes: Mapping[str, np.ndarray] | None = None, turned: bool = False
) -> np.ndarray:
    """Views as they are prepared for a model, with the outline of the breast mask: uint8 BGR (height, …, 3).

    Args:
        views: name to (height, width) grey values of any range, hung natively.
        height: of the picture in pixels.
        boxes: name to (k, 4) xyxy in pixels of the view as given.
        turned: cleaned, cut and turned as :func:`mammo_data.images.prepare` does, chest walls all at the left, instead
            of as given.
    """
    panels = [
        _draw_outlined(name, views[name], height, (boxes or {}).get(name, np.zeros((0, 4))), turned)
        for pair in HANGING
        for name in pair
        if name in views
    ]
    if not panels:
        raise DataError(f"no view to draw; expected some of {', '.join(name for pair in HANGING for name in pair)}")
    return np.hstack(panels)


def outline_mask(picture: np.ndarray, pixels: np.ndarray, move: Callable[[np.ndarray], np.ndarray]) -> None:
    """Draw the outline of the breast mask of an image into a picture of it.

    Args:
        picture: uint8 BGR, changed.
        pixels: (height, width) the image.
        move: from points (n, 2) x, y of the image to those of the picture.
    """
    lines, _ = cv2.findContours(breast_mask(pixels).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for line in lines:
        moved = move(line[:, 0] + 0.5) - 0.5
        cv2.polylines(picture, [np.round(moved).astype(np.int32)], True, OUTLINE, 1)


def _draw_outlined(name: str, pixels: np.ndarray, height: int, boxes: np.ndarray, turned: bool) -> np.ndarray:
    width = round(height * (0.75 if turned else pixels.shape[1] / pixels.shape[0]))
    image, placement = prepare(pixels, (height, width), laterality_of(name), crop=turned)
    if not turned:
        scaled = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        image = np.clip(scaled / max(float(np.quantile(scaled, 0.995)), 1e-6), 0, 1)
    picture = cv2.cvtColor(np.round(255 * image).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    zoom = np.array([width / pixels.shape[1], height / pixels.shape[0]])
    outline_mask(picture, pixels, placement.points_to_prepared if turned else lambda points: points * zoom)
    for box in placement.to_prepared(boxes) if turned else np.asarray(boxes) * np.tile(zoom, 2):
        x0, y0, x1, y1 = (round(float(edge)) for edge in box)
        cv2.rectangle(picture, (x0, y0), (x1, y1), BOX, 1)
    cv2.putText(picture, name, (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (220, 220, 220), 1, cv2.LINE_AA)
    return picture
