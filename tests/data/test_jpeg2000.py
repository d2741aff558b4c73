"""JPEG 2000: tiles that are missing, and numbers whose meaning its decoder does not say."""

import io

import numpy as np
import pytest
from PIL import Image

from jointnn.data.images import decode
from jointnn.data.jpeg2000 import codestream
from jointnn.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
SIGN = 42
"""Where the header says how many bits the first component has, and whether they have a sign."""


def encoded(**options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG2000", **{"no_jp2": True, "irreversible": False, **options})
    return buffer.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(UserError) as error:
        decode(content, "a.j2k")
    return str(error.value)


@pytest.mark.parametrize("no_jp2", [True, False])
@pytest.mark.parametrize("tile", [(16, 16), (64, 64), (24, 40), None])
@pytest.mark.parametrize(
    "more", [{}, {"comment": b"\xff\x90\0\x0a" * 20}, {"plt": True, "progression": "RPCL"}]
)
def test_a_whole_one_has_all_its_tiles_and_its_pixels(no_jp2, tile, more):
    content = encoded(no_jp2=no_jp2, **({"tile_size": tile} if tile else {}), **more)
    across, down = tile or (64, 64)
    found = codestream(content)
    assert found == ((8, 8, 8), False, -(-64 // across) * -(-64 // down), 0)
    assert np.array_equal(np.asarray(decode(content, "")), PIXELS)


def test_tiles_that_are_missing_are_counted_though_the_end_is_there():
    content = encoded(tile_size=(16, 16))
    parts = [at for at in range(len(content) - 1) if content[at : at + 4] == b"\xff\x90\0\x0a"]
    assert len(parts) == 16
    assert "it has 16 tiles, and 8 of them are not there" in refused(content[: parts[8]] + content[-2:])
    assert "it has 16 tiles, and 1 of them" in refused(content[: parts[3]] + content[parts[4] :])


@pytest.mark.parametrize("side", [80, 2000, 15000])
def test_a_header_that_promises_more_than_its_tiles_hold_is_refused_before_memory_is_asked_for(side):
    content = bytearray(encoded(tile_size=(16, 16)))
    content[8:16] = 2 * side.to_bytes(4, "big")
    assert "tiles" in refused(bytes(content)) and "are not there" in refused(bytes(content))


@pytest.mark.parametrize(
    ("depth", "says"),
    [(0x87, "signed whole numbers"), (0x00, "numbers of 1 bits"), (0x03, "numbers of 4 bits")],
)
def test_numbers_of_which_the_decoder_does_not_say_the_meaning_are_refused(depth, says):
    content = bytearray(encoded(num_resolutions=1))
    for component in range(3):
        content[SIGN + 3 * component] = depth
    found = codestream(bytes(content))
    assert found is not None and (found.are_signed, found.bits[0]) == (depth > 127, (depth & 127) + 1)
    told = refused(bytes(content))
    assert says in told or "damaged" in told
