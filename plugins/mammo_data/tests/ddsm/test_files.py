"""Bounded reading."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.ddsm.files import read_bytes, read_text, shown, whole
from taskfusion.errors import DataError


@pytest.mark.parametrize("name, pack", [("a.ics", bytes), ("a.ics.gz", gzip.compress)])
def test_files_come_whole_and_unpacked(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(b"DENSITY \xe9"))
    assert read_text(tmp_path / name) == "DENSITY é"


@pytest.mark.parametrize("name, pack", [("a", bytes), ("a.gz", gzip.compress)])
def test_more_than_the_limit_is_not_read(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(bytes(10_000)))
    assert len(read_bytes(tmp_path / name, 10_000)) == 10_000
    with pytest.raises(DataError, match="the file holds more than 9999 bytes"):
        read_bytes(tmp_path / name, 9_999)


def test_what_cannot_be_read_is_our_error(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read: .*No such file"):
        read_bytes(tmp_path / "none", 9)
    (tmp_path / "empty").touch()
    with pytest.raises(DataError, match="the file is empty"):
        read_bytes(tmp_path / "empty", 9)


@given(st.binary(min_size=1, max_size=4), st.integers(0, 99), st.booleans())
def test_a_damaged_gzip_is_our_error(tmp_path_factory, patch, at, cut):
    data = bytearray(gzip.compress(bytes(range(200))))
    at %= len(data)
    data[at : at + len(patch)] = patch
    path = tmp_path_factory.mktemp("gz") / "a.gz"
    path.write_bytes(data[:at] if cut else data)
    try:
        read_bytes(path, 1000)
    except DataError as error:
        assert str(error).startswith(("cannot be read", "the file is empty"))


def test_whole_numbers_are_short_and_ascii():
    assert [whole(token) for token in ("0", "00", "999999999", "1234567890", "-1", "1.0", "²", "")] == [
        0, 0, 999999999, None, None, None, None, None
    ]  # fmt: skip


def test_what_stands_in_a_message_is_short_and_printable():
    assert shown("é\0") == r"'\xe9\x00'"
    assert len(shown("x" * 1000)) < 70
