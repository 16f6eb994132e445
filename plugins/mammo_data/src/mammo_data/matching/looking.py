"""Look at every film of a database once: in parallel, few in memory, killed at any point and going on where it was."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mammo_data.folder.plain import plain
from mammo_data.matching.fingerprint import Fingerprint, fingerprint_of
from mammo_data.matching.seen import Drawer, Seen, pack, unpacked
from mammo_data.parallel import in_order, stop_where_abandoned
from mammo_data.records import ExamPlan, ExamRecord, ExamSource, Skipped
from mammo_data.survey import Desk
from taskfusion.errors import DataError


@attrs.frozen(eq=False)
class LookedAt:
    """An exam without its pixels.

    Attributes:
        plan: by which it is read again.
        record: a view's details are its ``size``.
        prints: view to fingerprint.
        skipped: what of it cannot be used.
    """

    plan: ExamPlan
    record: ExamRecord
    prints: Mapping[str, Fingerprint]
    skipped: tuple[Skipped, ...]

    @property
    def category(self) -> str:
        """As its details say: normal, benign, benign_without_callback or cancer; empty where they do not."""
        return str(self.record.details.get("category") or "")

    def size(self, view: str) -> tuple[int, int]:
        """Height and width of a view."""
        height, width = next(one.details["size"] for one in self.record.views if one.name == view)
        return height, width


@attrs.frozen(eq=False)
class Looked:
    """A database that has been looked at.

    Attributes:
        found: how many exams it has.
        exams: those that can be used.
        skipped: what belongs to none of them, with the exam's id or "".
    """

    found: int
    exams: tuple[LookedAt, ...]
    skipped: tuple[tuple[str, Skipped], ...]


@attrs.frozen(eq=False)
class Listed:
    """A database whose exams are known and not looked at.

    Attributes:
        source: of exams with pixels.
        name: of the database, in progress and cache.
        plans: of its exams.
        skipped: what was skipped meanwhile.
    """

    source: ExamSource
    name: str
    plans: tuple[ExamPlan, ...]
    skipped: tuple[Skipped, ...]


def list_exams(source: ExamSource, name: str, desk: Desk) -> Listed:
    """What there is to look at: quick, so that a wrong folder is noticed before hours of looking.

    Raises:
        DataError: what the source raises, and what ``desk.refuse`` does.
    """
    plans: list[ExamPlan] = []
    skipped: list[Skipped] = []
    with desk.progress.step(f"{name}: listing") as bar:
        for one in source.plans():
            if isinstance(one, Skipped):
                desk.refuse([one])
                skipped.append(one)
            else:
                plans.append(one)
                bar.advance()
    return Listed(source, name, tuple(plans), tuple(skipped))


def look_at_all(listed: Listed, desk: Desk) -> Looked:
    """Fingerprints of every exam of a database; the pixels go at once.

    Raises:
        DataError: what ``desk.refuse`` raises; a worker that was killed.
    """
    drawer = Drawer(desk.cache / listed.name if desk.cache else None, _settings(listed.source))
    known = [drawer.get(plan, desk.again) for plan in listed.plans]
    desk.refuse([one for seen in known if seen for one in seen.skipped])
    todo = [plan for plan, seen in zip(listed.plans, known, strict=True) if seen is None]
    if len(todo) < len(known):
        desk.progress.say(f"{listed.name}: {len(known) - len(todo):,} exams were looked at before")
    looked = iter(_look_at(listed, todo, drawer, desk))
    seen = [one or next(looked) for one in known]
    drawer.forget_others(listed.plans)
    return _sorted_out(listed, seen)


def _settings(source: ExamSource) -> Any:
    """Those of a source that are plain: what it reads is told by the plans' files."""
    kind: Any = type(source)
    names = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []
    own = {name: value for name in names if isinstance(value := getattr(source, name), str | bool | int | float | Path)}
    return plain({"name": source.name, **own})


def _look_at(listed: Listed, todo: Sequence[ExamPlan], drawer: Drawer, desk: Desk) -> list[Seen]:
    if not todo:
        return []
    seen: list[Seen] = []
    leader = 0 if desk.engine.elsewhere else os.getpid()
    look = functools.partial(_look_and_keep, listed.source, drawer, leader)
    with (
        desk.progress.step(f"{listed.name}: looking", total=len(todo)) as bar,
        in_order(look, todo, desk.jobs, desk.engine) as looks,
    ):
        for packed in looks:
            _, one = unpacked(packed)
            seen.append(one)
            bar.advance()
            desk.refuse(one.skipped)
    return seen


def _look_and_keep(source: ExamSource, drawer: Drawer, leader: int, plan: ExamPlan) -> bytes:
    """In whatever process; packed, so that what was seen is the same when it is taken from the drawer."""
    stop_where_abandoned(leader)
    key = drawer.key(plan)  # before reading: a file that changes meanwhile is looked at again
    packed = pack(key, look_at(source, plan))
    stop_where_abandoned(leader)
    drawer.put(plan, packed)
    return packed


def look_at(source: ExamSource, plan: ExamPlan) -> Seen:
    """Read an exam, keep its fingerprints and labels; a view without a breast is skipped, lesions and all."""
    skipped: list[Skipped] = []
    try:
        record, found = source.read(plan)
        skipped += found
        return Seen(None, {}, tuple(skipped)) if record is None else _seen(record, skipped)
    except DataError as error:
        return Seen(None, {}, (*skipped, Skipped(plan.id, str(error))))
    except Exception as error:  # one exam that a reader stumbles over must not stop the thousands after it
        text = f"the reader failed: {type(error).__name__}: {error}"
        return Seen(None, {}, (*skipped, Skipped(plan.id, text, "reader failed")))


def _seen(record: ExamRecord, skipped: Iterable[Skipped]) -> Seen:
    found, prints, views = list(skipped), {}, []
    for view in record.views:
        if view.pixels is None:
            raise DataError(f"{view.path}: matching needs the pixels of view {view.name} of {record.id}")
        try:
            prints[view.name] = fingerprint_of(view.pixels)
        except DataError as error:
            found.append(Skipped(str(view.path), str(error), "no breast"))
            continue
        views.append(attrs.evolve(view, pixels=None, details={"size": view.pixels.shape}))
    lesions = tuple(lesion for lesion in record.lesions if lesion.view in prints)
    annotated = record.annotated and len(lesions) == len(record.lesions)
    seen = attrs.evolve(record, views=tuple(views), lesions=lesions, annotated=annotated)
    return Seen(seen, prints, tuple(found))


def _sorted_out(listed: Listed, seen: Iterable[Seen]) -> Looked:
    exams: list[LookedAt] = []
    lost = [("", one) for one in listed.skipped]
    for plan, one in zip(listed.plans, seen, strict=True):
        if one.record is None:
            lost += [(plan.id, skipped) for skipped in one.skipped]
        else:
            exams.append(LookedAt(plan, one.record, one.prints, one.skipped))
    return Looked(len(listed.plans), tuple(exams), tuple(lost))
