"""Encoded bytes to pixels, pixels to one size."""

import io
import struct
import zlib

import numpy as np
import pytest
from helpers.tiff import tiff
from PIL import Image, features

from jointnn.data.images import decode, encode_png, resize, rotated
from jointnn.errors import UserError


def test_a_flipped_bit_anywhere_in_the_pixels_of_a_png_is_noticed():
    good = encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8))
    start, end = good.index(b"IDAT"), good.index(b"IEND") - 4
    for position in range(start, end):
        damaged = bytearray(good)
        damaged[position] ^= 16
        with pytest.raises(UserError, match=r"a\.png is damaged"):
            decode(bytes(damaged), "a.png")


def test_an_image_that_is_not_square_is_cut_to_its_centre():
    pixels = np.zeros((4, 10), np.uint8)
    pixels[:, 3:7] = 200
    assert (resize(Image.fromarray(pixels), 4, 1) == 200).all()
    assert (resize(Image.fromarray(pixels.T), 4, 1) == 200).all()


def test_an_image_that_is_squashed_is_seen_whole():
    pixels = np.zeros((4, 10), np.uint8)
    pixels[:, 5:] = 200
    for axis, turned in enumerate([pixels.T, pixels]):
        squashed = resize(Image.fromarray(turned), 4, 1, fit="squash")[0]
        assert (squashed.take(0, axis) == 0).all()
        assert (squashed.take(-1, axis) == 200).all()
        assert squashed.mean() == 100


def test_an_image_of_the_right_size_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    image = decode(encode_png(np.ascontiguousarray(pixels.transpose(1, 2, 0))), "")
    assert np.array_equal(resize(image, 8, 3), pixels)


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    shrunk = resize(Image.fromarray(stripes), 8, 1).astype(int)
    assert np.abs(shrunk - 127.5).max() < 8


def test_a_turn_is_about_the_centre_and_counterclockwise_and_a_quarter_moves_pixels_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8)
    for quarters in range(-3, 4):
        turned = decode(rotated(encode_png(pixels), "x", 90 * quarters), "x")
        assert np.array_equal(np.asarray(turned), np.rot90(pixels, quarters))
    colours = np.stack([pixels, 255 - pixels, pixels.T], axis=2)
    turned = decode(rotated(encode_png(colours), "x", 90), "x")
    assert np.array_equal(np.asarray(turned), np.rot90(colours))


def test_a_slant_turns_a_bar_and_brings_black_in_at_the_corners():
    bar = np.zeros((41, 41), np.uint8)
    bar[20] = 255  # a row through the centre
    turned = np.asarray(decode(rotated(encode_png(bar), "x", 45), "x"), np.float64)
    assert turned.shape == bar.shape and turned[20, 20] > 200
    assert turned[10, 30] > 100 and turned[30, 10] > 100  # up on the right, down on the left
    assert turned[10, 10] == turned[30, 30] == 0
    white = np.full((41, 41), 255, np.uint8)
    slanted = np.asarray(decode(rotated(encode_png(white), "x", 45), "x"))
    assert slanted[0, 0] == slanted[40, 40] == 0 and slanted[20, 20] == 255


def test_enlarging_interpolates_linearly():
    steps = np.tile(np.array([0, 80, 160, 240], np.uint8), (4, 1))
    row = resize(Image.fromarray(steps), 8, 1)[0, 0].tolist()
    assert row == [0, 20, 60, 100, 140, 180, 220, 240]


def test_every_kind_of_image_becomes_8_bit_grey_or_colour():
    grey = np.full((4, 4), 204, np.uint8)
    kinds = {
        "L": Image.fromarray(grey),
        "RGB": Image.fromarray(grey).convert("RGB"),
        "P": Image.fromarray(grey).convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE),
        "CMYK": Image.fromarray(grey).convert("RGB").convert("CMYK"),
        "I;16": Image.fromarray(grey.astype(np.uint16) * 257),
        "LA": Image.fromarray(grey).convert("LA"),
    }
    for kind, image in kinds.items():
        assert image.mode == kind
        assert (resize(image, 4, 1) == 204).all(), kind
        assert resize(image, 4, 3).shape == (3, 4, 4)
        assert (resize(image, 4, 3) == 204).all(), kind


def test_what_is_transparent_becomes_white():
    image = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert (resize(image, 4, 3) == 255).all()


