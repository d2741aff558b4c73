"""A tag is not the photo: what cannot be read of it is passed over, and the pixels are as they were."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jointnn.data.image_formats import further_frames
from jointnn.data.images import decode, encode_png, resize
from jointnn.data.tags import without_tags
from jointnn.errors import UserError

NUMBERS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
LONG = zlib.compress(bytes(2_000_000))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(content: bytes, place: str, *chunks: bytes) -> bytes:
    start = 33 if place == "before" else content.index(b"IEND") - 4
    return content[:start] + b"".join(chunks) + content[start:]


CHUNKS = {
    "a long zTXt": [chunk(b"zTXt", b"a\0\0" + LONG)],
    "a long iTXt": [chunk(b"iTXt", b"a\0\1\0\0\0" + LONG)],
    "a long XMP": [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG)],
    "a long iCCP": [chunk(b"iCCP", b"a\0\0" + LONG)],
    "a short pHYs": [chunk(b"pHYs", b"\0\0\0")],
    "a short gAMA": [chunk(b"gAMA", b"\0")],
    "a short cHRM": [chunk(b"cHRM", bytes(5))],
    "an empty cHRM": [chunk(b"cHRM", b"")],
    "an empty sRGB": [chunk(b"sRGB", b"")],
    "an empty iCCP": [chunk(b"iCCP", b"")],
    "an empty tIME": [chunk(b"tIME", b"")],
    "a broken zTXt": [chunk(b"zTXt", b"a\0\0no zlib")],
}


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("kind", CHUNKS)
def test_a_png_is_read_whatever_its_tags_say(kind, place):
    content = with_chunk(encode_png(NUMBERS), place, *CHUNKS[kind])
    assert np.array_equal(resize(decode(content, "a.png"), 8, 3), NUMBERS.transpose(2, 0, 1))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_png_of_more_text_than_pillow_keeps_is_read(place):
    packed = zlib.compress(bytes(1_000_000))
    texts = [chunk(b"zTXt", b"a%d\0\0" % k + packed) for k in range(70)]
    content = with_chunk(encode_png(NUMBERS), place, *texts)
    assert np.array_equal(resize(decode(content, "a.png"), 8, 3), NUMBERS.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["a long zTXt", "a short pHYs"])
def test_what_is_seen_of_a_png_with_such_tags_is_still_said_by_its_others(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(NUMBERS).save(buffer, "PNG", exif=exif)
    turned = decode(with_chunk(buffer.getvalue(), "before", *CHUNKS[kind]), "")
    assert np.array_equal(np.asarray(turned), np.rot90(NUMBERS, 3))
    grey = with_chunk(
        encode_png(NUMBERS[..., 0]), "before", chunk(b"tRNS", struct.pack(">H", NUMBERS[2, 3, 0]))
    )
    shown = resize(decode(with_chunk(grey, "before", *CHUNKS[kind]), ""), 8, 1)[0]
    assert np.array_equal(shown, np.where(NUMBERS[..., 0] == NUMBERS[2, 3, 0], 255, NUMBERS[..., 0]))
    frames = [Image.new("L", (8, 8), k) for k in (10, 20, 30)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    content = with_chunk(buffer.getvalue(), "before", *CHUNKS[kind])
    assert further_frames(content) == ("PNG", 2)
    assert np.asarray(decode(content, ""))[0, 0] == 10


@pytest.mark.parametrize("kind", ["a long zTXt", "a short pHYs"])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_damage_of_such_a_png_is_still_noticed(kind, place):
    content = with_chunk(encode_png(NUMBERS), place, *CHUNKS[kind])
    for at in (20, content.index(b"IDAT") + 20, content.index(CHUNKS[kind][0]) + 9):
        damaged = bytearray(content)
        damaged[at] ^= 16
        with pytest.raises(UserError, match=r"^a\.png is damaged"):
            decode(bytes(damaged), "a.png")


SEGMENTS = {
    "a short APP0": b"\xff\xe0\0\x07JFIF\0",
    "an APP0 of a version alone": b"\xff\xe0\0\x08JFIF\0\1",
    "an empty APP0": b"\xff\xe0\0\2",
    "a short APP14": b"\xff\xee\0\x07Adobe",
    "an APP14 without its last bytes": b"\xff\xee\0\x08Adobe\0",
    "a short APP13": b"\xff\xed\0\x14Photoshop 3.0\x008BIM",
    "a short ICC profile": b"\xff\xe2\0\x0eICC_PROFILE\0",
    "a short MPF": b"\xff\xe2\0\x06MPF\0",
    "a short Exif": b"\xff\xe1\0\x08Exif\0\0",
    "a short XMP": b"\xff\xe1\0\x1fhttp://ns.adobe.com/xap/1.0/\0",
    "an empty comment": b"\xff\xfe\0\2",
}


@pytest.mark.parametrize("kind", SEGMENTS)
@pytest.mark.parametrize("instead", [False, True])
def test_a_jpeg_is_read_whatever_its_tags_say(kind, instead):
    """Beside the usual APP0, or instead of it."""
    exif = Image.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    Image.fromarray(NUMBERS).save(buffer, "JPEG", quality=95, exif=exif)
    content = buffer.getvalue()
    expected = np.asarray(decode(content, ""))
    own = content.index(b"\xff\xe1") if instead else 2
    odd = content[:2] + SEGMENTS[kind] + content[own:]
    assert np.array_equal(np.asarray(decode(odd, "a.jpg")), expected)
    assert further_frames(odd)[1] == 0


def test_the_colours_of_a_jpeg_are_those_that_its_whole_tags_say():
    buffer = io.BytesIO()
    Image.fromarray(NUMBERS).save(buffer, "JPEG", quality=95, keep_rgb=True)
    content = buffer.getvalue()
    odd = content[:2] + SEGMENTS["a short APP13"] + content[2:]
    assert np.array_equal(np.asarray(decode(odd, "")), np.asarray(decode(content, "")))
    cmyk = io.BytesIO()
    Image.fromarray(NUMBERS).convert("CMYK").save(cmyk, "JPEG", quality=95)
    content = cmyk.getvalue()
    assert b"Adobe" in content
    odd = content[:2] + SEGMENTS["a short APP13"] + content[2:]
    assert np.array_equal(np.asarray(decode(odd, "")), np.asarray(decode(content, "")))


def test_nothing_is_left_away_of_what_has_no_tags_or_is_no_image():
    plain = encode_png(NUMBERS)
    assert without_tags(plain) is without_tags(b"GIF89a") is without_tags(b"") is None
    assert without_tags(b"\xff\xd8\xff\xe0") is without_tags(plain[:40]) is None
    assert without_tags(with_chunk(plain, "behind", *CHUNKS["a long iCCP"])) == plain
