"""PNG and JPEG files without the tags beside their pixels: a tag that cannot be read is not the photo."""

import zlib

from jointnn.data.jpeg_segments import COMMENT, SCAN, segments

PNG = b"\x89PNG\r\n\x1a\n"
OF_PIXELS = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
"""Chunks of PNG that need not be there, and yet say what is seen, which way up, and how often."""
_WHOLE = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0", 0), 0xEE: (b"Adobe", 12)}
"""Application segments of JPEG that say what colours are and which way is up: how they begin, and from how
many bytes on libjpeg believes them."""


def without_tags(content: bytes) -> bytes | None:
    """Return an encoded image that shows the same and says as little as can be beside it.

    None where there is nothing to leave away, or what there is has another check sum than it says.
    """
    if content.startswith(PNG):
        return _png(content)
    return _jpeg(content) if content.startswith(b"\xff\xd8\xff") else None


def _png(content: bytes) -> bytes | None:
    kept, place = [PNG], len(PNG)
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        kind, chunk = content[place + 4 : place + 8], content[place:end]
        if end > len(content) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            return None
        if kind[:1].isupper() or kind in OF_PIXELS:
            kept.append(chunk)
        place = end
        if kind == b"IEND":
            break
    return b"".join(kept) if sum(map(len, kept)) < place else None


def _jpeg(content: bytes) -> bytes | None:
    kept = [content[:2]]
    for marker, start, end in segments(content):
        if marker == SCAN:
            plain = b"".join([*kept, content[start:]])
            return plain if len(plain) < len(content) else None
        begins, least = _WHOLE.get(marker, (b"", 0))
        body = content[start + 4 : end]
        is_tag = marker == COMMENT or 0xE0 <= marker <= 0xEF
        if not is_tag or (begins and body.startswith(begins) and len(body) >= least):
            kept.append(content[start:end])
    return None
