"""Detections in COCO's JSON become the frame that task ``table`` makes of CSV and Parquet.

Both usual forms are read: a list of results (``image_id``, ``category_id``, ``bbox``, ``score``) beside a file that
lists images and categories, and one file with everything, whose annotations have scores. Entries are counted from 1.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from taskfusion.errors import DataError, SpecError, did_you_mean
from taskfusion.imagefiles import case_and_view
from taskfusion.images import Array
from taskfusion.tasks.table_answers import Answers, TableConfig, index_frame

if TYPE_CHECKING:
    import pandas as pd

SCORELESS = "; annotations without scores are the truth, not predictions"
LARGEST = float(np.finfo(np.float32).max)


@attrs.frozen
class Listed:
    """What a COCO file lists: images as id to (case, view), categories as id to name, and what to call the file."""

    images: Mapping[Any, tuple[str, str]]
    categories: Mapping[Any, str]
    source: str


def index_coco(config: TableConfig) -> Answers:
    """Read COCO detections and turn them into answers.

    Raises:
        SpecError: options that are for CSV and Parquet.
        DataError: naming file and entry of what cannot be used.
    """
    check_options(config)
    config.check()
    frame, classes = coco_frame(config)
    return index_frame(as_table(config, classes), frame, str(config.path))


def check_options(config: TableConfig) -> None:
    """Refuse what COCO's JSON has no place for.

    Raises:
        SpecError: saying which option.
    """
    if config.level != "detection":
        raise SpecError(f"task 'table': JSON holds COCO detections; expected level: detection, not {config.level}")
    defaults = TableConfig()
    for name in ("case", "view", "box", "label"):
        if getattr(config, name) != getattr(defaults, name):
            raise SpecError(f"task 'table': {name} is for CSV and Parquet; COCO's JSON has its own names")
    if config.view_key and not config.case_key:
        raise SpecError("task 'table': view_key needs case_key, the key of the image that holds the case")
    if not config.view_key and not config.views:
        raise SpecError(
            "task 'table' needs views, to find them at the end of the images' file names; "
            "or view_key and case_key, the keys of an image that hold them"
        )


def as_table(config: TableConfig, classes: Sequence[str]) -> TableConfig:
    """The configuration that reads the frame of :func:`coco_frame`, where a feature vector is several columns."""
    return attrs.evolve(
        config, classes=tuple(classes), features=tuple(f"{glob.escape(key)}/*" for key in config.features)
    )


def coco_frame(config: TableConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row per detection and per image without any, and the classes.

    Raises:
        DataError: naming file and entry of what cannot be used.
    """
    import pandas as pd

    found, listed = _parts(config)
    classes = config.classes or tuple(sorted(set(listed.categories.values())))
    detections = [_Detection(config, listed, entry, number) for number, entry in enumerate(found, 1)]
    used = {entry["image_id"] for entry in found}
    silent = [place for image, place in listed.images.items() if image not in used]
    places = [*(listed.images[entry["image_id"]] for entry in found), *silent]
    rest = len(silent)
    columns: dict[str, Any] = {
        "case": [case for case, _ in places],
        "view": [view for _, view in places],
        "label": [d.label(classes) for d in detections] + [""] * rest,
        config.score: [d.score() for d in detections] + [np.nan] * rest,
    }
    boxes = np.array([d.box() for d in detections]).reshape(-1, 4)
    columns |= dict(zip(config.box, _filled(boxes, rest).T, strict=True))
    for key in config.features:
        vectors = _filled(_vectors(detections, key, str(config.path)), rest)
        columns |= {f"{key}/{k}": vectors[:, k] for k in range(vectors.shape[1])}
    numbers = [*range(1, len(found) + 1), *[0] * rest]
    return pd.DataFrame(columns, index=pd.Index(numbers, name="detection")), classes


@attrs.frozen
class _Detection:
    """One entry, checked where it is taken apart."""

    config: TableConfig
    listed: Listed
    entry: Any
    number: int

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.entry, dict):
            raise self.wrong(f"is {self.entry!r}; expected a mapping with image_id, category_id, bbox and score")
        keys = ("image_id", "category_id", "bbox", self.config.score, *self.config.features)
        for key in keys:
            if key not in self.entry:
                hint = SCORELESS if key == self.config.score else ""
                raise self.wrong(f"has no {key!r}{did_you_mean(key, map(str, self.entry))}{hint}")
        image, images, source = self.entry["image_id"], self.listed.images, self.listed.source
        if not _is_id(image) or image not in images:
            raise self.wrong(f"has image_id {image!r}, which is none of the {len(images)} images of {source}")

    def wrong(self, why: str) -> DataError:
        """The error that names file and entry."""
        return DataError(f"{self.config.path}, detection {self.number} {why}")

    def label(self, classes: Sequence[str]) -> str:
        """The name of its category."""
        key, categories = self.entry["category_id"], self.listed.categories
        if not _is_id(key) or key not in categories:
            known = ", ".join(f"{k} ({name})" for k, name in categories.items())
            raise self.wrong(f"has category_id {key!r}, which {self.listed.source} does not list; known: {known}")
        if categories[key] not in classes:
            raise self.wrong(f"has category {categories[key]!r}; expected one of {', '.join(classes)}")
        return categories[key]

    def score(self) -> float:
        """Within 0 and 1."""
        value = self.entry[self.config.score]
        if not (_is_number(value) and 0 <= value <= 1):
            raise self.wrong(f"has {self.config.score} {value!r}; expected a score from 0 to 1")
        return float(value)

    def box(self) -> tuple[float, float, float, float]:
        """COCO's x, y, width, height as xmin, ymin, xmax, ymax."""
        value = self.entry["bbox"]
        if not (isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))):
            raise self.wrong(f"has bbox {value!r}; expected four finite numbers: x, y, width, height")
        x, y, width, height = map(float, value)
        box = np.array([x, y, x + width, y + height], np.float32)
        if not (box[2:] > box[:2]).all():
            raise self.wrong(f"has bbox {value!r}; expected width and height above 0")
        return x, y, x + width, y + height

    def vector(self, key: str) -> list[float]:
        """A feature: a list of numbers, or one number."""
        value = self.entry[key]
        items = value if isinstance(value, list) else [value]
        if not (items and all(map(_is_number, items))):
            raise self.wrong(f"has {key} {value!r}; expected finite numbers")
        return [float(item) for item in items]


