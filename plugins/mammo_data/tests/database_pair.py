"""A DDSM and a CBIS-DDSM on the disk, in their own formats and of the same synthetic exams; names say nothing.

Of every ten exams: number 1 is not in the CBIS-DDSM, 2 is not in the DDSM, 3 is twice in the DDSM, under another name
and scanned again; the rest is in both, or normal and in the DDSM alone. One patient's calcifications are in the other
official split than his masses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
from cbis_archive import Patient, write_archive
from ddsm.writer import VIEWS as FILMS
from ddsm.writer import Exam, Finding, rectangle, write_exam
from film_pairs import Treatment

from mammo_data.ddsm.density import grey_to_16_bits
from mammo_data.synthetic import VIEWS, SyntheticConfig, SyntheticExam, generate_exam

SCANNERS = (("B", "LUMISYS LASER"), ("C", "LUMISYS"), ("D", "HOWTEK"), ("A", "HOWTEK"), ("A", "DBA"))
BITS = {"DBA": 16}
FOLDERS = {
    "normal": ("normals", "normal_0"),
    "benign": ("benigns", "benign_0"),
    "benign_without_callback": ("benign_without_callbacks", "benign_without_callback_0"),
    "cancer": ("cancers", "cancer_0"),
}
EDGE = 0.02
"""Share that is cut off at each side at most, so that lesions stay inside."""


@attrs.frozen
class Pair:
    """What was written.

    Attributes:
        ddsm, cbis: the folders.
        exams: by number.
        names: exam ids of the DDSM by number; several of an exam that is twice there, none of one that is missing.
        patients: by number, of those in the CBIS-DDSM: one, or one in each split.
    """

    ddsm: Path
    cbis: Path
    exams: dict[int, SyntheticExam]
    names: dict[int, tuple[str, ...]]
    patients: dict[int, list[Patient]]

    @property
    def wanted(self) -> dict[str, int]:
        """Exam ids that must be kept, with their numbers."""
        here = {number: names[0] for number, names in self.names.items() if names}
        return {name: k for k, name in here.items() if k in self.patients or not self.exams[k].lesions}


def write_pair(root: Path, numbers: Sequence[int], seed: int, config: SyntheticConfig) -> Pair:
    """Write both, of the exams with these numbers."""
    rng = np.random.default_rng(seed)
    exams = {number: generate_exam(seed, number, config) for number in numbers}
    cases = iter(rng.permutation(np.arange(1, 2 * len(exams) + 1)).tolist())
    names: dict[int, tuple[str, ...]] = {}
    for k, exam in exams.items():
        lacking = k % 10 == 2 and exam.lesions
        names[k] = () if lacking else (write_case(root / "ddsm", exam, k, next(cases)),)
        if k % 10 == 3 and exam.lesions:
            names[k] += (write_case(root / "ddsm", scanned_again(exam, rng), k, next(cases), volume=9),)
    patients = dict(draw_patients(exams, rng))
    parts = [part for one in patients.values() for part in one]
    write_archive(root / "cbis", sorted(parts, key=lambda part: part.name))
    return Pair(root / "ddsm", root / "cbis", exams, names, patients)


def category(exam: SyntheticExam, number: int) -> str:
    return ("normal", ("benign", "benign_without_callback")[number % 2], "cancer")[exam.pathology]


def write_case(root: Path, exam: SyntheticExam, number: int, case: int, volume: int = 1) -> str:
    """Into the DDSM, as one of its scanners sees it; returns the exam's id."""
    site, digitizer = SCANNERS[number % len(SCANNERS)]
    bits = BITS.get(digitizer, 12)
    images = {film: to_grey(exam.images[view], digitizer, site, bits) for film, view in zip(FILMS, VIEWS, strict=True)}
    folder, name = FOLDERS[category(exam, number)]
    findings = (
        {} if not exam.lesions else {FILMS[VIEWS.index(exam.lesions[0].view)]: [Finding([rectangle(2, 2, 9, 9)])]}
    )
    written = Exam(images, findings, f"{site}_{case:04d}_1", digitizer, exam.density + 1, bits)
    write_exam(root, written, folder, f"{name}{volume}")
    return f"{name}{volume}-{written.case}"


def to_grey(pixels: np.ndarray, digitizer: str, site: str, bits: int) -> np.ndarray:
    """The scanner's grey values that come nearest to these pixels when they are made comparable."""
    word = digitizer.split()[0].lower()
    scanner = {"lumisys": "lumisys", "dba": "dba"}.get(word, "howtek-mgh" if site == "A" else "howtek-ismd")
    levels = grey_to_16_bits(np.arange(1 << bits, dtype=np.uint16), scanner)
    order = np.argsort(levels, kind="stable")
    found = order[np.clip(np.searchsorted(levels[order], pixels), 0, len(order) - 1)].astype(np.uint16)
    return np.ascontiguousarray(found[:, ::-1]) if site == "A" else found  # whose films are stored mirrored


def scanned_again(exam: SyntheticExam, rng: np.random.Generator) -> SyntheticExam:
    """Resampled, windowed anew and cropped, with its lesions' boxes."""
    shares = [tuple(float(share) for share in rng.uniform(0, EDGE, 4)) for _ in VIEWS]
    ways = {view: attrs.evolve(Treatment.draw(rng), cut=cut) for view, cut in zip(VIEWS, shares, strict=True)}
    images = {view: way.film(exam.images[view], rng) for view, way in ways.items()}
    lesions = tuple(
        attrs.evolve(one, box=tuple(map(float, ways[one.view].box(one.box, exam.images[one.view].shape))))
        for one in exam.lesions
    )
    return SyntheticExam(attrs.evolve(exam.facts, lesions=lesions), images)


def draw_patients(exams: dict[int, SyntheticExam], rng: np.random.Generator) -> Iterator[tuple[int, list[Patient]]]:
    """Number to what of it stands in the CBIS-DDSM, under names in no order of the exams."""
    names = dict(zip(exams, rng.permutation(np.arange(1, len(exams) + 1)).tolist(), strict=True))
    torn = False
    for number, exam in exams.items():
        if not exam.lesions or number % 10 == 1:
            continue
        split = "test" if number % 4 == 0 else "train"
        whole = Patient(f"P_{names[number]:05d}", split, scanned_again(exam, rng))
        kinds = {one.label.split("_")[1] for one in exam.lesions}
        parts = [whole] if torn or len(kinds) < 2 else list(_by_kind(whole))
        torn = torn or len(parts) > 1
        yield number, parts


def _by_kind(patient: Patient) -> Iterator[Patient]:
    """Masses in training, calcifications in test."""
    for kind, split in (("mass", "train"), ("calcification", "test")):
        lesions = tuple(one for one in patient.exam.lesions if one.label.endswith(kind))
        exam = SyntheticExam(attrs.evolve(patient.exam.facts, lesions=lesions), patient.exam.images)
        yield attrs.evolve(patient, split=split, exam=exam)
