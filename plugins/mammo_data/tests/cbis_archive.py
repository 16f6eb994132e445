"""A CBIS-DDSM archive made from synthetic exams: DICOM files in the true folders and the four case tables."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import attrs
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from mammo_data.cbis.tables import COLUMNS, DENSITY, TABLES
from mammo_data.synthetic import SyntheticExam

SIDES = {"L": "LEFT", "R": "RIGHT"}
NAMES = {"mass": "Mass", "calcification": "Calc", "train": "Training", "test": "Test"}
OWN = {"mass": ("mass shape", "mass margins"), "calcification": ("calc type", "calc distribution")}


@attrs.frozen
class Patient:
    """What is put into the archive under a patient's name."""

    name: str
    split: str
    exam: SyntheticExam
    pathology: str = ""
    """As written; empty: BENIGN or MALIGNANT by the lesion."""


def write_archive(root: Path, patients: list[Patient]) -> list[dict[str, str]]:
    """Write everything; returns the rows, each with ``table`` and ``box``."""
    rows = [row for patient in patients for row in _write_patient(root, patient)]
    write_tables(root, rows)
    return rows


def write_tables(root: Path, rows: list[dict[str, str]]) -> None:
    """The four tables with the archive's own traps: two names of density, CRLF, a line feed inside a cell."""
    for name, (kind, _) in TABLES.items():
        fed = "ROI mask file path" if kind == "mass" else "cropped image file path"
        density = DENSITY[kind != "mass"]
        columns = [COLUMNS[0], density, *COLUMNS[1:4], "abnormality type", *OWN[kind], *COLUMNS[4:]]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            if row["table"] == name:
                writer.writerow({**row, density: row["density"], fed: row[fed] + "\n"})
        (root / name).write_bytes(text.getvalue().encode())


def save(path: Path, pixels: np.ndarray, patient: str, **tags: object) -> None:
    """One grey image as DICOM, of 16 or 8 bits as its type says."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientID, data.Modality = patient, "MG"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PixelRepresentation, data.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def mask_of(shape: tuple[int, int], box: tuple[float, ...]) -> np.ndarray:
    """An ellipse that fills a box of whole numbers, 0 and 255."""
    x0, y0, x1, y1 = box
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    u, v = (2 * columns + 1 - x0 - x1) / (x1 - x0), (2 * rows + 1 - y0 - y1) / (y1 - y0)
    return np.where(u**2 + v**2 <= 1.0 + 1.0 / min(x1 - x0, y1 - y0) ** 2, 255, 0).astype(np.uint8)


def _write_patient(root: Path, patient: Patient) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    counts: dict[tuple[str, str], int] = {}
    for lesion in patient.exam.lesions:
        pathology, kind = lesion.label.split("_")
        number = counts[lesion.view, kind] = counts.get((lesion.view, kind), 0) + 1
        side, film = SIDES[lesion.view[0]], lesion.view[2:]
        case = f"{NAMES[kind]}-{NAMES[patient.split]}_{patient.name}_{side}_{film}"
        image = f"{case}/1.2.3/1.2.4/000000.dcm"
        mask, crop = ("000001.dcm", "000000.dcm") if kind == "mass" else ("000000.dcm", "000001.dcm")
        below = f"{case}_{number}/1.2.5/1.2.6"
        pixels = patient.exam.images[lesion.view]
        box = (*np.floor(lesion.box[:2]).astype(int), *np.ceil(lesion.box[2:]).astype(int))
        drawn = mask_of(pixels.shape, box)
        save(root / image, pixels, case)
        save(root / below / mask, drawn, f"{case}_{number}")
        save(root / below / crop, pixels[box[1] : box[3], box[0] : box[2]].copy(), f"{case}_{number}")
        row = dict.fromkeys(OWN[kind], "N/A")
        row |= {"table": next(name for name, what in TABLES.items() if what == (kind, patient.split))}
        row |= {"patient_id": patient.name, "density": str(patient.exam.density + 1), "abnormality type": kind}
        row |= {"left or right breast": side, "image view": film, "abnormality id": str(number)}
        row |= {"assessment": "4", "subtlety": "3", "pathology": patient.pathology or pathology.upper()}
        row |= {"image file path": image, "cropped image file path": f"{below}/{crop}"}
        rows.append(row | {"ROI mask file path": f"{below}/{mask}", "box": ",".join(map(str, box))})
    return rows
