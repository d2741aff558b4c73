"""Which files are images: what Pillow decodes is read with its right pixels, what it does not is named."""

import io

import numpy as np
import pytest
from helpers.dataset import picture, read, write
from helpers.tiff import tiff
from PIL import Image

from jointnn.data.image_formats import (
    BY_PLUGIN,
    ENDINGS,
    HAS_PLUGIN,
    SUFFIXES,
    further_frames,
    is_image,
    readable,
    why_no_image,
)
from jointnn.data.images import decode, pixels_of
from jointnn.data.other_files import describe

OUTSIDE = {
    "EPS": "Ghostscript",
    "WMF": "Windows",
    "PDF": "is written alone",
    "PALM": "is written alone",
    "MPEG": "is only known",
    "BUFR": "needs a handler",
    "GRIB": "needs a handler",
    "HDF5": "needs a handler",
    "IPTC": "news around an image",
    "IM": "will be removed from Pillow",
}
"""Formats whose endings Pillow knows and whose pixels it does not decode by itself."""


def test_every_ending_that_pillow_knows_is_read_or_needs_something_outside():
    Image.init()
    known = Image.registered_extensions()
    assert {name for name in known.values() if name not in (*ENDINGS, "MPO", "HEIF")} == OUTSIDE.keys()
    assert {ending for ending, name in known.items() if name not in OUTSIDE} <= SUFFIXES
    assert set(readable()) <= Image.OPEN.keys()


def saved(name: str, image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}, "AVIF": {"quality": 100}}
    image.save(buffer, name, **lossless.get(name, {}))
    return buffer.getvalue()


BLACK_AND_WHITE = {"MSP", "XBM"}
WRITTEN = (
    *("AVIF", "BLP", "BMP", "DDS", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "MSP", "PCX"),
    *("PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP", "XBM"),
)
"""Formats that Pillow can write, too."""


@pytest.mark.parametrize("name", WRITTEN)
def test_an_image_of_each_format_is_read_with_its_pixels_whatever_the_case_of_its_ending(
    name, tmp_path, monkeypatch
):
    """Left half bright red, right half blue, or white and black."""
    monkeypatch.chdir(tmp_path)
    picture_of = np.zeros((32, 32, 3), np.uint8)
    picture_of[:, :16, 0], picture_of[:, 16:, 2] = 250, 240
    image = Image.fromarray(picture_of)
    if name == "BLP":
        image = image.quantize(4)
    if name in BLACK_AND_WHITE:
        picture_of[:] = 0
        picture_of[:, :16] = 255
        image = Image.fromarray(picture_of).convert("1")
    content = saved(name, image)
    assert describe(content) is None
    endings = [spelt for ending in ENDINGS[name] for spelt in (ending, ending.upper())]
    for k, ending in enumerate(endings):
        write(f"own/all/{k}{ending}", content)
    train, test, _ = read(source="class_folders", path="own", pool=1)
    assert len(train) + len(test) == len(endings)
    for one in (*train.content, *test.content):
        found = pixels_of(one, name, 32, 3, "crop").transpose(1, 2, 0).astype(int)
        # Lossy formats and few colours; the edge in the middle is left out.
        difference = np.abs(found - picture_of)[:, [*range(12), *range(20, 32)]]
        assert difference.max() <= (16 if name in ("JPEG", "AVIF", "DDS", "BLP", "JPEG2000") else 1)


@pytest.mark.parametrize("name", ["1.svg", "1.PDF", "1.mov", "1.cr2", "1.zip", "1.txt", "1", "png", ".png"])
def test_what_is_no_image_by_its_ending_is_none_and_there_is_a_reason(name):
    assert not is_image(name)
    kind, reason = why_no_image(name, b"")
    assert kind and reason


def test_heic_is_read_where_its_plugin_is_and_named_where_it_is_not():
    for ending in BY_PLUGIN:
        assert is_image(f"1{ending.upper()}") == HAS_PLUGIN
        assert "pillow-heif" in why_no_image(f"1{ending}", b"")[1]
    assert "pillow-heif" in why_no_image("photo", b"\0\0\0\x18ftypheic\0\0\0\0")[1]


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF"])
def test_an_image_without_its_ending_is_told_by_its_content(name):
    content = saved(name, Image.new("RGB", (8, 8), "red"))
    ending = {"TIFF": ".tif"}.get(name, ENDINGS[name][0])
    for file in ("scan", "scan.jpg_large"):
        assert why_no_image(file, content[:16])[1].endswith(f"give them the ending {ending}")


@pytest.mark.parametrize("name", ["TIFF", "GIF", "PNG", "WEBP"])
def test_the_first_frame_is_read_and_those_after_it_are_counted(name):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    buffer = io.BytesIO()
    lossless = {"lossless": True} if name == "WEBP" else {}
    frames[0].save(buffer, name, save_all=True, append_images=frames[1:], **lossless)
    assert further_frames(buffer.getvalue()) == (name, 2)
    assert decode(buffer.getvalue(), name).convert("RGB").getpixel((4, 4)) == pytest.approx(
        (255, 0, 0), abs=2
    )
    assert further_frames(saved(name, frames[0])) == (name, 0)


def test_pages_that_are_cut_off_are_not_counted_and_nothing_is_printed(capfd, recwarn):
    frames = [Image.new("L", (8, 8), k) for k in (10, 20, 30)]
    for name in ("TIFF", "GIF", "PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, name, save_all=True, append_images=frames[1:])
        content = buffer.getvalue()
        for end in range(0, len(content), 7):
            assert 0 <= further_frames(content[:end])[1] <= 2
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_odd_tags_are_read_without_a_warning(recwarn):
    odd = tiff(np.zeros((4, 4), np.uint8), tags={282: (0.5, 0.5), 320: (), 700: (1.5,)})
    assert decode(odd, "").size == (4, 4)
    assert further_frames(odd) == ("TIFF", 0)
    assert not recwarn.list


def test_what_is_damaged_after_its_first_frame_has_no_further_ones():
    assert further_frames(picture(3)[:20])[1] == further_frames(b"")[1] == 0
