from __future__ import annotations

import pytest

from taskfusion.report.sections import number
from taskfusion.report.styles import NEGATIVE, POSITIVE, style_fusers


def test_baselines_are_grey_broken_and_open():
    styles = style_fusers(["P", "max(findings)", "Mean"])
    assert [style.baseline for style in styles.values()] == [False, True, True]
    assert styles["P"].dash == "solid"
    assert styles["max(findings)"].dash != styles["Mean"].dash
    assert styles["max(findings)"].symbol == "diamond-open"
    assert styles["max(findings)"].width < styles["P"].width


def test_every_fuser_looks_different():
    styles = style_fusers([f"{kind}{i}" for kind, count in (("P", 28), ("max", 8)) for i in range(count)])
    assert len({(style.color, style.dash) for style in styles.values()}) == 36


def test_the_first_five_keep_off_the_colours_of_the_truth():
    assert not {style.color for style in style_fusers("ABCDE").values()} & {NEGATIVE, POSITIVE}


def test_a_baseline_moves_no_colour():
    assert style_fusers(["max", "P"])["P"] == style_fusers(["P"])["P"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3600, "3,600"),
        (900.0, "900"),
        (1.0, "1.000"),
        (0.5, "0.500"),
        (float("nan"), "–"),
        (float("inf"), "inf"),
        (12345.6, "12,346"),
        ("a", "a"),
        (True, "True"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text
