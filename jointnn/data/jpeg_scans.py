"""Whether a JPEG holds the data that its header promises.

Where data is missing, libjpeg paints grey and warns, and Pillow passes no warning on. So each scan is given
to it without the marker that ends it: a decoder that then asks for more was not done.
"""

import io
import re
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from jointnn.data.jpeg_segments import END, INTERVAL, SCAN, Segment, segments

PROGRESSIVE = 0xC2
BLOCK, COEFFICIENTS = 8, 64
"""Pixels on the side of a block, and its coefficients."""
FILLER = b"\xff\0" * 8
"""Sixty-four ones: so far libjpeg looks ahead. No code has ones alone, so they stand for as little as can
be: a scan may lack its last three blocks, and it is not seen."""
EACH_SCAN = "jpeg, each of its scans"
"""The name of our decoder among those of Pillow."""

NO_END = "it has no end marker, so that its end is missing"

ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
"""Frames in arithmetic codes, which hardly anyone writes: their decoder cannot wait for more."""
_RESTARTS = re.compile(rb"\xff([\xd0-\xd7])")


def watch(image: Any) -> None:
    """Let the loading of a JPEG, which Pillow has opened and not loaded, fail where data of it is missing.

    Raises:
        OSError: there is no end.
    """
    content: bytes = image.fp.getvalue()
    start = image.fp.tell()  # of the data of the first scan
    header, after = list[Segment](), None
    for segment in segments(content):
        if segment.start >= start:
            after = segment.start
            break
        header.append(segment)
    markers = {segment.marker for segment in header}
    if markers.intersection(ARITHMETIC):
        return
    has_one_scan = content[header[-1].start + 4] == image.layers  # all components are in the first
    if INTERVAL in markers or "progressive" in image.info or not has_one_scan:
        image.tile = [image.tile[0]._replace(codec_name=EACH_SCAN)]
        return
    if after is None:
        raise OSError(NO_END)
    # The usual kind, and nearly for nothing: Pillow itself says that it lacks data.
    image.fp = io.BytesIO(content[:after] + FILLER)


class _Scan(NamedTuple):
    """A scan: its data ends at `end` of the file, and has coefficients `first` to `last` of components.

    `low` bits of them are still to come; `interval` units lie between two restarts, 0: there are none.
    """

    components: bytes
    first: int
    last: int
    low: int
    interval: int
    start: int
    end: int


class _Frame(NamedTuple):
    """The size of the picture in pixels, and of each component the blocks in a unit: across and down."""

    progressive: bool
    width: int
    height: int
    blocks: dict[int, tuple[int, int]]

    def units(self, components: bytes) -> int:
        """Return how many units, between which restarts can lie, a scan of some components has."""
        most = [max(sizes) for sizes in zip(*self.blocks.values(), strict=True)]
        sides = [self.width, self.height]
        if len(components) == 1:  # units are its blocks
            own = self.blocks[components[0]]
            sides = [-(-side * part // whole) for side, part, whole in zip(sides, own, most, strict=True)]
            most = [1, 1]
        across, down = (-(-side // (BLOCK * blocks)) for side, blocks in zip(sides, most, strict=True))
        return int(across * down)


def _parts(content: bytes) -> tuple[_Frame, list[_Scan]]:
    """Return the frame and the scans of a JPEG up to its end.

    Raises:
        OSError: there is no end.
        IndexError, KeyError, ValueError: a part breaks off.
    """
    frame, scans, interval = None, list[_Scan](), 0
    for marker, start, end in segments(content):
        if scans and not scans[-1].end:
            scans[-1] = scans[-1]._replace(end=start)
        part = content[start + 4 : end]
        if 0xC0 <= marker <= PROGRESSIVE:
            blocks = {part[k]: divmod(part[k + 1], 16) for k in range(6, len(part) - 2, 3)}
            height, width = (int.from_bytes(part[k : k + 2], "big") for k in (1, 3))
            frame = _Frame(marker == PROGRESSIVE, width, height, blocks)
        elif marker == INTERVAL:
            interval = int.from_bytes(part[:2], "big")
        elif marker == SCAN:
            names = part[1 : 1 + 2 * part[0] : 2]
            first, last, bits = part[1 + 2 * part[0] : 4 + 2 * part[0]]
            scans.append(_Scan(names, first, last, bits & 15, interval, start=end, end=0))
        elif marker == END:
            if frame is None:
                raise IndexError
            return frame, scans
    raise OSError(NO_END)


def _check_all_there(content: bytes, frame: _Frame, scans: list[_Scan]) -> None:
    """Refuse a picture of which whole scans, or restarts within one, are missing."""
    to_come = {name: [COEFFICIENTS] * COEFFICIENTS for name in frame.blocks}
    for scan in scans:
        last, low = (scan.last, scan.low) if frame.progressive else (COEFFICIENTS - 1, 0)
        for name in scan.components:
            to_come[name][scan.first : last + 1] = [low] * (last + 1 - scan.first)
        restarts = b"".join(_RESTARTS.findall(content, scan.start, scan.end))
        count = (frame.units(scan.components) - 1) // scan.interval if scan.interval else 0
        # Some programs write one more behind the last unit.
        if len(restarts) not in (count, count + 1) or restarts != _in_turn(len(restarts)):
            raise OSError(
                f"{len(restarts)} restarts lie in a scan of it that should have {count}, or they are out "
                "of order"
            )
    if any(map(any, to_come.values())):
        raise OSError(
            "it ends before the last of its scans, so that the picture is blurred or lacks colours"
        )


def _in_turn(count: int) -> bytes:
    return (bytes(range(0xD0, 0xD8)) * (count // 8 + 1))[:count]


class _EachScan(ImageFile.PyDecoder):
    """Pillow's decoder of JPEG, given one scan after the other, each of which must be enough.

    So for pictures of several scans, and those with restarts.
    """

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:  # noqa: ARG002  # it reads the file itself
        """Fill the image and return what Pillow's decoder does: (-1, 0) where all is well.

        Raises:
            OSError: data is missing.
        """
        assert self.fd is not None  # Pillow has set it
        content = self.fd.read()
        frame, scans = _parts(content)
        _check_all_there(content, frame, scans)
        decoder = Image._getdecoder(self.mode, "jpeg", self.args)
        decoder.setimage(self.im, self.state.extents())
        rest, given = b"", 0
        for number, scan in enumerate(scans, 1):
            rest += content[given : scan.end] + FILLER
            given = scan.end
            used, error = decoder.decode(rest)
            if used < 0:
                return int(used), int(error)
            # Between two scans any byte is passed over, and within one it is kept until others follow.
            rest = rest[used:] + b"\0"
            used, error = decoder.decode(rest)
            if 0 <= used < len(rest):
                raise OSError(f"its scan {number} of {len(scans)} ends too early")
            if used < 0:
                return int(used), int(error)
            rest = b""
        used, error = decoder.decode(content[given:])
        if used >= 0:
            raise OSError(NO_END)
        return int(used), int(error)


Image.register_decoder(EACH_SCAN, _EachScan)
