"""Optical density per scanner, and the way to 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.ddsm.density import FORMULAS, SCANNERS, grey_to_16_bits, optical_density, scanner_of, to_16_bits
from taskfusion.errors import DataError

# The format description's check values, not clipped.
CHECKS = {
    "dba": {1: 4.469071, 34: 3.045142, 1000: 1.679749, 3797: 1.141000, 55722: 0.056338, 65535: -0.009161},
    "howtek-mgh": {0: 3.789, 1000: 2.843320, 4006: 0.000606, 4095: -0.083560},
    "howtek-ismd": {0: 3.966041, 1000: 2.975483, 4003: 0.000837, 4095: -0.090294},
    "lumisys": {61: 3.999950, 495: 3.569826, 2478: 1.604533, 4095: 0.001972},
}
# A step wedge measured on the DBA scanner (USF): optical density of each grey.
WEDGE = {55722: 0.04, 18445: 0.50, 5648: 0.96, 1772: 1.44, 581: 1.89, 185: 2.37, 65: 2.84, 34: 3.13}


@pytest.mark.parametrize("scanner", CHECKS)
def test_the_check_values(scanner):
    for grey, expected in CHECKS[scanner].items():
        assert optical_density(np.array(grey), scanner) == pytest.approx(expected, abs=6e-7)


def test_the_measured_step_wedge():
    found = optical_density(np.array(list(WEDGE)), "dba")
    np.testing.assert_allclose(found, list(WEDGE.values()), atol=0.1)


def test_grey_zero_of_the_dba_is_its_darkest():
    assert optical_density(np.array(0), "dba") == optical_density(np.array(1), "dba")


@given(st.sampled_from(sorted(FORMULAS)), st.integers(0, 65534))
def test_brighter_film_is_never_darker_in_16_bits(scanner, grey):
    here, next_one = grey_to_16_bits(np.array([grey, grey + 1], np.uint16), scanner)
    assert here <= next_one


@pytest.mark.parametrize("scanner", FORMULAS)
def test_every_scanner_fills_the_range(scanner):
    found = grey_to_16_bits(np.arange(4096 if scanner != "dba" else 65536, dtype=np.uint16), scanner)
    assert found.dtype == np.uint16 and (found.min(), found.max()) == (0, 65535)


def test_one_density_is_one_grey_whatever_the_scanner():
    inverse = {"howtek-mgh": (3.789 - 1.5) / 0.00094568, "lumisys": 4096.99 - 1.5 * 1009.01}
    greys = [int(grey_to_16_bits(np.array([round(grey)], np.uint16), name)[0]) for name, grey in inverse.items()]
    assert abs(greys[0] - greys[1]) < 65535 / 2.95 * 0.001
    assert greys[0] == pytest.approx(65535 * 1.5 / 2.95, abs=20)


def test_the_ends_of_the_range():
    assert to_16_bits(np.array([9, 3.0, 0.05, -1])).tolist() == [0, 0, 65535, 65535]
    assert to_16_bits(np.array([2.0]), lowest=0, highest=4).tolist() == [32768]


@pytest.mark.parametrize("key", SCANNERS)
def test_site_and_digitizer_name_the_scanner(key):
    site, word = key
    assert scanner_of(f"{site}-1-1", (word, "LASER")) in FORMULAS
    assert scanner_of("B-1-1", ("LUMYSIS",)) == "lumisys"


@pytest.mark.parametrize(
    "case, words", [("D-1-1", ("DBA",)), ("E-1-1", ("LUMISYS",)), ("A-1-1", ("LUMISYS",)), ("", ())]
)
def test_another_pair_is_an_error_and_no_default(case, words):
    with pytest.raises(DataError, match=r"no scanner is known for site .*; known: A DBA, A HOWTEK, B LUMISYS, C"):
        scanner_of(case, words)


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="unknown scanner 'hologic'; known: dba, howtek-ismd, howtek-mgh, lumisys"):
        optical_density(np.zeros(1), "hologic")
    with pytest.raises(DataError, match="a scan must be uint16, got float64"):
        grey_to_16_bits(np.zeros(1), "dba")
    with pytest.raises(DataError, match=r"optical densities 3\.0\.\.1\.0 have no span; expected lowest < highest"):
        to_16_bits(np.zeros(1), 3.0, 1.0)
