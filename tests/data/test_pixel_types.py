"""The meaning of pixels' numbers: every mode and format that Pillow writes, against numpy's arithmetic."""

import io
import struct
import zlib

import numpy as np
import pytest
from helpers.tiff import tiff
from PIL import Image, TiffImagePlugin

from jointnn.data.image_formats import readable
from jointnn.data.images import decode, encode_png, resize, to_channels
from jointnn.errors import UserError

SIDE = 16
WIDE = ("I", "F", "I;16", "I;16B", "I;16L")
CHANGED_BY_THE_WRITER = {
    *((name, mode) for name in ("GIF", "WEBP", "AVIF") for mode in (*WIDE, "LAB")),
    *((name, "RGBA") for name in ("PPM", "BMP", "DIB")),
    *(("GIF", "LA"), ("GIF", "RGBA"), ("GIF", "PA"), ("JPEG2000", "I;16B")),
}
"""Pillow writes these as another mode, without transparency, or with their bytes in the wrong order."""
REFUSED = {("TIFF", "I"), ("TIFF", "LAB"), ("ICNS", "P")}
INEXACT = {"JPEG": 4, "MPO": 4, "AVIF": 4, "GIF": 0, "WEBP": 0, "JPEG2000": 0}
"""By how many of 255 steps a lossy format may be off on one colour."""


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def of_ycbcr(numbers: np.ndarray) -> np.ndarray:
    y, cb, cr = (numbers[..., k].astype(float) - (128 if k else 0) for k in range(3))
    return np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)


