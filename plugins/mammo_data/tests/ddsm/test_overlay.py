"""Overlays: headers, chain codes, masks and boxes."""

from __future__ import annotations

import ast
import csv
from collections import Counter

import numpy as np
import pytest
from ddsm.real import DATA, needs
from ddsm.writer import CALCIFICATION, MASS, Finding, overlay_text, rectangle
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.ddsm import overlay as reader
from mammo_data.ddsm.overlay import Outline, box_of_outline, chain_points, clipped, filled, parse_overlay
from mammo_data.masks import box_of_mask
from taskfusion.errors import DataError

FINDINGS = [
    Finding([rectangle(3, 4, 9, 8), rectangle(5, 5, 6, 6)], (CALCIFICATION, MASS), "BENIGN_WITHOUT_CALLBACK", 0, 1),
    Finding([rectangle(0, 0, 2, 2)]),
]
TEXT = overlay_text(FINDINGS)
SQUARE = ["10", "20", "2", "2", "4", "4", "6", "6", "0", "0", "#"]
CODES = st.lists(st.integers(0, 7), max_size=60)
WORDS = st.sampled_from([*sorted(set(TEXT.split())), "8", "-1", "9" * 30, "²", "\0"])


def test_everything_is_read():
    overlay = parse_overlay(TEXT)
    first, second = overlay.abnormalities
    assert overlay.declared == 2 and not overlay.problems
    assert (first.number, first.assessment, first.subtlety, first.pathology) == (1, 0, 1, "BENIGN_WITHOUT_CALLBACK")
    assert [kind.name for kind in first.types] == ["CALCIFICATION", "MASS"]
    assert first.types[0].attributes == {"TYPE": ("PLEOMORPHIC",)}
    assert first.types[1].attributes == {"SHAPE": ("IRREGULAR", "ARCHITECTURAL_DISTORTION"), "MARGINS": ("SPICULATED",)}
    assert [outline.core for outline in first.outlines] == [False, True]
    assert first.boundary is first.outlines[0]
    assert second.number == 2 and len(second.outlines) == 1 and not second.problems


def test_the_square_of_the_format_s_description():
    outline = Outline(chain_points(SQUARE))
    assert len(outline.points) == 9 and (outline.points[0] == outline.points[-1]).all()
    assert box_of_outline(outline, (40, 30)) == (10, 20, 13, 23)
    assert filled(outline, (40, 30)).sum() == 9


@needs("ddsm_metadata_excerpts")
def test_the_real_chain_code():
    path = DATA / "ddsm_metadata_excerpts" / "B_3013_1.RIGHT_MLO.second_abnormality.OVERLAY.part"
    overlay = parse_overlay(path.read_text())
    (abnormality,) = overlay.abnormalities
    points = abnormality.boundary.points
    assert overlay.problems == ("TOTAL_ABNORMALITIES is None, but 1 are there",)  # a fragment
    assert (abnormality.number, abnormality.pathology, abnormality.problems) == (2, "MALIGNANT", ())
    assert points[0].tolist() == points[-1].tolist() == [1752, 1536] and len(points) == 1633
    assert len(np.unique(points, axis=0)) == 1616
    x, y = points[:-1].T
    assert abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2 == 98840
    box = box_of_outline(abnormality.boundary, (4664, 3120))
    assert box == (1200, 1536, 1825, 2049) == box_of_mask(filled(abnormality.boundary, (4664, 3120)))


@needs("ddsm_deepminer")
def test_the_real_headers():
    with (DATA / "ddsm_deepminer" / "explanations-benchmark-answer-key.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    reports = [ast.literal_eval(row["GT Report"]) for row in rows]
    overlays = [parse_overlay(_as_overlay(report)) for report in reports]
    found = [abnormality for overlay in overlays for abnormality in overlay.abnormalities]
    names = [row["Image Name"].split(".")[0].split("-") for row in rows]
    assert len({(volume, case) for volume, case in names}) == 191
    assert Counter(volume.rsplit("_", 1)[0] for volume, _ in names) == {
        "cancer": 195, "benign": 184, "benign_without_callback": 37
    }  # fmt: skip
    assert len(rows) == 416 and len(found) == 467
    assert Counter(kind.name for a in found for kind in a.types) == {"MASS": 253, "CALCIFICATION": 220, "OTHER": 2}
    assert Counter(a.pathology for a in found) == {
        "BENIGN": 205, "MALIGNANT": 195, "BENIGN_WITHOUT_CALLBACK": 65, "UNPROVEN": 2
    }  # fmt: skip
    assert sum(len(a.types) for a in found) == 475 and {len(a.types) for a in found} == {1, 2}
    outlines = Counter(sum(len(a.outlines) for a in overlay.abnormalities) for overlay in overlays)
    assert outlines == {1: 358, 2: 52, 3: 4, 5: 2}  # the source's count of parts per image: its cores are parts too
    assert all(a.assessment in range(6) and a.subtlety in range(1, 6) for a in found)
    assert [f"PATHOLOGY {overlay.abnormalities[0].pathology}" for overlay in overlays] == [
        row["GT Diagnosis"].strip() for row in rows
    ]


def _as_overlay(report: list[list[str]]) -> str:
    """The lines of a report with a short chain code behind each outline's keyword."""
    lines = [line for part in report for line in part]
    count = sum(line.startswith("ABNORMALITY") for line in lines)
    coded = [f"{line}\n1 1 2 4 6 0 #" if line.strip() in ("BOUNDARY", "CORE") else line for line in lines]
    return "\n".join([f"TOTAL_ABNORMALITIES {count}", *coded])


@given(st.integers(0, 40), st.integers(0, 40), CODES)
def test_a_chain_code_walks_and_closes(column, row, codes):
    points = chain_points([str(column), str(row), *map(str, codes), "#"])
    assert points[0].tolist() == points[-1].tolist() == [column, row]
    steps = np.diff(points[: len(codes) + 1], axis=0)
    angles = np.round(np.degrees(np.arctan2(steps[:, 0], -steps[:, 1])) / 45) % 8  # clockwise from up
    np.testing.assert_array_equal(angles, codes)


@given(st.integers(70, 80), st.integers(70, 80), CODES)
def test_the_box_of_an_outline_is_that_of_its_mask(column, row, codes):
    outline = Outline(chain_points([str(column), str(row), *map(str, codes), "#"]))
    mask = filled(outline, (150, 160))
    assert mask[outline.points[:, 1], outline.points[:, 0]].all()
    assert box_of_outline(outline, (150, 160)) == box_of_mask(mask)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 9), st.integers(0, 9))
