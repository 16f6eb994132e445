import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalMammographyXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from mammo_data.dicom.image import DicomImage
from mammo_data.dicom.pixels import read_pixels
from mammo_data.dicom.unusable import UnusableError
from taskfusion.errors import DataError


def table(values, first=0, bits=16):
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "US", [int(value) for value in values])
    return Sequence([item])


@pytest.fixture
def read(tmp_path, dicom, write):
    """Write a mammogram of these pixels and tags, and read it."""

    def run(pixels, window=True, syntax=ExplicitVRLittleEndian, **tags):
        return read_pixels(write(dicom(pixels, **tags), tmp_path / "image", syntax), window)

    return run


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_every_way_to_write_uncompressed_pixels_gives_them_back(read, draw, syntax):
    pixels = read(draw(), syntax=syntax)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, draw())


def test_big_endian_files_are_read(tmp_path, dicom, write, draw):
    dataset = dicom(draw().byteswap())
    path = write(dataset, tmp_path / "big", ExplicitVRBigEndian)
    np.testing.assert_array_equal(read_pixels(path), draw())


def test_files_without_preamble_and_meta_header_are_read(tmp_path, dicom, draw):
    for implicit, little in ((True, True), (False, True), (False, False)):
        dataset = dicom(draw() if little else draw().byteswap())
        dataset["PixelData"].VR = "OW"
        path = tmp_path / f"bare{implicit}{little}"
        dataset.save_as(path, implicit_vr=implicit, little_endian=little)
        np.testing.assert_array_equal(read_pixels(path), draw())


def test_run_length_encoded_pixels_are_read(tmp_path, dicom, write, draw):
    path = write(dicom(draw()), tmp_path / "plain")
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "rle")
    np.testing.assert_array_equal(read_pixels(tmp_path / "rle"), draw())


@pytest.fixture
def packed(tmp_path, dicom, write):
    """Write pixels, compressed."""

    def run(pixels, stream, syntax, **tags):
        dataset = dicom(pixels, **{"BitsStored": 12, **tags}, PixelData=encapsulate([stream]))
        dataset["PixelData"].is_undefined_length = True
        return write(dataset, tmp_path / "packed", syntax)

    return run


STREAMS = [
    (JPEGLosslessSV1, lambda pixels: imagecodecs.ljpeg_encode(pixels, bitspersample=12)),
    (JPEGLSLossless, imagecodecs.jpegls_encode),
    (JPEG2000Lossless, lambda pixels: imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k")),
]


@pytest.mark.parametrize(("syntax", "encode"), STREAMS)
def test_lossless_compression_is_undone_exactly(packed, draw, syntax, encode):
    np.testing.assert_array_equal(read_pixels(packed(draw(), encode(draw()), syntax)), draw())


def test_compressed_signed_values_get_their_sign_back(packed):
    stored = np.array([[-2048, -5], [0, 2047]], np.int16).repeat(8, axis=0).repeat(8, axis=1)
    stream = imagecodecs.ljpeg_encode(stored.view(np.uint16) & 0xFFF, bitspersample=12)
    found = read_pixels(packed(stored, stream, JPEGLosslessSV1, PixelRepresentation=1))
    np.testing.assert_array_equal(found, stored.astype(int) + 2048)


def test_lossy_jpeg_of_eight_bits_comes_close(packed):
    pixels = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (40, 1))
    tags = {"BitsStored": 8, "HighBit": 7}
    found = read_pixels(packed(pixels, imagecodecs.jpeg8_encode(pixels, level=98), JPEGBaseline8Bit, **tags))
    assert np.abs(found.astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("syntax", "encode"), STREAMS)
def test_streams_that_end_too_early_are_refused(packed, draw, syntax, encode, share):
    stream = encode(draw())
    with pytest.raises(UnusableError, match="the pixels cannot be decoded") as found:
        read_pixels(packed(draw(), stream[: int(share * len(stream))], syntax))
    assert found.value.kind == "truncated"