def _vectors(detections: Sequence[_Detection], key: str, source: str) -> Array:
    """Feature vectors ``(detections, length)``, all of one length."""
    if not detections:
        raise DataError(f"{source} has no detection, so nobody knows how long a {key!r} is; leave out features")
    vectors = [detection.vector(key) for detection in detections]
    size = len(vectors[0])
    for detection, vector in zip(detections, vectors, strict=True):
        if len(vector) != size:
            raise detection.wrong(f"has a {key} of {len(vector)} numbers; expected {size}, as in detection 1")
    return np.array(vectors)


def _filled(values: Array, rest: int) -> Array:
    """Rows of NaN below."""
    return np.concatenate([values, np.full((rest, values.shape[1]), np.nan)])


def _parts(config: TableConfig) -> tuple[list[Any], Listed]:
    """The detections, and what is listed of images and categories."""
    assert config.path is not None  # a configuration without a path is never COCO
    data = _read(config.path)
    if isinstance(data, list):
        if config.coco is None:
            raise DataError(
                f"{config.path} is a list of results; name the file that lists images and categories, as coco: FILE"
            )
        return data, _listed(config, _read(config.coco), str(config.coco))
    if not isinstance(data, dict):
        raise DataError(f"{config.path} holds {type(data).__name__}; expected COCO's list of results, or a COCO file")
    if config.coco is not None:
        raise DataError(f"{config.path} lists images and categories itself; leave out coco")
    return _entries(data, "annotations", str(config.path)), _listed(config, data, str(config.path))


def _listed(config: TableConfig, data: Any, source: str) -> Listed:
    return Listed(_images(config, _entries(data, "images", source), source), _categories(data, source), source)


def _images(config: TableConfig, entries: Sequence[Any], source: str) -> dict[Any, tuple[str, str]]:
    """Image id to (case, view)."""
    places: dict[Any, tuple[str, str]] = {}
    first: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries, 1):
        key = _new_id(places, entry, f"{source}, image {number}")
        place = _place(config, entry, f"{source}, image {number}")
        if place in first:
            case, view = place
            raise DataError(f"{source}, images {first[place]} and {number} are both view {view!r} of case {case!r}")
        places[key], first[place] = place, number
    found = sorted({view for _, view in places.values()})
    if not places:
        raise DataError(f"{source} lists no images")
    if config.views and not set(config.views) & set(found):
        raise DataError(f"{source}: no image is of view {', '.join(config.views)}; found: {', '.join(found)}")
    return places


def _place(config: TableConfig, entry: Any, where: str) -> tuple[str, str]:
    """Case and view of an image: what its keys say, else its file name."""
    if config.case_key and config.view_key:
        return _text(entry, config.case_key, where), _text(entry, config.view_key, where)
    name = _text(entry, "file_name", where)
    named = case_and_view(Path(name), config.views)
    if named is None:
        raise DataError(f"{where}: file name {name!r} ends in none of the views {', '.join(config.views)}")
    return (_text(entry, config.case_key, where) if config.case_key else named[0]), named[1]


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not _is_id(value) or value == "":
        hint = did_you_mean(key, entry) if key not in entry else ""
        raise DataError(f"{where} has {key} {value!r}; expected text or a whole number{hint}")
    return str(value)


def _categories(data: Any, source: str) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for number, entry in enumerate(_entries(data, "categories", source), 1):
        key = _new_id(names, entry, f"{source}, category {number}")
        name = _text(entry, "name", f"{source}, category {number}")
        if name in names.values():
            raise DataError(f"{source}: two categories are called {name!r}")
        names[key] = name
    if not names:
        raise DataError(f"{source} lists no categories")
    return names


def _new_id(known: Mapping[Any, Any], entry: Any, where: str) -> Any:
    if not isinstance(entry, dict):
        raise DataError(f"{where} is {entry!r}; expected a mapping with an id")
    key = entry.get("id")
    if not _is_id(key):
        raise DataError(f"{where} has id {key!r}; expected a whole number or text")
    if key in known:
        raise DataError(f"{where} has id {key!r}, which another one has too")
    return key


def _entries(data: Any, key: str, source: str) -> list[Any]:
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list):
        known = did_you_mean(key, map(str, data)) if isinstance(data, dict) else ""
        raise DataError(f"{source} has no list {key!r}{known}")
    return found


def _read(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"table not found: {path}")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        cut = "; the file seems to be cut short" if not error.doc[error.pos :].strip() else ""
        raise DataError(f"{path} is not JSON: {error}{cut}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"table not readable: {path}: {error}") from error


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Finite as float32 too; true and false are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
