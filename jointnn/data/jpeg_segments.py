"""The segments of a JPEG file."""

import re
from collections.abc import Iterator
from typing import NamedTuple

SCAN, END, INTERVAL, COMMENT = 0xDA, 0xD9, 0xDD, 0xFE
"""Markers: a scan begins, the image ends, how many units lie between two restarts, a comment."""
BARE = (0x01, 0xD8)
"""Markers that nothing belongs to."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Any but restarts. One can be written with several 0xFF before it, and 0xFF in the data of a scan has a
zero behind it."""


class Segment(NamedTuple):
    """A marker and what belongs to it, from `start` to `end`. The data of a scan comes after."""

    marker: int
    start: int
    end: int


def segments(content: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG in order, that of its end included if it is there.

    Bytes within a segment that look like a marker are none, and bytes between segments are passed over, as
    decoders do.
    """
    place = 2
    while found := _MARKER.search(content, place):
        place, marker = found.end(), content[found.end() - 1]
        if marker not in (*BARE, END):
            place += int.from_bytes(content[place : place + 2], "big")
        yield Segment(marker, found.start(), place)
        if marker == END:
            return