@pytest.mark.parametrize(("syntax", "encode"), STREAMS)
@given(data=st.data())
def test_damaged_streams_give_pixels_or_our_error(tmp_path_factory, dicom, write, syntax, encode, data):
    whole = dicom()
    stream = bytearray(encode(np.frombuffer(whole.PixelData, np.uint16).reshape(whole.Rows, whole.Columns)))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    whole.PixelData = encapsulate([bytes(stream)])
    whole["PixelData"].is_undefined_length = True
    path = write(whole, tmp_path_factory.mktemp("fuzz") / "image", syntax)
    try:
        assert read_pixels(path).shape == (whole.Rows, whole.Columns)
    except UnusableError as error:
        assert error.reason


def test_higher_is_denser_whatever_the_file_says(read, draw):
    np.testing.assert_array_equal(read(4095 - draw(), PhotometricInterpretation="MONOCHROME1"), draw())


@pytest.mark.parametrize(("sign", "photometric"), [(1, "MONOCHROME2"), (1, "MONOCHROME1"), (-1, "MONOCHROME1")])
def test_raw_images_say_by_a_tag_of_their_own_what_is_denser(read, draw, sign, photometric):
    raw = {"SOPClassUID": DigitalMammographyXRayImageStorageForProcessing, "PixelIntensityRelationshipSign": sign}
    pixels = read(4095 - draw() if sign == 1 else draw(), PhotometricInterpretation=photometric, **raw)
    np.testing.assert_array_equal(pixels, draw())


def test_eight_bits_stay_eight_bits(read):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(read(pixels), pixels)


def test_signed_values_begin_at_zero(read):
    pixels = np.array([[-2048, -5], [0, 2047]], np.int16)
    np.testing.assert_array_equal(read(pixels), [[0, 2043], [2048, 4095]])


@pytest.mark.parametrize(("slope", "intercept"), [("1", "-100"), ("2", "7"), ("-1", "0")])
def test_rescaled_values_begin_at_zero_and_keep_their_order(read, slope, intercept):
    pixels = np.array([[0, 100], [2000, 4095]], np.uint16)
    found = read(pixels, RescaleSlope=slope, RescaleIntercept=intercept)
    np.testing.assert_array_equal(found, (pixels if float(slope) > 0 else 4095 - pixels) * abs(int(slope)))


def test_fractions_and_wide_ranges_use_all_sixteen_bits(read):
    pixels = np.array([[0, 4095]], np.uint16)
    for slope in ("0.001", "100"):
        np.testing.assert_array_equal(read(pixels, RescaleSlope=slope, RescaleIntercept="3"), [[0, 65535]])


