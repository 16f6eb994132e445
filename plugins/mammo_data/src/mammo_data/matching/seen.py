"""What is left of an exam after its films have been looked at: labels and fingerprints, in memory or in a small file.

A file holds JSON and pictures and runs no code. Its key tells whether the exam's own files have changed meanwhile.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mammo_data.folder.exam import fingerprint_of as state_of
from mammo_data.folder.plain import plain
from mammo_data.images import Placement
from mammo_data.matching.fingerprint import SIZE, Fingerprint, vector_of
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, Skipped, ViewRecord
from taskfusion.files import is_folder_name, replacing
from taskfusion.images import short_hash
from taskfusion.plugins import version_of

FORMAT = 1
"""Raise when a film would be seen otherwise."""
ENDING = ".npz"
SAID = "said"
LONGEST_NAME = 200


@attrs.frozen(eq=False)
class Seen:
    """An exam that has been looked at.

    Attributes:
        record: without pixels; a view's details are its ``size``, height and width. None: it cannot be used.
        prints: view to fingerprint; for each view of the record.
        skipped: what of it cannot be used.
    """

    record: ExamRecord | None
    prints: Mapping[str, Fingerprint] = attrs.field(factory=dict)
    skipped: tuple[Skipped, ...] = ()


@attrs.frozen
class Drawer:
    """A folder with what was seen of one database, a file an exam.

    Attributes:
        folder: None: nothing is kept.
        settings: of the source; with others everything is looked at again.
    """

    folder: Path | None
    settings: Any = None

    def key(self, plan: ExamPlan) -> str:
        """Changes when a file of the exam does: size, time of change, there or not."""
        return state_of(plan, {"look": FORMAT, "source": self.settings, "mammo-data": version_of("mammo-data")})

    def get(self, plan: ExamPlan, again: bool = False) -> Seen | None:
        """What was seen; None where that must be done (again), also of a damaged file."""
        if self.folder is None:
            return None
        try:
            key, seen = unpacked(self._path(plan.id).read_bytes())
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        return None if key != self.key(plan) or (again and seen.skipped) else seen

    def put(self, plan: ExamPlan, packed: bytes) -> None:
        """Keep what :func:`pack` made; the file is there whole or not at all."""
        if self.folder is not None:
            with replacing(self._path(plan.id)) as temporary:
                temporary.write_bytes(packed)

    def forget_others(self, plans: Iterable[ExamPlan]) -> None:
        """Remove what belongs to none of these."""
        if self.folder is not None and self.folder.is_dir():
            known = {self._path(plan.id) for plan in plans}
            for path in self.folder.iterdir():
                if path not in known and path.is_file():
                    path.unlink()

    def _path(self, exam: str) -> Path:
        assert self.folder is not None  # its callers have looked
        name = exam if is_folder_name(exam) and len(exam) <= LONGEST_NAME else short_hash(exam)
        return self.folder / f"{name}{ENDING}"


def pack(key: str, seen: Seen) -> bytes:
    """As a file's content: the same for the same."""
    record = None if seen.record is None else attrs.asdict(seen.record)
    prints = {
        view: {"placement": attrs.asdict(one.placement), "shrunk": one.shrunk} for view, one in seen.prints.items()
    }
    said = {"key": key, "record": record, "prints": prints, "skipped": [attrs.asdict(one) for one in seen.skipped]}
    text = json.dumps(plain(said), sort_keys=True).encode()
    file = io.BytesIO()
    arrays: dict[str, Any] = {view: one.picture for view, one in seen.prints.items()}
    arrays[SAID] = np.frombuffer(text, np.uint8)
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> tuple[str, Seen]:
    """Key and content.

    Raises:
        ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error: a damaged file.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        said = json.loads(arrays[SAID].tobytes())
        prints = {view: _print(arrays[view], own) for view, own in said["prints"].items()}
    record = None if said["record"] is None else _record(said["record"])
    return said["key"], Seen(record, prints, tuple(Skipped(**one) for one in said["skipped"]))


def _print(picture: np.ndarray, said: Mapping[str, Any]) -> Fingerprint:
    if picture.shape != SIZE or picture.dtype != np.uint8:
        raise ValueError(f"a picture is {picture.dtype} {picture.shape}")
    across, down = said["shrunk"]
    return Fingerprint(picture, vector_of(picture), Placement(**said["placement"]), (across, down))


def _record(said: Mapping[str, Any]) -> ExamRecord:
    views = tuple(ViewRecord(**{**one, "path": Path(one["path"])}) for one in said["views"])
    lesions = tuple(LesionRecord(**one) for one in said["lesions"])
    return ExamRecord(**{**said, "views": views, "lesions": lesions})
