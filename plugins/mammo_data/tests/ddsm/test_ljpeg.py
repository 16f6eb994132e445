"""The lossless JPEG reader: PVRG's vectors, every predictor both ways, and nothing but our error for anything else."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from ddsm.jpeg_writer import encode, segment
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mammo_data.ddsm import ljpeg
from mammo_data.ddsm.jpeg_header import read_header
from mammo_data.ddsm.ljpeg import decode
from taskfusion.errors import DataError

# Made with PVRG's own encoder.
TWELVE = np.array([[100, 103, 4095, 0, 7], [2048, 2047, 2049, 12, 3000], [99, 98, 97, 4094, 1]])
SIXTEEN = np.array([[0, 65535, 32768], [1, 32769, 0]])
VECTORS = [
    (
        TWELVE,
        "ffd8ffc3000b0c0003000501011100ffc400180000030101000000000000000000000000010b0c0203ffda0008010100010000"
        "431eef988003bbe70690155d621880be76002fffd9",
    ),
    (
        TWELVE,
        "ffd8ffc3000b0c0003000501011100ffc4001600010101000000000000000000000000000b0c04ffda0008010100020000"
        "0630667ff9ff00c019e71e60007657620c40c40bf7f94891ffd9",
    ),
    (
        TWELVE,
        "ffd8ffc3000b0c0003000501011100ffc4001600010101000000000000000000000000000a0c0bffda0008010100070000"
        "c18c1a5799200006de71e60010175d7e0c40c017df91112fffd9",
    ),
    (
        SIXTEEN,
        "ffd8ffc3000b100002000301011100ffc400160000030000000000000000000000000000010f10ffda0008010100010000"
        "820000cfff00ff00ffd9",
    ),
    (
        SIXTEEN,
        "ffd8ffc3000b100002000301011100ffc400170000030100000000000000000000000000010e100fffda0008010100070000"
        "b3ff00e400026fffd9",
    ),
]
PRECISIONS = st.sampled_from([12, 16])
PREDICTORS = st.integers(1, 7)


def images(precision: int):
    shapes = st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda s: s[0] * s[1])
    return arrays(np.uint16, shapes, elements=st.integers(0, 2**precision - 1))


def smooth(rows: int, columns: int, precision: int) -> np.ndarray:
    """Like a film: neighbours alike, a little noise."""
    y, x = np.mgrid[:rows, :columns]
    noise = np.random.default_rng(0).integers(0, 5, (rows, columns))
    return ((np.hypot(y, x) / np.hypot(rows, columns) * 0.9) * 2**precision + noise).astype(np.uint16)


@pytest.mark.parametrize("image, stream", VECTORS)
def test_pvrg_s_own_streams_decode_exactly(image, stream):
    decoded = decode(bytes.fromhex(stream))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize(("image", "precision"), [(TWELVE, 12), (SIXTEEN, 16)])
def test_the_vectors_images_come_back_exactly_from_all_seven_predictors(image, precision, predictor):
    np.testing.assert_array_equal(decode(encode(image, precision, predictor)), image)


@pytest.mark.parametrize("image, stream", VECTORS[:4])  # the last has two equally good Huffman tables
def test_the_tests_own_encoder_writes_pvrg_s_streams_byte_for_byte(image, stream):
    there = bytes.fromhex(stream)
    precision, predictor = there[6], there[there.index(b"\xff\xda") + 7]
    assert encode(image, precision, predictor) == there


@given(st.data(), PRECISIONS, PREDICTORS)
def test_every_predictor_and_precision_comes_back_as_it_was(data, precision, predictor):
    image = data.draw(images(precision))
    np.testing.assert_array_equal(decode(encode(image, precision, predictor)), image)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("shape", [(31, 70), (70, 31), (1, 40), (40, 1)])
@pytest.mark.parametrize("precision", [9, 12, 16])
def test_films_of_every_shape_come_back_as_they_were(predictor, shape, precision):
    image = smooth(*shape, precision)
    np.testing.assert_array_equal(decode(encode(image, precision, predictor)), image)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_another_encoder_s_stream_is_told_by_what_is_plausible(predictor):
    image = smooth(40, 30, 12)
    image[0, ::2] = 4095  # a first row that the wrong rule drives out of range
    np.testing.assert_array_equal(decode(encode(image, 12, predictor, pvrg=False)), image)


def test_a_flat_film_takes_a_bit_a_sample():
    flat = np.full((64, 64), 2048, np.uint16)
    stream = encode(flat, 12, 7)
    assert len(stream) < 64 * 64 / 8 + 60
    np.testing.assert_array_equal(decode(stream), flat)


def test_a_stream_cut_off_anywhere_is_refused():
    whole = encode(smooth(12, 9, 12), 12, 2)
    for length in range(len(whole) - 1):
        with pytest.raises(DataError, match=r"cut off|before its data begin|not a JPEG"):
            decode(whole[:length])


@pytest.mark.parametrize("predictor", range(1, 8))
def test_a_cut_behind_which_an_end_was_put_is_noticed(predictor):
    whole = encode(smooth(40, 40, 12), 12, predictor)
    with pytest.raises(DataError, match=r"cut off|damaged"):
        decode(whole[: len(whole) // 2].rstrip(b"\xff") + b"\xff\xd9")


@given(st.binary(min_size=1, max_size=8), st.integers(0, 10**6), PREDICTORS)
def test_damage_gives_our_error_or_an_image_of_that_size(patch, at, predictor):
    stream = bytearray(encode(smooth(12, 10, 12), 12, predictor))
    at %= len(stream)
    stream[at : at + len(patch)] = patch
    _decode_or_refuse(bytes(stream))


@given(st.binary(max_size=300))
def test_any_bytes_give_our_error(data):
    _decode_or_refuse(data)
    _decode_or_refuse(b"\xff\xd8" + data)


@given(st.binary(max_size=60), st.integers(1, 16), PREDICTORS, st.integers(1, 40), st.integers(1, 40))
def test_any_data_behind_a_good_header_give_our_error(data, precision, predictor, rows, columns):
    header = encode(np.zeros((2, 2), np.uint16), 12, predictor)
    frame = segment(0xC3, bytes([precision, 0, rows, 0, columns, 1, 1, 0x11, 0]))
    full = segment(0xC4, bytes([0, *[0] * 4, 17, *[0] * 11, *range(17)]))
    scan = header[header.index(b"\xff\xda") :][:10]
    _decode_or_refuse(b"\xff\xd8" + frame + full + scan + data + b"\xff\xd9")


def _decode_or_refuse(data: bytes) -> None:
    try:
        image = decode(data)
    except DataError:
        return
    header = read_header(data)
    assert image.shape == (header.rows, header.columns)
    assert image.max() < 1 << header.precision


def with_frame(**changes: int) -> bytes:
    at = {"precision": 4, "rows": 5, "columns": 7, "components": 9}
    stream = bytearray(encode(np.zeros((3, 3), np.uint16)))
    for name, value in changes.items():
        width = 2 if name in ("rows", "columns") else 1
        stream[at[name] + 2 : at[name] + 2 + width] = value.to_bytes(width, "big")
    return bytes(stream)


def test_a_huge_declared_size_takes_no_memory():
    tracemalloc.start()
    for data in (with_frame(rows=65535, columns=65535), with_frame(rows=5000, columns=5000)):
        with pytest.raises(DataError, match="are declared"):
            decode(data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


BROKEN = {
    "not a JPEG: begins with 89504e47; expected ffd8": b"\x89PNG\r\n",
    "not a JPEG: begins with nothing": b"",
    "another process (marker FFC0); expected lossless Huffman, FFC3": b"\xff\xd8" + segment(0xC0, bytes(9)),
    "the JPEG ends before its data begin": b"\xff\xd8" + segment(0xE0, b"JFIF"),
    "the JPEG is cut off inside its header": b"\xff\xd8\xff\xc3\x00\x0b\x0c",
    "byte 2 is 00; expected a marker": b"\xff\xd8\x00",
    "a JPEG of 3 components in a frame of 9 bytes; expected 1 in 9": with_frame(components=3),
    "a JPEG of 8 bits; expected 9..16": with_frame(precision=8),
    "a JPEG of 0 rows and 3 columns has no pixels": with_frame(rows=0),
    "65535 x 65535 samples are declared; at most 67108864 are read": with_frame(rows=65535, columns=65535),
    "less than a bit each": with_frame(rows=300),
    "restart intervals are not supported": b"\xff\xd8" + segment(0xDD, b"\0\5"),
    "a scan before its frame": b"\xff\xd8" + segment(0xDA, bytes(6)),
    "a scan that is not of one component": with_frame().replace(b"\xff\xda\0\x08\1", b"\xff\xda\0\x08\2"),
    "Huffman table 1 is missing": with_frame().replace(b"\xff\xda\0\x08\1\1\0", b"\xff\xda\0\x08\1\1\x10"),
    "predictor 0 and point transform 0; expected predictor 1..7 and 0": encode(np.zeros((3, 3), np.uint16)).replace(
        b"\xff\xda\0\x08\1\1\0\1", b"\xff\xda\0\x08\1\1\0\0"
    ),
    "a Huffman table is longer than its segment": b"\xff\xd8" + segment(0xC4, bytes([0, *[1] * 16, 1, 2])),
    "codes no lossless differences": b"\xff\xd8" + segment(0xC4, bytes([0, 3, *[0] * 15, 1, 2, 3])),
    "marker FFD0 inside the data": with_frame()[:-2] + b"\xff\xd0\xff\xd9",
    "its end marker is missing": with_frame()[:-2],
}


@pytest.mark.parametrize("message", BROKEN)
def test_every_fault_is_named(message):
    with pytest.raises(DataError, match=re.escape(message)):
        decode(BROKEN[message])


def test_left_over_data_are_damage():
    whole = encode(smooth(8, 8, 12), 12, 1)
    with pytest.raises(DataError, match=r"its samples need \d+ bits, but \d+ are there"):
        decode(whole[:-2] + bytes(12) + b"\xff\xd9")


def test_data_that_make_no_sense_are_damage():
    two_categories = bytes([0, 0, 2, *[0] * 14, 12, 11])  # none for 0, which a decoder puts where data end
    stream = encode(np.zeros((3, 3), np.uint16))
    start, end = stream.index(b"\xff\xc4"), stream.index(b"\xff\xda")
    with pytest.raises(DataError, match="its data make no sense from some place on"):
        decode(stream[:start] + segment(0xC4, two_categories) + stream[end:-2] + b"\xff\0\xff\0\xff\xd9")


def test_a_sample_beyond_the_precision_is_damage():
    stream = bytearray(encode(np.full((3, 3), 4000, np.uint16), 12, 1))
    stream[6] = 11
    with pytest.raises(DataError, match="a sample is 2976, too large for 11 bits"):
        decode(bytes(stream))


def test_what_the_library_refuses_is_our_error(monkeypatch):
    import imagecodecs

    def refuse(data: bytes) -> np.ndarray:
        raise imagecodecs.Jpeg8Error("jpeg8_decode", "no")

    monkeypatch.setattr(imagecodecs, "jpeg8_decode", refuse)
    with pytest.raises(DataError, match=r"damaged JPEG: .*no"):
        decode(with_frame())
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", lambda data: np.zeros((1, 1), np.uint8))
    with pytest.raises(DataError, match=r"decodes to \(1, 1\) uint8"):
        ljpeg.decode(with_frame())