def test_a_rectangle_is_filled(left, top, wide, high):
    column, row, codes = rectangle(left, top, left + wide, top + high)
    mask = filled(Outline(chain_points([str(column), str(row), *map(str, codes), "#"])), (40, 40))
    assert mask.sum() == mask[top : top + high + 1, left : left + wide + 1].sum() == (wide + 1) * (high + 1)


def test_an_outline_that_leaves_the_image_a_little_is_clipped():
    outline = Outline(chain_points(["0", "0", "0", "2", "2", "4", "6", "6", "#"]))
    assert box_of_outline(outline, (5, 5)) == (0, 0, 3, 1)
    assert filled(outline, (5, 5)).sum() == 3


def test_an_outline_of_another_image_is_refused():
    outline = Outline(chain_points(["100", "3", "#"]))
    with pytest.raises(DataError, match="the outline runs to column 100, row 3, out of an image of 50 x 40"):
        clipped(outline.points, (50, 40))


@pytest.mark.parametrize(
    "code, message",
    [
        ("1 2 3", "the chain code is cut off: its '#' is missing"),
        ("1 #", "the chain code begins with '1 #'; expected a column and a row"),
        ("#", "the chain code begins with '#'"),
        ("-1 2 3 #", "the chain code begins with '-1 2'"),
        ("1 2 3 8 #", "the chain code holds '8'; expected 0..7"),
        ("1 2 34 #", "the chain code holds '34'; expected 0..7"),
    ],
)
def test_a_bad_chain_code_is_refused_and_the_other_outlines_go_on(code, message):
    with pytest.raises(DataError, match=message):
        chain_points(code.split())
    text = TEXT.replace("3 4 2", f"{code}\n\tCORE\n3 4 2", 1) if "#" in code else TEXT.replace("#", "", 1)
    first = parse_overlay(text).abnormalities[0]
    assert any(message in problem for problem in first.problems)
    assert first.outlines


def test_outlines_that_are_there_count():
    overlay = parse_overlay(TEXT.replace("TOTAL_OUTLINES 1", "TOTAL_OUTLINES 3"))
    assert overlay.abnormalities[1].problems == ("TOTAL_OUTLINES is 3, but 1 are there",)
    overlay = parse_overlay(TEXT.replace("TOTAL_ABNORMALITIES 2", "TOTAL_ABNORMALITIES 4"))
    assert overlay.problems == ("TOTAL_ABNORMALITIES is 4, but 2 are there",)


def test_missing_values_are_none():
    text = "TOTAL_ABNORMALITIES 1\nABNORMALITY\nLESION_TYPE OTHER\nASSESSMENT\nSUBTLETY x\nPATHOLOGY\nTOTAL_OUTLINES 0"
    (found,) = parse_overlay(text).abnormalities
    assert (found.number, found.assessment, found.subtlety, found.pathology, found.boundary) == (
        0,
        None,
        None,
        "",
        None,
    )
    assert found.types[0].name == "OTHER" and not found.types[0].attributes


def test_what_is_no_overlay_is_refused(monkeypatch):
    with pytest.raises(DataError, match=r"not an overlay: begins with 'ics_version 1.0'; expected 'TOTAL_ABNORM"):
        parse_overlay("ics_version 1.0")
    monkeypatch.setattr(reader, "MOST_PARTS", 4)
    with pytest.raises(DataError, match="not an overlay: 5 abnormalities and outlines; at most 4 are read"):
        parse_overlay(TEXT)


@given(st.text() | st.lists(WORDS | CODES.map(lambda c: " ".join(map(str, c)))).map(" ".join))
def test_any_text_gives_our_error(text):
    for whole in (text, TEXT + text, "TOTAL_ABNORMALITIES " + text):
        try:
            overlay = parse_overlay(whole)
        except DataError:
            continue
        _use(overlay)


@given(st.integers(0, len(TEXT)), st.text(max_size=5), st.integers(0, 80))
def test_a_damaged_overlay_gives_our_error(at, patch, gone):
    try:
        _use(parse_overlay(TEXT[:at] + patch + TEXT[at + gone :]))
    except DataError as error:
        assert len(str(error)) < 400


def _use(overlay) -> None:
    for abnormality in overlay.abnormalities:
        for outline in abnormality.outlines:
            try:
                box = box_of_outline(outline, (20, 20))
            except DataError:
                continue
            assert 0 <= box[0] < box[2] <= 20 and 0 <= box[1] < box[3] <= 20
