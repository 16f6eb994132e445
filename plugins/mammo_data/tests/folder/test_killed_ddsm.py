"""An archive of DDSM, prepared by the program, killed half-way, gone on with, and equal to an undisturbed run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import killing
import numpy as np
import pytest
from ddsm.writer import CALCIFICATION, MASS, VIEWS, Exam, Finding, rectangle, write_exam
from killing import finished, kill_when_done, program, to_the_end

EXAMS = killing.EXAMS or 24
SITES = ("A", "B", "C", "D")
DIGITIZERS = {"A": "DBA", "B": "LUMISYS LASER", "C": "LUMISYS LASER", "D": "HOWTEK"}
CATEGORIES = (("normals", "normal_01"), ("benigns", "benign_01"), ("cancers", "cancer_01"))
ROWS, COLUMNS = 40, 30
BROKEN = 12
"""Of so many exams one has a film that is cut off, as a preparation that skips must go on just so."""


def drawn(number: int) -> Exam:
    """Films of grey noise, predictors, scanners and findings in turn; every second cancer is a calcification."""
    random = np.random.default_rng(number)
    site = SITES[number % len(SITES)]
    bits = 16 if site == "A" else 12
    images = {view: random.integers(0, 2**bits, (ROWS, COLUMNS), np.uint16) for view in VIEWS}
    pathology = ("", "BENIGN", "MALIGNANT")[number % len(CATEGORIES)]
    left, top = (int(edge) for edge in random.integers(0, 20, 2))
    kind = CALCIFICATION if number % 2 else MASS
    finding = Finding([rectangle(left, top, left + 9, top + 12)], (kind,), pathology)
    findings = {"LEFT_CC": [finding], "LEFT_MLO": [finding]} if pathology else {}
    case = f"{site}_{1000 + number}_1"
    return Exam(images, findings, case, DIGITIZERS[site], 1 + number % 4, bits, 1 + number % 7)


def write_archive(root: Path) -> Iterator[Path]:
    """Every exam's folder."""
    for number in range(EXAMS):
        folder = write_exam(root, drawn(number), *CATEGORIES[number % len(CATEGORIES)])
        if number % BROKEN == BROKEN - 1:
            film = next(folder.glob("*.RIGHT_CC.LJPEG"))
            film.write_bytes(film.read_bytes()[:200])
        yield folder


@pytest.mark.slow
def test_an_archive_killed_half_way_and_gone_on_with_is_the_same_byte_for_byte(tmp_path, made):
    root = tmp_path / "archive"
    assert len(list(write_archive(root))) == EXAMS
    raw = made.tree(root)
    options = (root, "--jobs", 2, "--csv", "--output")
    process = program("ddsm", *options, tmp_path / "cut")
    kill_when_done(tmp_path / "cut", EXAMS // 2, process)
    before = {path: path.stat().st_mtime_ns for path in finished(tmp_path / "cut")}
    assert EXAMS // 2 <= len(before) < EXAMS
    output = to_the_end("ddsm", *options, tmp_path / "cut", code=3)
    assert f"{len(before):,} exams were there already" in output
    assert f"{EXAMS:>9,}  in the cohort" in output and f"{EXAMS // BROKEN:>9,}  truncated, e.g. " in output
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    to_the_end("ddsm", *options, tmp_path / "whole", code=3)
    assert made.tree(tmp_path / "cut") == made.tree(tmp_path / "whole")
    assert made.tree(root) == raw
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "cut", "whole"]