def test_a_photo_is_turned_upright(tmp_path):
    upright = np.zeros((8, 8), np.uint8)
    upright[:4] = 255
    image = Image.fromarray(np.rot90(upright))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that a quarter turn clockwise makes it upright
    image.save(tmp_path / "photo.png", exif=exif)
    turned = resize(decode((tmp_path / "photo.png").read_bytes(), ""), 8, 1)[0]
    assert np.array_equal(turned, upright)


@pytest.mark.slow
def test_a_photo_of_sixty_million_pixels_is_read():
    content = io.BytesIO()
    large = Image.new("1", (10_000, 6_000))
    large.paste(1, (5_000, 0, 10_000, 6_000))
    large.save(content, "PNG")
    before = Image.MAX_IMAGE_PIXELS
    shown = resize(decode(content.getvalue(), "large.png"), 8, 1, fit="squash")[0]
    assert (shown[:, 0] == 0).all()
    assert (shown[:, 7] == 255).all()
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["group4", "raw", "tiff_lzw"])
def test_a_tiff_of_more_pixels_than_pillow_takes_by_itself_is_read(compression):
    content = io.BytesIO()
    large = Image.new("1", (15_000, 12_000))
    large.paste(1, (7_500, 0, 15_000, 12_000))
    large.save(content, "TIFF", compression=compression)
    shown = decode(content.getvalue(), "large.tif").resize((2, 1), Image.Resampling.NEAREST)
    assert np.asarray(shown.convert("L")).tolist() == [[0, 255]]
    assert Image.MAX_IMAGE_PIXELS is not None and large.width * large.height > Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(("alpha_bits", "mode"), [(8, "RGBA"), (0, "RGB")])
def test_the_fourth_byte_of_a_tga_is_transparency_where_its_header_says_so(alpha_bits, mode):
    buffer = io.BytesIO()
    colour = (10, 20, 30)
    Image.new("RGBA", (4, 3), (*colour, 0)).save(buffer, "TGA")
    content = bytearray(buffer.getvalue())
    content[17] = content[17] & 0xF0 | alpha_bits
    image = decode(bytes(content), "a.tga")
    assert image.mode == mode and image.getpixel((1, 1))[:3] == colour


@pytest.mark.parametrize("name", ["WEBP", "JPEG2000", *(["AVIF"] if features.check("avif") else [])])
def test_an_image_of_another_kind_than_its_name_says_is_read(name):
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(content, name)
    shown = resize(decode(content.getvalue(), "photo.jpg"), 8, 3)
    assert np.abs(shown[:, 4, 4].astype(int) - [200, 100, 50]).max() <= 3


def with_mended_sums(content: bytes) -> bytes:
    """A PNG whose check sums fit what it holds."""
    whole, place = content[:8], 8
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        chunk = content[place + 4 : place + 8 + size]
        whole += content[place : place + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        place += 12 + size
    return whole


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_odd_tags_are_not_the_photo(name):
    numbers, exif, file = np.random.default_rng(0), Image.Exif(), io.BytesIO()
    exif.update({0x0112: 6, 0x010E: "what it shows", 0x011A: 72.0, 0x8769: {0x9003: "then"}})
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(file, name, exif=exif)
    whole, tags = file.getvalue(), exif.tobytes()[6:]
    start = whole.index(tags) + 8
    for _ in range(100):
        odd = bytearray(whole)
        for place in numbers.integers(start, start + len(tags) - 8, 2):
            odd[place] = numbers.integers(256)
        content = with_mended_sums(bytes(odd)) if name == "PNG" else bytes(odd)
        assert np.abs(resize(decode(content, ""), 8, 1).astype(int) - 200).max() <= 1


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (np.zeros((4, 4, 5), np.uint8), "is a TIFF with 5 bands of 8 bits, whole numbers"),
        (np.zeros((4, 4, 2), np.uint16), "is a TIFF with 2 bands of 16 bits, whole numbers"),
        (np.zeros((4, 4)), "is a TIFF with 1 band of 64 bits, floating-point numbers"),
    ],
)
def test_what_is_whole_and_not_read_is_not_called_damaged(numbers, said):
    with pytest.raises(UserError, match=f"^a.tif {said}") as error:
        decode(tiff(numbers), "a.tif")
    assert "damaged" not in str(error.value)
