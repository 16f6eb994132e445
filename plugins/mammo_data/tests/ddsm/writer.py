"""DDSM folders in the archive's own format, from any arrays; shares no code with the reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
from ddsm.jpeg_writer import encode

VIEWS = ("LEFT_CC", "LEFT_MLO", "RIGHT_CC", "RIGHT_MLO")
MASS = "LESION_TYPE MASS SHAPE IRREGULAR-ARCHITECTURAL_DISTORTION MARGINS SPICULATED"
CALCIFICATION = "LESION_TYPE CALCIFICATION TYPE PLEOMORPHIC DISTRIBUTION N/A"


@attrs.frozen
class Finding:
    """One abnormality; outlines are (column, row, codes), the first is the boundary."""

    outlines: Sequence[tuple[int, int, Sequence[int]]]
    types: Sequence[str] = (MASS,)
    pathology: str = "MALIGNANT"
    assessment: int = 5
    subtlety: int = 3


@attrs.frozen
class Exam:
    """One exam: images by view, findings by view, and what the record says."""

    images: dict[str, np.ndarray]
    findings: dict[str, Sequence[Finding]] = attrs.field(factory=dict)
    case: str = "B_3024_1"
    digitizer: str = "LUMISYS LASER"
    density: int = 2
    bits: int = 12
    predictor: int = 1
    swapped: bool = False
    """The JPEG's header has rows and columns exchanged, its samples are in the record's order."""


def rectangle(left: int, top: int, right: int, bottom: int) -> tuple[int, int, list[int]]:
    """The outline of inclusive columns and rows."""
    width, height = right - left, bottom - top
    return left, top, [2] * width + [4] * height + [6] * width + [0] * height


def write_exam(root: Path, exam: Exam, category: str = "cancers", volume: str = "cancer_01") -> Path:
    """The exam's folder, made below ``root``."""
    folder = root / category / volume / f"case{exam.case.split('_')[1]}"
    folder.mkdir(parents=True)
    (folder / f"{exam.case.replace('_', '-')}.ics").write_text(ics_text(exam))
    (folder / f"TAPE_{exam.case}.COMB.16_PGM").write_bytes(b"P5 1 1 255 \0")
    for view, image in exam.images.items():
        coded = image.reshape(image.shape[::-1]) if exam.swapped else image
        (folder / f"{exam.case}.{view}.LJPEG").write_bytes(encode(coded, exam.bits, exam.predictor))
    for view, findings in exam.findings.items():
        (folder / f"{exam.case}.{view}.OVERLAY").write_text(overlay_text(findings))
    return folder


def ics_text(exam: Exam) -> str:
    head = f"""ics_version 1.0
filename {exam.case.replace("_", "-")}
DATE_OF_STUDY 2 7 1995
PATIENT_AGE 42
FILM\x20
FILM_TYPE REGULAR
DENSITY {exam.density}
DATE_DIGITIZED 7 22 1997\x20
DIGITIZER {exam.digitizer}
SEQUENCE
"""
    return head + "".join(f"{view_line(exam, view, image.shape)}\n" for view, image in exam.images.items())


def view_line(exam: Exam, view: str, shape: tuple[int, ...]) -> str:
    size = f"LINES {shape[0]} PIXELS_PER_LINE {shape[1]} BITS_PER_PIXEL {exam.bits} RESOLUTION 43.5"
    return f"{view} {size} {'OVERLAY' if view in exam.findings else 'NON_OVERLAY'}"


def overlay_text(findings: Sequence[Finding]) -> str:
    parts = [f"TOTAL_ABNORMALITIES {len(findings)}\n"]
    for number, finding in enumerate(findings, 1):
        parts.append(f"ABNORMALITY {number} \n" + "".join(f"{kind}\n" for kind in finding.types))
        parts.append(f"ASSESSMENT {finding.assessment} \nSUBTLETY {finding.subtlety} \n")
        parts.append(f"PATHOLOGY {finding.pathology}\nTOTAL_OUTLINES {len(finding.outlines)} \n")
        for index, (column, row, codes) in enumerate(finding.outlines):
            parts.append("\tCORE\n" if index else "BOUNDARY\n")
            parts.append(f"{column} {row} {' '.join(map(str, codes))} #\n")
    return "".join(parts)
