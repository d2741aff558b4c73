"""JPEGs of which data is missing are refused, however they are encoded; whole ones keep every pixel."""

import io

import numpy as np
import pytest
from PIL import Image

from jointnn.data.images import decode
from jointnn.errors import UserError

KINDS = {
    "usual": {},
    "optimized": {"optimize": True},
    "full colours": {"subsampling": 0, "quality": 95},
    "half colours": {"subsampling": 1},
    "progressive": {"progressive": True},
    "progressive, full colours": {"progressive": True, "subsampling": 0, "quality": 40},
    "restarts": {"restart_marker_rows": 1},
    "many restarts": {"restart_marker_blocks": 3},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 2},
}
END = b"\xff\xd9"


def pixels(mode: str = "RGB", height: int = 90, width: int = 130) -> Image.Image:
    """A picture of slopes and grain."""
    down, across = np.mgrid[:height, :width]
    waves = [np.sin(across / 20 + down / 31), np.cos(across / 15), np.sin(down / 9)]
    grain = np.random.default_rng(0).normal(0, 9, (height, width, 3))
    return Image.fromarray((128 + 100 * np.stack(waves, -1) + grain).clip(0, 255).astype(np.uint8)).convert(
        mode
    )


def jpeg(kind: str, image: Image.Image | None = None) -> bytes:
    buffer = io.BytesIO()
    (image or pixels()).save(buffer, "JPEG", **KINDS[kind])
    return buffer.getvalue()


def data_of(content: bytes) -> int:
    """Where the data of the first scan begins."""
    header = content.index(b"\xff\xda")
    return header + 2 + int.from_bytes(content[header + 2 : header + 4], "big")


def refused(content: bytes) -> str:
    with pytest.raises(UserError, match=r"^a\.jpg is damaged: .*\. Replace it or take it out\.$") as error:
        decode(content, "a.jpg")
    return str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 33), (90, 130)])
def test_a_whole_jpeg_has_the_pixels_that_it_had(kind, mode, size):
    for image in (pixels(mode, *size), Image.new(mode, size[::-1], "white")):
        content = jpeg(kind, image)
        expected = np.asarray(Image.open(io.BytesIO(content)))
        for more in (b"", bytes(5000), b"what a camera adds" + jpeg("usual")):
            assert np.array_equal(np.asarray(decode(content + more, "")), expected)


@pytest.mark.slow
@pytest.mark.parametrize("marker", range(0xC0, 0x100))
@pytest.mark.parametrize("kind", ["usual", "progressive with restarts"])
def test_bytes_of_a_tag_that_look_like_a_marker_are_none(kind, marker):
    buffer = io.BytesIO()
    tag = bytes([0xFF, marker, 0, 9]) * 40
    pixels().save(
        buffer, "JPEG", **KINDS[kind], icc_profile=bytes(128) + tag, comment=tag, exif=b"Exif\0\0" + tag
    )
    content = buffer.getvalue()
    assert np.array_equal(np.asarray(decode(content, "")), np.asarray(Image.open(io.BytesIO(content))))
    start = content.rindex(b"\xff\xda\0\x0c") if kind == "usual" else len(content) // 2
    refused(content[: start + (len(content) - start) // 3] + END)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_not_seen_to_be_missing_is_at_most_the_last_three_blocks(mode):
    content = jpeg("usual", pixels(mode))
    end, whole = content.rindex(END), np.asarray(decode(content, "")).astype(int)
    most = 0
    for cut in range(1, 200):
        try:
            left = np.asarray(decode(content[: end - cut] + END, "")).astype(int)
        except UserError:
            continue
        changed = np.argwhere((left != whole).reshape(*whole.shape[:2], -1).any(-1)) // 8
        most = max(most, len(np.unique(changed, axis=0)))
    assert 0 < most <= (3 if mode == "L" else 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_was_cut_is_refused_though_it_has_an_end(kind, mode):
    content = jpeg(kind, pixels(mode))
    start = data_of(content)
    for share in (0, 0.1, 1 / 3, 0.5, 0.8, 0.95):
        cut = content[: start + int(share * (len(content) - start))]
        refused(cut + END)
        refused(cut + END + bytes(1000))
        refused(cut)


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_whose_rest_is_zeros_is_refused(kind):
    content = jpeg(kind)
    start = data_of(content)
    for share in (0, 0.1, 0.5, 0.9):
        place = start + int(share * (len(content) - start))
        refused(content[:place] + bytes(len(content) - place))


def test_a_progressive_jpeg_without_its_later_scans_is_refused():
    content = jpeg("progressive")
    places = [place for place in range(len(content)) if content[place : place + 2] == b"\xff\xda"]
    assert len(places) == 10
    tables = [content.rindex(b"\xff\xc4", 0, place) for place in places[1:]]
    for place in tables:  # the tables of a scan stand before it
        assert "ends before the last of its scans" in refused(content[:place] + END)


def test_a_scan_in_the_middle_that_is_too_short_is_refused():
    content = jpeg("progressive")
    place = data_of(content)
    end = content.index(b"\xff\xc4", place)
    assert "its scan 1 of 10 ends too early" in refused(content[: (place + end) // 2] + content[end:])


def test_a_jpeg_that_lost_restarts_or_has_them_in_another_order_is_refused():
    content = jpeg("many restarts")
    first, second = content.index(b"\xff\xd0", data_of(content)), content.index(b"\xff\xd1")
    assert "restarts lie in a scan" in refused(content[:first] + content[second:])
    swapped = bytearray(content)
    swapped[first + 1], swapped[second + 1] = 0xD1, 0xD0
    assert "out of order" in refused(bytes(swapped))


def test_other_bytes_in_which_a_marker_lies_are_refused():
    content = jpeg("usual")
    place = (data_of(content) + len(content)) // 2
    for marker in (b"\xff\xd9", b"\xff\xda", b"\xff\x37", b"\xff\xd8"):
        refused(content[:place] + marker + content[place + 2 :])


def test_a_header_that_promises_more_than_its_file_holds_is_refused_before_memory_is_asked_for():
    content = bytearray(jpeg("usual", Image.new("RGB", (8, 8), "white")))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (15_000).to_bytes(2, "big") * 2
    said = refused(bytes(content))
    assert f"it says to have 15000 x 15000 pixels, and its {len(content)} bytes hold " in said
    content[frame + 5 : frame + 9] = (900).to_bytes(2, "big") * 2  # too few to be doubted at once
    refused(bytes(content))


@pytest.mark.slow
def test_a_large_white_jpeg_is_read():
    image = Image.new("L", (3000, 2000), "white")
    for kind in ("usual", "optimized", "progressive"):
        assert np.asarray(decode(jpeg(kind, image), "")).min() == 255
