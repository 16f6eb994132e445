"""One exam of a cohort folder: its images, then ``exam.json``, which says that all of it is there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mammo_data.folder.layout import EXAM, FORMAT, exam_folder, is_signed
from mammo_data.folder.pixels import pixel_hash, read_grey, reads_alike
from mammo_data.folder.plain import plain
from mammo_data.parallel import stop_where_abandoned
from mammo_data.records import ExamPlan, ExamRecord, Skipped, ViewRecord
from taskfusion.errors import DataError
from taskfusion.files import read_json, write_json
from taskfusion.images import short_hash, write_png


@attrs.frozen
class StoredExam:
    """What ``exam.json`` says.

    Attributes:
        id: of the plan.
        fingerprint: of plan, files and options it was made from.
        case: the exam as JSON data; None where it could not be used.
        skipped: what of it was left out.
    """

    id: str
    fingerprint: str
    case: Mapping[str, Any] | None
    skipped: tuple[Skipped, ...] = ()


def fingerprint_of(plan: ExamPlan, options: Mapping[str, Any]) -> str:
    """Changes when a file of the exam does (size, time of change, there or not), its plan, or an option."""
    files = [(str(path.absolute()), *_state(path)) for path in plan.files]
    return short_hash("exam", FORMAT, plan.id, files, plain(plan.payload), plain(options))


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def write_exam(folder: Path, stored: StoredExam, pixels: Mapping[str, np.ndarray]) -> None:
    """Write the images, then the record; an older exam of this id goes first, its record before all.

    Raises:
        OSError: a disk that is full, a folder that may not be written.
    """
    place = exam_folder(folder, stored.id)
    (place / EXAM).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    views = {view["name"]: view for view in (stored.case or {}).get("views", ())}
    for name, image in pixels.items():
        path = place / f"{name}.png"
        write_png(path, image)
        views[name]["bytes"] = path.stat().st_size
    write_json(place / EXAM, attrs.asdict(stored))


def read_exam(folder: Path, exam: str) -> StoredExam | None:
    """What is there of an exam; None where it is not, or not wholly."""
    try:
        data = read_json(exam_folder(folder, exam) / EXAM)
        skipped = tuple(Skipped(**entry) for entry in data.pop("skipped"))
        return StoredExam(**data, skipped=skipped)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_finished(folder: Path, exam: str, fingerprint: str, again: bool = False) -> bool:
    """Whether the exam is there, made from the same, with every image of the size it was written with.

    Args:
        folder: of the cohort.
        exam: its id.
        fingerprint: of what it would be made from now.
        again: not where something of it was skipped.
    """
    stored = read_exam(folder, exam)
    if stored is None or stored.fingerprint != fingerprint or (again and stored.skipped):
        return False
    views = (stored.case or {}).get("views", ())
    return all(_state(image_path(folder, view))[0] == view["bytes"] for view in views if view["stored"])


def image_path(folder: Path, view: Mapping[str, Any]) -> Path:
    """Where a view's image is; paths inside the folder are relative to it."""
    return folder / view["path"]


def described(record: ExamRecord, exam: str, in_place: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """An exam as JSON data, and the pixels that must be stored.

    Args:
        record: as a source read it.
        exam: id of the plan, which must be the record's.
        in_place: leave an image where it is, if the file alone gives the same pixels.

    Raises:
        DataError: pixels that are not uint16 (height, width), or that cannot be read where they were left.
    """
    if record.id != exam:
        raise DataError(f"the plan of exam {exam!r} gave exam {record.id!r}; expected the same id")
    found = [_view(view, exam, in_place) for view in record.views]
    case = {
        "id": record.id,
        "group": record.group,
        "split": record.split,
        "labels": record.labels,
        "annotated": record.annotated,
        "metadata": plain(record.metadata),
        "views": [data for data, _ in found],
        "lesions": [{**plain(attrs.asdict(lesion)), "label": lesion.label} for lesion in record.lesions],
    }
    return case, {data["name"]: pixels for data, pixels in found if data["stored"]}


def _view(view: ViewRecord, exam: str, in_place: bool) -> tuple[dict[str, Any], np.ndarray]:
    pixels = read_grey(view.path) if view.pixels is None else view.pixels
    if pixels.ndim != 2 or pixels.dtype != np.uint16 or 0 in pixels.shape:
        raise DataError(
            f"view {view.name!r} has pixels of {pixels.dtype} and shape {pixels.shape}; expected uint16 (height, width)"
        )
    left = view.pixels is None or (in_place and reads_alike(view.path, pixels))
    data = {
        "name": view.name,
        "path": str(view.path.absolute()) if left else f"images/{exam}/{view.name}.png",
        "stored": not left,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "sha256": pixel_hash(pixels),
        "source": str(view.path),
        "details": plain(view.details),
    }
    return data, pixels


def process_exam(source: Any, plan: ExamPlan, folder: Path, work: Work) -> tuple[Skipped, ...]:
    """Read one exam and write it, also where nothing of it can be used; in whatever process.

    Returns:
        What was skipped.
    """
    work.stop_where_abandoned(folder)
    stored, pixels = _read(source, plan, work)
    work.stop_where_abandoned(folder)
    write_exam(folder, stored, pixels)
    return stored.skipped


@attrs.frozen
class Work:
    """What a worker must know besides the exam.

    Attributes:
        options: of the source, for the fingerprint.
        in_place: leave images where they are, where that can be.
        leader: id of the process that hands out the work, of workers on its machine; 0 for those of a cluster.
        sign: under which that leader works on the folder, for the workers of a cluster.
    """

    options: Mapping[str, Any]
    in_place: bool
    leader: int
    sign: str = ""

    def stop_where_abandoned(self, folder: Path) -> None:
        """A worker whose leader was killed must not write into a folder that the next leader works on.

        Raises:
            DataError: on a cluster, where nobody hears it.
        """
        if self.leader:
            stop_where_abandoned(self.leader)
        elif not is_signed(folder, self.sign):
            raise DataError(f"{folder} is no longer worked on by the process that asked for this")


def _read(source: Any, plan: ExamPlan, work: Work) -> tuple[StoredExam, dict[str, np.ndarray]]:
    fingerprint = fingerprint_of(plan, work.options)  # before reading: a file that changes meanwhile is read again
    skipped: Sequence[Skipped] = ()
    try:
        record, skipped = source.read(plan)
        case, pixels = described(record, plan.id, work.in_place) if record is not None else (None, {})
    except DataError as error:
        case, pixels, skipped = None, {}, (*skipped, Skipped(plan.id, str(error)))
    except Exception as error:  # one exam that a reader stumbles over must not stop the thousands after it
        text = f"the reader failed: {type(error).__name__}: {error}"
        case, pixels, skipped = None, {}, (*skipped, Skipped(plan.id, text, "reader failed"))
    if case is None and not skipped:
        skipped = (Skipped(plan.id, "the reader gave neither an exam nor a reason", "reader failed"),)
    return StoredExam(plan.id, fingerprint, case, tuple(skipped)), pixels