@pytest.mark.parametrize("name", ["ModalityLUTSequence", "VOILUTSequence"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lookup_tables_are_applied_whatever_the_width_of_their_entries(read, name, bits):
    top = 2**bits - 1
    values = np.linspace(0, top, 4096).astype(int)
    pixels = np.array([[0, 300], [2000, 4095]], np.uint16)
    found = read(pixels, **{name: table(values, bits=bits)})
    np.testing.assert_array_equal(found, values[pixels])


def test_the_window_is_applied_unless_it_is_not_wanted(read):
    pixels = np.array([[0, 1000], [2000, 4095]], np.uint16)
    window = {"WindowCenter": "1500", "WindowWidth": "1001"}
    found = read(pixels, **window)
    assert found[0].tolist() == [0, 2]
    assert found[1].tolist() == [4095, 4095]
    np.testing.assert_array_equal(read(pixels, window=False, **window), pixels)


def test_a_sigmoid_window_keeps_the_order(read):
    pixels = np.arange(0, 4096, 64, dtype=np.uint16)[None]
    found = read(pixels, WindowCenter="2000", WindowWidth="500", VOILUTFunction="SIGMOID")
    assert (np.diff(found[0].astype(int)) >= 0).all()
    assert found.min() == 0
    assert found.max() == 4095


def test_what_was_padded_around_the_image_is_background(read):
    pixels = np.array([[4000, 4095], [10, 4090]], np.uint16)
    found = read(pixels, PixelPaddingValue=0xFFF, PixelPaddingRangeLimit=4090, PhotometricInterpretation="MONOCHROME2")
    np.testing.assert_array_equal(found, [[4000, 0], [10, 0]])


@pytest.mark.parametrize(
    ("tags", "kind", "reason"),
    [
        ({"PixelData": None}, "no pixels", "has no PixelData"),
        ({"PixelData": b"\x00" * 20}, "truncated", "the pixels cannot be decoded: ValueError"),
        ({"NumberOfFrames": 3}, "multi-frame", "holds 3 frames; expected one image"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "colour", "holds 3 x RGB; expected one of MONO"),
        ({"PhotometricInterpretation": None}, "colour", "holds 1 x unknown"),
        ({"Rows": None}, "missing tag", "gives its size as 0 rows, 40 columns; expected positive numbers"),
        ({"Rows": 60000, "Columns": 60000}, "unreadable", "no detector is so large"),
        ({"BitsStored": 17}, "unreadable", "stores 17 of 16 bits; expected 8 or 16 with at least 1 used"),
        ({"RescaleSlope": "0", "RescaleIntercept": "5"}, "unreadable", r"would lie in 5\.0\.\.5\.0; expected a finite"),
        ({"WindowCenter": "5", "WindowWidth": "0"}, "unreadable", "the grey values cannot be understood: ValueError"),
        ({"VOILUTSequence": table([1, 2], bits=40)}, "unreadable", "has entries of 40 bits; expected at most 16"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_a_reason(read, draw, tags, kind, reason):
    with pytest.raises(UnusableError, match=reason) as found:
        read(draw(), **tags)
    assert found.value.kind == kind


def test_a_compression_without_decoder_is_named(tmp_path, dicom, write):
    dataset = dicom(PixelData=encapsulate([b"anything"]))
    dataset["PixelData"].is_undefined_length = True
    for syntax, name in (("1.2.840.10008.1.2.4.100", "MPEG2"), ("1.2.840.10008.1.2.4.102", "MPEG-4")):
        with pytest.raises(UnusableError, match=f"is compressed as {name}.*, for which there is no decoder") as found:
            read_pixels(write(dataset, tmp_path / "packed", syntax))
        assert found.value.kind == "no decoder"


def test_an_image_of_a_table_s_cohort_names_its_file_where_it_cannot_be_read(tmp_path, dicom, write, draw):
    image = DicomImage(write(dicom(draw()), tmp_path / "image"))
    np.testing.assert_array_equal(image.read(), draw())
    assert image.fingerprint() != DicomImage(image.path, window=False).fingerprint()
    image.path.write_text("hello")
    with pytest.raises(DataError, match=r"image not readable: .*image: is no DICOM file"):
        image.read()


@given(data=st.data())
def test_damaged_files_give_pixels_or_our_error(tmp_path_factory, dicom, write, data):
    path = tmp_path_factory.mktemp("fuzz") / "image"
    whole = write(dicom(), path).read_bytes()
    path.write_bytes(mutated(whole, data))
    try:
        pixels = read_pixels(path)
    except UnusableError as error:
        assert error.reason
    else:
        assert pixels.dtype == np.uint16
        assert pixels.ndim == 2


def mutated(whole, data):
    """A few bytes changed, cut out or doubled."""
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(damaged) - 1, 900)))
        what = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if what == "change":
            damaged[place] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del damaged[place : place + data.draw(st.integers(1, 400))]
        else:
            damaged[place:place] = data.draw(st.binary(min_size=1, max_size=12))
        if not damaged:
            break
    return bytes(damaged)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x08\x00", bytes(128) + b"DICM"]))
def test_anything_else_is_refused(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("fuzz") / "image"
    path.write_bytes(start + content)
    with pytest.raises(UnusableError):
        read_pixels(path)
