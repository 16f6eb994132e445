"""The exam's record."""

from __future__ import annotations

import numpy as np
import pytest
from ddsm.real import DATA, needs
from ddsm.writer import VIEWS, Exam, ics_text
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.ddsm.ics import IcsView, parse_ics
from taskfusion.errors import DataError

TEXT = ics_text(Exam({view: np.zeros((8, 6 + at)) for at, view in enumerate(VIEWS)}, {"LEFT_MLO": ()}))
WORDS = st.sampled_from([*TEXT.split(), "0", "-1", "9" * 30, "1e400", "nan", "²", "\0"])
EXCERPTS = {
    "B-3024-1": ("LUMISYS", 4, 42, (2, 7, 1995), (4696, 3024), "OOOO"),
    "B-3027-1": ("LUMISYS LASER", 2, 65, (28, 4, 1995), (4720, 3128), "OONN"),
    "B-3159-1": ("LUMISYS LASER", 2, 58, (29, 5, 1998), (4544, 3120), "OONN"),
    "C-0234-1": ("LUMISYS LASER", 2, 40, (22, 12, 1994), (4736, 2240), "NNOO"),
    "C-0419-1": ("LUMISYS LASER", 3, 74, (6, 6, 1995), (4544, 2936), "OONN"),
    "B-9018-1": ("LUMISYS LASER_DENSOTOMETER", 0, 0, (0, 0, 0), (2300, 1544), "OOOO"),
}


def test_everything_is_read():
    ics = parse_ics(TEXT)
    assert (ics.case, ics.digitizer, ics.density, ics.age) == ("B-3024-1", ("LUMISYS", "LASER"), 2, 42)
    assert (ics.study_date, ics.digitized, ics.film_type) == ((2, 7, 1995), (7, 22, 1997), "REGULAR")
    assert ics.views["LEFT_MLO"] == IcsView("LEFT_MLO", 8, 7, 12, 43.5, overlay=True)
    assert not ics.views["RIGHT_CC"].overlay
    assert not ics.problems


@needs("ddsm_metadata_excerpts")
@pytest.mark.parametrize("name", EXCERPTS)
def test_the_real_records_are_read(name):
    digitizer, density, age, date, size, overlays = EXCERPTS[name]
    ics = parse_ics((DATA / "ddsm_metadata_excerpts" / f"{name}.ics").read_text())
    assert (ics.case, " ".join(ics.digitizer)) == (name, digitizer)
    assert (ics.density, ics.age, ics.study_date) == (density, age, date)
    assert tuple(ics.views) == VIEWS
    first = ics.views["LEFT_CC"]
    assert (first.lines, first.pixels_per_line) == size
    assert "".join("ON"[not view.overlay] for view in ics.views.values()) == overlays
    assert {(view.bits, view.micrometres) for view in ics.views.values()} == {(12, 100 if name == "B-9018-1" else 50)}
    assert not ics.problems


@pytest.mark.parametrize("change", [lambda t: "\n\n" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t + "NEW 1\n"])
def test_blank_lines_line_ends_and_unknown_lines_do_not_matter(change):
    assert parse_ics(change(TEXT)) == parse_ics(TEXT)


def test_the_order_of_lines_and_the_word_before_the_views_do_not_matter():
    turned = "\n".join(reversed(TEXT.replace("SEQUENCE", "SELECTED").splitlines()))
    ics, expected = parse_ics(turned), parse_ics(TEXT)
    assert (dict(ics.views), ics.density) == (dict(expected.views), expected.density)


def test_what_is_missing_is_none():
    ics = parse_ics("ics_version 1.0\nfilename A-1-1\nDIGITIZER DBA\nDENSITY\nDATE_OF_STUDY 1 2\nPATIENT_AGE x")
    assert (ics.views, ics.density, ics.age, ics.study_date) == ({}, None, None, None)


def test_a_view_of_no_size_does_not_exist():
    assert not parse_ics(TEXT.replace("LINES 8", "LINES 0")).views["LEFT_CC"].exists
    assert parse_ics(TEXT).views["LEFT_CC"].exists


@pytest.mark.parametrize("bad", ["LINES x", "LINES", "LINES -8", "LINES 8.5", "LINES 12345678901", "ROWS 8"])
def test_a_bad_line_of_a_view_is_named_and_the_others_go_on(bad):
    ics = parse_ics(TEXT.replace("LINES 8", bad, 1))
    assert set(ics.views) == set(VIEWS[1:])
    assert len(ics.problems) == 1 and "the line of LEFT_CC is" in ics.problems[0]
    assert "expected LINES n PIXELS_PER_LINE n BITS_PER_PIXEL n RESOLUTION n, OVERLAY" in ics.problems[0]


def test_the_first_of_two_lines_counts():
    ics = parse_ics(TEXT + "LEFT_CC LINES 9 PIXELS_PER_LINE 9 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY\nDENSITY 4\n")
    assert ics.views["LEFT_CC"].lines == 8 and ics.density == 2
    assert ics.problems == ("LEFT_CC is there twice; the first line counts",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not an .ics record: begins with ''; expected 'ics_version 1.0'"),
        ("\xff\xd8\xff", r"not an .ics record: begins with '\\xff\\xd8\\xff'"),
        (TEXT.replace("B-3024-1", "B_3024_1"), "filename is 'B_3024_1'; expected a case such as 'A-1509-1'"),
        (TEXT.replace("DIGITIZER", "SCANNER"), "DIGITIZER is missing"),
    ],
)
def test_what_is_no_record_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        parse_ics(text)


@given(st.text() | st.lists(WORDS | st.just("\n")).map(" ".join))
def test_any_text_gives_our_error(text):
    for whole in (text, TEXT + text, text + "\n" + TEXT):
        try:
            ics = parse_ics(whole)
        except DataError:
            continue
        assert set(ics.views) <= set(VIEWS)


@given(st.integers(0, len(TEXT)), st.text(max_size=5), st.integers(0, 40))
def test_a_damaged_record_gives_our_error(at, patch, gone):
    try:
        parse_ics(TEXT[:at] + patch + TEXT[at + gone :])
    except DataError as error:
        assert len(str(error)) < 400
