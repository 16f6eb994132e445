"""Small archives of every database, as somebody may have them on a disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cbis_archive import Patient, write_archive
from ddsm.writer import VIEWS, Exam, Finding, rectangle, write_exam
from dicom.conftest import mammogram, save

from mammo_data.synthetic import SyntheticConfig, generate_exam

LESIONS = SyntheticConfig(height=96, width=80, pathology=(0, 1, 1))


def write_ddsm(root: Path) -> None:
    """Four cancers with a mass in the left breast."""
    random = np.random.default_rng(0)
    for number in range(4):
        images = {view: random.integers(0, 4096, (24, 20), np.uint16) for view in VIEWS}
        findings = {"LEFT_CC": [Finding([rectangle(2, 3, 9, 8)])]}
        write_exam(root, Exam(images, findings, f"B_{3024 + number}_1"))


def write_cbis(root: Path) -> None:
    """Eight patients, two of them of the official test; every table has a row."""
    names = [(f"P_{number:05d}", ("train", "test")[number % 3 == 0]) for number in range(1, 9)]
    write_archive(root, [Patient(name, split, generate_exam(5, k, LESIONS)) for k, (name, split) in enumerate(names)])


def write_dicom(root: Path) -> None:
    """Four studies of four views."""
    for number in range(4):
        for index, (view, pixels) in enumerate(generate_exam(6, number, LESIONS).images.items()):
            own = {"StudyInstanceUID": f"1.2.{number + 1}", "PatientID": f"P{number}"}
            shown = {"ImageLaterality": view[0], "ViewPosition": view[2:], "SOPInstanceUID": f"1.2.{number}.{index}"}
            save(
                mammogram(pixels >> 4, **own, **shown),
                root / f"patient {number}" / f"{view}.dcm",
            )


WRITERS = {"ddsm": write_ddsm, "cbis": write_cbis, "dicom": write_dicom}
EXAMS = {"ddsm": 4, "cbis": 8, "dicom": 4}
FILMS = {
    "ddsm": "cancers/cancer_01/case3024/B_3024_1.LEFT_CC.LJPEG",
    "cbis": "Mass-Training_P_00002_LEFT_CC/1.2.3/1.2.4/000000.dcm",
    "dicom": "patient 0/L-CC.dcm",
}
"""A file of pixels of an exam that has more of them."""
