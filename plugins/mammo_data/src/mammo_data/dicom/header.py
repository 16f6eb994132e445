"""What a DICOM file says of itself, read without its pixels: only what an exam needs, and no patient's name."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import attrs
from pydicom import Dataset, dcmread
from pydicom.uid import DigitalMammographyXRayImageStorageForProcessing, MediaStorageDirectoryStorage

from mammo_data.dicom.exclusions import refuse_other_images
from mammo_data.dicom.unusable import UnusableError, refusing
from mammo_data.dicom.views import view_of

PREAMBLE = 128
STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""First group of a file without preamble, little and big endian: older archives wrote such."""
TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientAge",
    "PatientBirthDate", "StudyDate", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime",
    "InstanceNumber", "Modality", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription", "ImageType", "ImageLaterality", "Laterality", "ViewPosition",
    "ViewCodeSequence", "ViewModifierCodeSequence", "PaddleDescription", "PartialView", "BreastImplantPresent",
    "QualityControlImage", "EstimatedRadiographicMagnificationFactor", "PresentationIntentType", "PatientOrientation",
    "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "ImagerPixelSpacing",
]  # fmt: skip
LARGEST = 2**28
"""Pixels of an image; more is a damaged number, for which no memory is asked."""


@attrs.frozen
class Mammogram:
    """One usable file.

    Attributes:
        path: the file.
        view: ``L-CC`` …
        patient: issuer and PatientID; empty where the file names none.
        study: StudyInstanceUID.
        instance: SOPInstanceUID.
        presentation: made for the eye ("for presentation"), not raw ("for processing").
        size: height and width in pixels.
        taken: date and time as sortable text.
        number: InstanceNumber.
        orientation: PatientOrientation of rows and columns, ``("A", "R")``; empty where not given.
        metadata: of the exam: age in years, study date.
        details: of the view: manufacturer, model, pixel spacing in mm, whether for presentation.
    """

    path: Path
    view: str
    patient: str
    study: str
    instance: str
    presentation: bool
    size: tuple[int, int]
    taken: str = ""
    number: int = 0
    orientation: tuple[str, ...] = ()
    metadata: dict[str, Any] = attrs.field(factory=dict)
    details: dict[str, Any] = attrs.field(factory=dict)


def open_dicom(path: Path, **options: Any) -> Dataset:
    """Parse a file with or without preamble and meta header.

    Args:
        path: the file, of any name.
        options: of ``pydicom.dcmread``.

    Raises:
        UnusableError: empty, no DICOM, or damaged.
    """
    if not path.is_file():  # a pipe would wait for ever
        raise UnusableError("unreadable", "is no file, or a link that leads nowhere")
    with refusing("unreadable", "the file cannot be read"), path.open("rb") as file:
        _refuse_other_files(file)
        return dcmread(file, force=True, **options)


def read_mammogram(path: Path, synthesized: bool = False) -> Mammogram | None:
    """The file's header as a record, or None for a DICOMDIR, which only lists other files.

    Args:
        path: the file, of any name.
        synthesized: accept 2D images computed from tomosynthesis.

    Raises:
        UnusableError: what is no DICOM file, damaged, or no full-field CC or MLO view.
    """
    header = open_dicom(path, stop_before_pixels=True, specific_tags=TAGS)
    with refusing("unreadable", "the header cannot be understood"):
        if getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
            return None
        refuse_other_images(header, synthesized)
        return _mammogram(path, header, view_of(header))


def image_size(header: Dataset) -> tuple[int, int]:
    """Height and width in pixels.

    Raises:
        UnusableError: not given, zero, or beyond any detector.
    """
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    if rows < 1 or columns < 1:
        raise UnusableError(
            "missing tag", f"gives its size as {rows} rows, {columns} columns; expected positive numbers"
        )
    if rows * columns > LARGEST:
        raise UnusableError("unreadable", f"gives its size as {rows} rows, {columns} columns; no detector is so large")
    return rows, columns


def age_of(header: Dataset) -> float | None:
    """Years, from PatientAge ("061Y", "018M"), else from the dates of birth and study; None where unknown."""
    match = re.fullmatch(r"\s*(\d{1,3})([DWMY])\s*", str(header.get("PatientAge") or ""))
    if match:
        return round(int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]], 1)
    born, studied = date_of(header.get("PatientBirthDate")), date_of(header.get("StudyDate"))
    if born is None or studied is None or not 0 < (studied - born).days < 130 * 366:
        return None
    return float(int((studied - born).days / 365.25))


def date_of(value: Any) -> date | None:
    """A DICOM date, as ``20240131`` or ``2024.01.31``; None where it is none."""
    digits = str(value or "").strip().replace(".", "")
    if not re.fullmatch(r"\d{8}", digits):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _refuse_other_files(file: BinaryIO) -> None:
    head = file.read(PREAMBLE + 4)
    file.seek(0)
    if not head:
        raise UnusableError("empty", "the file is empty")
    if head[PREAMBLE:] != b"DICM" and head[:2] not in STARTS:
        raise UnusableError("not DICOM", "is no DICOM file")


def _mammogram(path: Path, header: Dataset, view: str) -> Mammogram:
    study = date_of(header.get("StudyDate"))
    return Mammogram(
        path=path,
        view=view,
        patient=_patient(header),
        study=_needed(header, "StudyInstanceUID"),
        instance=_needed(header, "SOPInstanceUID"),
        presentation=is_presentation(header),
        size=image_size(header),
        taken=_taken(header),
        number=int(header.get("InstanceNumber") or 0),
        orientation=tuple(str(part) for part in header.get("PatientOrientation") or ()),
        metadata={"age": age_of(header), "study_date": study.isoformat() if study else None},
        details=_details(header),
    )


def is_presentation(header: Dataset) -> bool:
    """Made for the eye; a file that says neither counts so, as digitised films do."""
    intent = str(header.get("PresentationIntentType") or "").strip().upper()
    if intent:
        return intent != "FOR PROCESSING"
    return header.get("SOPClassUID") != DigitalMammographyXRayImageStorageForProcessing


def _patient(header: Dataset) -> str:
    name = str(header.get("PatientID") or "").strip()
    issuer = str(header.get("IssuerOfPatientID") or "").strip()
    return f"{issuer}/{name}" if name and issuer else name


def _needed(header: Dataset, name: str) -> str:
    value = str(header.get(name) or "").strip()
    if not value:
        raise UnusableError("missing tag", f"lacks the tag {name}")
    return value


def _taken(header: Dataset) -> str:
    for kind in ("Acquisition", "Content"):
        day = str(header.get(f"{kind}Date") or "")
        if day:
            return f"{day} {header.get(f'{kind}Time') or ''}"
    return ""


def _details(header: Dataset) -> dict[str, Any]:
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing") or ()
    found = {
        "manufacturer": str(header.get("Manufacturer") or "").strip(),
        "model": str(header.get("ManufacturerModelName") or "").strip(),
        "pixel_spacing_mm": [float(part) for part in spacing],
        "for_presentation": is_presentation(header),
    }
    return {name: value for name, value in found.items() if value not in ("", [])}
