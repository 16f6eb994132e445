"""Files become exams: one study of one patient, with the best image of each view first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from mammo_data.dicom.header import Mammogram
from mammo_data.records import ExamPlan, Skipped
from mammo_data.synthetic import VIEWS
from taskfusion.files import is_folder_name
from taskfusion.images import short_hash


@attrs.frozen
class Identity:
    """How patients and studies are called.

    Attributes:
        hidden: call them by a hash instead of PatientID and StudyInstanceUID.
        salt: goes into the hash. Without one, whoever has a list of patient ids can find out which is which.
    """

    hidden: bool = True
    salt: str = ""

    def study(self, uid: str) -> str:
        """The exam's id, which can be the name of a folder."""
        hashed = self.hidden or not is_folder_name(uid)
        return f"study-{short_hash('study', self.salt, uid)}" if hashed else uid

    def patient(self, name: str, exam: str) -> str:
        """The exam's group; an exam of nobody known is its own."""
        if not name:
            return exam
        return f"patient-{short_hash('patient', self.salt, name)}" if self.hidden else name


@attrs.frozen
class Found:
    """An exam's payload: what to read, and what is known without reading.

    Attributes:
        group: the patient.
        candidates: view to its images, the one to use first.
        metadata: of the exam.
    """

    group: str
    candidates: Mapping[str, tuple[Mammogram, ...]]
    metadata: Mapping[str, Any]


def exams_of(found: Iterable[Mammogram], identity: Identity) -> list[ExamPlan | Skipped]:
    """One plan per study, in the order of their ids; a file that is there twice, or in two patients' study, is skipped.

    Args:
        found: all usable files of an archive.
        identity: how patients and studies are called.
    """
    studies: dict[str, list[Mammogram]] = {}
    instances: dict[str, Path] = {}
    result: list[ExamPlan | Skipped] = []
    for one in sorted(found, key=lambda one: str(one.path)):
        if one.instance in instances:
            result.append(Skipped(str(one.path), f"is the same image as {instances[one.instance]}", "duplicate"))
            continue
        instances[one.instance] = one.path
        studies.setdefault(one.study, []).append(one)
    plans = [_plan(uid, images, identity) for uid, images in studies.items()]
    return [*result, *sorted(plans, key=lambda plan: (isinstance(plan, ExamPlan), _name(plan)))]


def preference(one: Mammogram) -> tuple[Any, ...]:
    """Larger is better: for presentation, then more pixels, then taken later (a repeated image replaces the first)."""
    height, width = one.size
    return one.presentation, height * width, one.taken, one.number, one.instance


def _plan(uid: str, images: list[Mammogram], identity: Identity) -> ExamPlan | Skipped:
    exam = identity.study(uid)
    patients = {one.patient for one in images}
    if len(patients) > 1:
        return Skipped(
            exam, f"has images of {len(patients)} patients; expected one ({images[0].path} …)", "contradiction"
        )
    views = {view: [one for one in images if one.view == view] for view in VIEWS}
    candidates = {view: tuple(sorted(of, key=preference, reverse=True)) for view, of in views.items() if of}
    metadata = {**images[0].metadata, "manufacturer": images[0].details.get("manufacturer")}
    known = {name: value for name, value in metadata.items() if value is not None}
    payload = Found(identity.patient(images[0].patient, exam), candidates, known)
    return ExamPlan(exam, tuple(one.path for of in candidates.values() for one in of), payload)


def _name(plan: ExamPlan | Skipped) -> str:
    return plan.id if isinstance(plan, ExamPlan) else plan.what