def example(mode: str) -> tuple[Image.Image, np.ndarray]:
    """An image of one mode and one colour per half, and the colours that it shows, (H, W, 3) of 0..255."""
    halves = np.repeat(np.repeat(np.arange(2), SIDE // 2)[None], SIDE, axis=0)

    def of(*two: object) -> np.ndarray:
        return np.array(two)[halves]

    if mode == "1":
        return Image.fromarray(of(False, True)), of(0, 255)[..., None].repeat(3, 2)
    if mode in ("L", "I", "F") or mode.startswith("I;16"):
        levels = {"L": of(40, 200).astype(np.uint8), "F": of(0.25, 0.75).astype(np.float32)}
        numbers = levels.get(mode, of(1000, 50000))
        whole = {"L": 255, "F": 1}.get(mode, 65535)
        if mode.startswith("I;16"):
            raw = numbers.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
            image = Image.frombytes(mode, (SIDE, SIDE), raw)
        else:
            image = Image.fromarray(numbers.astype(np.int32) if mode == "I" else numbers)
        return image, (numbers * (255 / whole))[..., None].repeat(3, 2)
    if mode in ("P", "PA"):
        colours = of([10, 60, 110], [160, 210, 250])
        image = Image.fromarray(halves.astype(np.uint8)).convert("P")
        image.putpalette([10, 60, 110, 160, 210, 250])
        if mode == "PA":
            image = image.convert("PA")
            image.putalpha(Image.fromarray(of(255, 51).astype(np.uint8)))
            return image, over_white(colours, of(255, 51))
        return image, colours
    if mode == "LA":
        numbers = of([40, 255], [200, 51])
        return Image.fromarray(numbers.astype(np.uint8), mode), over_white(
            numbers[..., :1].repeat(3, 2), numbers[..., 1]
        )
    numbers = of([10, 60, 110, 255], [160, 210, 250, 51])
    if mode in ("RGB", "RGBX", "YCbCr", "LAB", "HSV"):
        bands = 4 if mode == "RGBX" else 3
        image = Image.frombytes(mode, (SIDE, SIDE), numbers[..., :bands].astype(np.uint8).tobytes())
        if mode == "YCbCr":
            numbers = of([100, 120, 140], [180, 130, 110])
            image = Image.frombytes(mode, (SIDE, SIDE), numbers.astype(np.uint8).tobytes())
            return image, of_ycbcr(numbers).clip(0, 255)
        return image, numbers[..., :3]
    image = Image.frombytes(mode, (SIDE, SIDE), numbers.astype(np.uint8).tobytes())
    if mode == "CMYK":
        return image, (255 - numbers[..., :3]) * (255 - numbers[..., 3:]) / 255
    return image, over_white(numbers[..., :3], numbers[..., 3])  # RGBA


def written(image: Image.Image, name: str) -> bytes:
    """The image in a format, without loss where it can be; empty where Pillow does not write it."""
    buffer = io.BytesIO()
    options = {
        "WEBP": {"lossless": True},
        "JPEG": {"quality": 100, "subsampling": 0},
        "MPO": {"quality": 100, "subsampling": 0},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    try:
        image.save(buffer, name, **options.get(name, {}))
    except (OSError, ValueError, KeyError):
        return b""
    return buffer.getvalue()


MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", *WIDE)


@pytest.mark.parametrize("mode", MODES)
def test_every_format_that_pillow_writes_shows_what_its_numbers_mean(mode):
    image, colours = example(mode)
    grey = colours @ np.array([0.299, 0.587, 0.114])
    met = []
    for name in sorted({*readable(), "MPO"} & set(Image.SAVE)):
        content = b"" if (name, mode) in CHANGED_BY_THE_WRITER else written(image, name)
        if not content:
            continue
        met.append(name)
        if (name, mode) in REFUSED:
            with pytest.raises(UserError, match=r"^a\.img (has (signed whole )?numbers|is in the colour)"):
                decode(content, "a.img")
            continue
        shown = decode(content, "a.img")
        off = INEXACT.get(name, 0) + 1
        # Icons are kept in other sizes, whose edges are soft.
        seen = [2, -3] if name == "ICNS" else slice(None)
        found = resize(shown, SIDE, 3).transpose(1, 2, 0) - colours
        assert np.abs(found[:, seen]).max() <= off, (name, mode)
        assert np.abs(resize(shown, SIDE, 1)[0] - grey)[:, seen].max() <= off, (name, mode)
    assert met


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16, "float"])
def test_a_tiff_says_by_its_tags_how_far_its_numbers_reach(bits, white_is_zero, order):
    steps = np.arange(256).reshape(16, 16)
    if bits == "float":
        content = tiff((steps / 255).astype(np.float32), 0, white_is_zero, order)
        share = steps / 255
    else:
        numbers = (steps * (2**bits - 1) // 255).astype(np.uint8 if bits <= 8 else np.uint16)
        content = tiff(numbers, bits, white_is_zero, order)
        share = numbers / (2**bits - 1)
    shown = resize(decode(content, "a.tif"), 16, 1)[0]
    expected = (1 - share if white_is_zero else share) * 255
    assert np.array_equal(shown, expected.round()), (shown, expected)


STEPS = np.arange(256).reshape(16, 16)


def of_undefined_kind(content: bytes, bands: int = 1) -> bytes:
    """A TIFF whose tag SampleFormat is 4."""
    order = "<" if content.startswith(b"II") else ">"
    entry = content.index(struct.pack(f"{order}HHI", 339, 3, bands)) + 8
    place = entry if bands < 3 else struct.unpack(f"{order}I", content[entry : entry + 4])[0]
    kinds = struct.pack(f"{order}{bands}H", *[4] * bands)
    return content[:place] + kinds + content[place + len(kinds) :]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_numbers_of_undefined_kind_are_whole_ones_without_a_sign(bits, white_is_zero, order):
    numbers = (STEPS * (2**bits - 1) // 255).astype(np.uint8 if bits == 8 else np.uint16)
    whole = tiff(numbers, bits, white_is_zero, order)
    content = of_undefined_kind(whole)
    assert content != whole
    expected = np.abs(255 * white_is_zero - numbers / (2**bits - 1) * 255).round()
    assert np.array_equal(resize(decode(content, ""), 16, 1)[0], expected)
    if not white_is_zero and bits != 12:
        colours = of_undefined_kind(tiff(np.stack([numbers, numbers.T, numbers], -1), order=order), 3)
        shown = resize(decode(colours, ""), 16, 3)
        assert np.abs(shown - [expected, expected.T, expected]).max() <= 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize(("kind", "black", "white"), [
    ("u1", 0, 15), ("u1", 16, 235), ("u1", 0, 255), ("i1", -128, 127), ("i1", -10, 100),
    ("u2", 0, 4095), ("u2", 1000, 60_000), ("i2", -2000, 30_000), ("i2", -32_768, 32_767),
    ("u4", 0, 2**32 - 1), ("u4", 2**31 - 5, 2**31 + 1000), ("u4", 0, 101), ("u4", 3 * 2**30, 2**32 - 1),
    ("i4", -(2**31), 2**31 - 1), ("i4", -5, 70_000), ("f4", -3, 8), ("f4", 0, 4095),
])  # fmt: skip
def test_tags_say_what_is_black_and_what_is_white_of_numbers_of_every_kind(
    kind, black, white, white_is_zero, order
):
    share = STEPS / 255
    numbers = (black + share * (white - black)).round().astype(kind)
    content = tiff(numbers, 0, white_is_zero, order, {340: (black,), 341: (white,)})
    share = (numbers.astype(float) - black) / (white - black)
    expected = ((1 - share if white_is_zero else share) * 255).round()
    assert np.abs(resize(decode(content, ""), 16, 1)[0] - expected).max() <= (kind == "f4")


def test_numbers_of_32_bits_without_a_sign_reach_beyond_those_with_one():
    numbers = np.array([[0, 2**30, 2**31, 2**32 - 1]], "<u4")
    content = tiff(numbers, tags={340: (0,), 341: (2**32 - 1,)})
    assert np.asarray(decode(content, "")).tolist() == [[0, 64, 128, 255]]


@pytest.mark.parametrize("order", "<>")
def test_a_tag_that_is_missing_follows_the_type(order):
    for kind, tags, black, white in (
        ("u2", {341: (4095,)}, 0, 4095),
        ("u2", {340: (4095,)}, 4095, 65535),
        ("u1", {341: (15,)}, 0, 15),
        ("u1", {340: (200,)}, 200, 255),
        ("u4", {341: (100_000,)}, 0, 100_000),
        ("f4", {341: (4095,)}, 0, 4095),
    ):
        numbers = (black + STEPS / 255 * (white - black)).round().astype(kind)
        expected = ((numbers.astype(float) - black) / (white - black) * 255).round()
        shown = resize(decode(tiff(numbers, order=order, tags=tags), ""), 16, 1)[0]
        assert np.abs(shown - expected).max() <= (kind == "f4"), (kind, tags)
    for kind, tags, said in (
        ("i2", {341: (4095,)}, "signed whole numbers of 16 bits and no tag SMinSampleValue"),
        ("i1", {341: (40,)}, "signed whole numbers of 8 bits and no tag SMinSampleValue"),
        ("i4", {340: (0,)}, "signed whole numbers of 32 bits and no tag SMaxSampleValue"),
        ("u4", {340: (0,)}, "whole numbers of 32 bits and no tag SMaxSampleValue"),
        ("u1", {340: (15,), 341: (15,)}, "tags that call 15 black and 15 white"),
        ("u2", {340: (15,), 341: (float("nan"),)}, "tags that call 15 black and nan white"),
    ):
        with pytest.raises(UserError, match=f"^a.tif has {said}: nobody says"):
            decode(tiff(STEPS.astype(kind), order=order, tags=tags), "a.tif")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("kind", "black", "white"), [
    ("u1", 0, 15), ("u1", 100, 200), ("u1", 0, 255), ("u2", 0, 4095), ("u2", 0, 65535), ("u2", 500, 900),
])  # fmt: skip
def test_tags_say_what_is_black_and_what_is_white_of_colours(kind, black, white, order):
    steps = np.stack([STEPS, STEPS.T, STEPS[::-1]], axis=-1)
    numbers = (black + steps / 255 * (white - black)).round().astype(kind)
    expected = ((numbers.astype(float) - black) / (white - black) * 255).round().transpose(2, 0, 1)
    for count in (1, 3):
        tags = {340: (black,) * count, 341: (white,) * count}
        shown = resize(decode(tiff(numbers, order=order, tags=tags), ""), 16, 3)
        assert np.abs(shown - expected).max() <= (white == 65535)  # Pillow keeps the upper half alone
    other = {340: (black,) * 3, 341: (white, white, black + 2 * (white - black))}
    if other[341][2] < 256 ** int(kind[1]):  # a band with a range of its own
        shown = resize(decode(tiff(numbers, order=order, tags=other), ""), 16, 3)
        assert np.array_equal(shown[:2], expected[:2])
        assert np.abs(shown[2] - expected[2] / 2).max() <= 1


@pytest.mark.parametrize("order", "<>")
def test_a_compressed_tiff_has_the_pixels_of_the_same_file_without_compression(order):
    for kind, most in (("u1", 255), ("u2", 65535), ("f4", 1)):
        for colours in (False, True):
            numbers = (STEPS / 255 * most).astype(kind)
            numbers = np.stack([numbers, numbers.T, numbers], axis=-1) if colours else numbers
            if (kind, colours) != ("f4", True):
                shown = [
                    decode(tiff(numbers, order=order, compressed=packed), "") for packed in (False, True)
                ]
                assert np.array_equal(*map(np.asarray, shown)), (kind, colours)
                first = np.asarray(shown[0])
                assert np.abs((first[..., 0] if colours else first) - STEPS).max() <= 1


def test_tags_about_numbers_that_pillow_has_changed_are_refused():
    numbers = np.stack([STEPS] * 3, axis=-1)
    buffer = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[341] = 15
    for mode in ("CMYK", "YCbCr", "RGBA", "LA"):
        buffer = io.BytesIO()
        Image.fromarray(numbers.astype(np.uint8)).convert(mode).save(buffer, "TIFF", tiffinfo=tags)
        with pytest.raises(UserError, match=r"^a\.tif has tags SMinSampleValue .* neither grey nor RGB"):
            decode(buffer.getvalue(), "a.tif")
    tags[341] = 255
    buffer = io.BytesIO()
    cmyk = Image.fromarray(numbers.astype(np.uint8)).convert("CMYK")
    cmyk.save(buffer, "TIFF", tiffinfo=tags)
    assert np.array_equal(np.asarray(decode(buffer.getvalue(), "")), np.asarray(cmyk))
    buffer = io.BytesIO()
    tags[341] = 3
    Image.fromarray(numbers.astype(np.uint8)).quantize(8).save(buffer, "TIFF", tiffinfo=tags)
    assert np.abs(resize(decode(buffer.getvalue(), ""), 16, 1)[0] - STEPS.astype(float)).max() <= 32


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_tags_say_what_is_white_of_numbers_of_few_bits(bits, white_is_zero):
    most = 2**bits - 1
    numbers = (STEPS * most // 255).astype(np.uint8)
    white = max(1, most // 2)
    content = tiff(numbers, bits, white_is_zero, tags={341: (white,)})
    share = (numbers / white).clip(0, 1)
    expected = ((1 - share if white_is_zero else share) * 255).round()
    assert np.array_equal(resize(decode(content, ""), 16, 1)[0], expected)


@pytest.mark.parametrize("order", "<>")
def test_a_range_is_that_of_the_tags_of_a_compressed_tiff_too(order):
    for kind in ("u1", "u2", "u4", "i1", "i2", "i4", "f4"):
        for white_is_zero in (False, True):
            numbers = (STEPS // 17).astype(kind)
            content = tiff(numbers, 0, white_is_zero, order, {340: (0,), 341: (15,)}, compressed=True)
            expected = np.abs(255 * white_is_zero - (STEPS // 17) * 17)
            assert np.array_equal(resize(decode(content, ""), 16, 1)[0], expected), kind
    steps = np.stack([STEPS, STEPS.T, STEPS], axis=-1) // 17
    content = tiff(steps.astype("u1"), order=order, tags={341: (15,) * 3}, compressed=True)
    assert np.array_equal(resize(decode(content, ""), 16, 3), steps.transpose(2, 0, 1) * 17)
    with pytest.raises(UserError, match=r"^a\.tif has colours of 16 bits, and tags SMinSampleValue"):
        decode(tiff(steps.astype("u2"), order=order, tags={341: (15,) * 3}, compressed=True), "a.tif")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "bands"), [("u1", 1), ("u1", 3), ("u2", 1), ("u2", 3), ("u4", 1), ("f4", 1)]
)
def test_a_picture_with_a_range_is_turned_upright(kind, bands, turn):
    flat = np.arange(15).reshape(3, 5)
    numbers = np.stack([flat + k for k in range(bands)], axis=-1) if bands > 1 else flat
    content = tiff(numbers.astype(kind), tags={340: (0,), 341: (17,), 274: (turn,)})
    upright = {
        1: numbers, 2: numbers[:, ::-1], 3: numbers[::-1, ::-1], 4: numbers[::-1],
        5: numbers.swapaxes(0, 1), 6: np.rot90(numbers, 3), 7: np.rot90(numbers, 2).swapaxes(0, 1),
        8: np.rot90(numbers),
    }[turn]  # fmt: skip
    assert np.array_equal(np.asarray(decode(content, "")), upright * 15)


def test_numbers_without_a_known_range_are_refused_unless_tags_tell_it():
    numbers = np.arange(-50, 206).reshape(16, 16)
    for kind in (np.int8, np.int16, np.int32, np.uint32):
        for order in "<>":
            with pytest.raises(UserError, match=r"^a\.tif (has|is a TIFF with 1 band of)"):
                decode(tiff(numbers.astype(kind), order=order), "a.tif")
    for kind in (np.int16, np.int32, np.float32):
        content = tiff(numbers.astype(kind), tags={340: (-50,), 341: (205,)})
        assert np.array_equal(resize(decode(content, ""), 16, 1)[0], numbers + 50)
        inverse = tiff(numbers.astype(np.float32), 0, True, tags={340: (0,), 341: (51,)})
    assert np.array_equal(resize(decode(inverse, ""), 16, 1)[0], 255 - (numbers * 5).clip(0, 255))
    with pytest.raises(UserError, match="call 3 black and 3 white"):
        decode(tiff(numbers.astype(np.float32), tags={340: (3,), 341: (3,)}), "a.tif")


@pytest.mark.parametrize(("number", "said"), [
    (np.nan, "has 1 pixel of NaN or infinity"),
    (np.inf, "has 1 pixel of NaN or infinity"),
    (255.0, "floating-point numbers from 0 to 255 instead of 0 to 1"),
    (-0.1, "floating-point numbers from -0.1 to 0 instead of 0 to 1"),
])  # fmt: skip
def test_floating_point_numbers_that_are_no_share_of_white_are_refused(number, said):
    numbers = np.zeros((4, 4), np.float32)
    numbers[1, 2] = number
    with pytest.raises(UserError, match=f"^a.tif .*{said}"):
        decode(tiff(numbers), "a.tif")
    with pytest.raises(UserError, match=f"^The image .*{said}"):
        to_channels(Image.fromarray(numbers), 1)


def test_an_image_in_memory_whose_type_says_nothing_is_refused():
    with pytest.raises(UserError, match=r"^The image has whole numbers of 32 bits"):
        resize(Image.fromarray(np.zeros((4, 4), np.int32)), 4, 1)


def with_chunk(content: bytes, kind: bytes, data: bytes) -> bytes:
    """A PNG with a chunk behind its header."""
    chunk = struct.pack(">I", len(data)) + kind + data
    return content[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + content[33:]


def png(rows: np.ndarray, width: int, depth: int, colour: int) -> bytes:
    """A PNG of packed rows."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    raw = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    content = b"\x89PNG\r\n\x1a\n" + bytes(25)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", raw), (b"IEND", b""))
    )
    return content[:8] + chunks


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_png_with_a_transparent_number_shows_white_there_and_nowhere_else(depth):
    numbers = (np.arange(256).reshape(16, 16) * (2**depth - 1)) // 255
    if depth < 8:
        bits = np.unpackbits(numbers.astype(np.uint8)[..., None], axis=2)[:, :, 8 - depth :]
        rows = np.packbits(bits.reshape(16, -1), axis=1)
    else:
        rows = numbers.astype(np.uint8 if depth == 8 else ">u2")
    plain = png(rows, 16, depth, 0)
    expected = (numbers * 255 / (2**depth - 1)).round()
    assert np.array_equal(resize(decode(plain, ""), 16, 1)[0], expected)
    chosen = int(numbers[3, 3])
    clear = with_chunk(plain, b"tRNS", struct.pack(">H", chosen))
    assert np.array_equal(resize(decode(clear, ""), 16, 1)[0], np.where(numbers == chosen, 255, expected))


def test_a_colour_png_of_16_bits_with_a_transparent_colour_is_refused_and_without_one_read():
    numbers = np.arange(16 * 16 * 3).reshape(16, 48) * 85
    plain = png(numbers.astype(">u2"), 16, 16, 2)
    shown = resize(decode(plain, ""), 16, 3).transpose(1, 2, 0)
    assert np.abs(shown - numbers.reshape(16, 16, 3) / 257).max() <= 1
    with pytest.raises(
        UserError, match=r"^a\.png has colours of 16 bits and calls one of them transparent"
    ):
        decode(with_chunk(plain, b"tRNS", struct.pack(">HHH", 0, 85, 170)), "a.png")


@pytest.mark.parametrize("most", [1, 100, 255, 300, 1023, 4095, 65535])
def test_a_pgm_file_says_what_is_white(most):
    numbers = np.arange(256).reshape(16, 16) * most // 255
    raw = numbers.astype(np.uint8 if most < 256 else ">u2").tobytes()
    shown = resize(decode(b"P5 16 16 %d\n" % most + raw, ""), 16, 1)[0]
    assert np.abs(shown - numbers * 255 / most).max() <= 0.51


def test_a_turned_picture_of_16_bits_is_turned_and_keeps_its_levels():
    numbers = (np.arange(16, dtype=np.uint16) * 257 * 17).reshape(4, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(numbers).save(buffer, "PNG", exif=exif)
    assert np.array_equal(resize(decode(buffer.getvalue(), ""), 4, 1)[0], np.rot90(numbers, 3) / 257)


def test_eight_bits_stay_as_they_are():
    numbers = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(np.asarray(decode(encode_png(numbers), "")), numbers)
