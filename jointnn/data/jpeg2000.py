"""The header and the tiles of a JPEG 2000 file, of which its decoder says less than a reader must know.

Source: ITU-T T.800, annex A. A codestream begins with the markers SOC and SIZ, a part of a tile with SOT.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_BEGIN = b"\xff\x4f\xff\x51"
_TILE_PART = 0xFF90


class Codestream(NamedTuple):
    """The header of a codestream.

    Attributes:
        bits: the bits of a number, of each component.
        are_signed: whether numbers of some component have a sign.
        tiles: how many tiles the picture has.
        lacking: how many of them are not there.
    """

    bits: tuple[int, ...]
    are_signed: bool
    tiles: int
    lacking: int


def codestream(content: bytes) -> Codestream | None:
    """Return what the header of a file says, and whether its tiles are there; None where there is none."""
    start = content.find(_BEGIN)
    if start < 0:
        return None
    try:
        size, right, bottom, width, height, x, y, count = struct.unpack_from(
            ">H2x2I8x4IH", content, start + 4
        )
        components = content[start + 42 : start + 42 + 3 * count : 3]
        across, down = -(-(right - x) // width), -(-(bottom - y) // height)
    except (struct.error, ZeroDivisionError):
        return None
    there = set(_tiles_in(content, start + 4 + size))
    return Codestream(
        bits=tuple((depth & 127) + 1 for depth in components),
        are_signed=any(depth & 128 for depth in components),
        tiles=across * down,
        lacking=across * down - len(there),
    )


def _tiles_in(content: bytes, place: int) -> Iterator[int]:
    """Yield the number of the tile of each part that is there, from a place in the header on."""
    while place + 12 <= len(content):
        marker, length = struct.unpack_from(">HH", content, place)
        if marker == _TILE_PART:
            number, length = struct.unpack_from(">HI", content, place + 4)
            yield number
            if not length:  # it goes on to the end
                return
        elif marker >> 8 == 0xFF:  # the rest of the header
            length += 2
        else:
            return
        place += length
