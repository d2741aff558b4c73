"""Kinds of files that no reader of images takes, known by their content, and what to do about each."""

import re
from importlib.util import find_spec
from typing import NamedTuple

HAS_PLUGIN = find_spec("pillow_heif") is not None
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
"""Brands of HEIF, in the first box of a file."""
START = 65_536
"""Bytes in which a text says what it is: a drawing can begin with a long comment."""
_NOT_PIXELS = "Export it as PNG, or take it out"
_ANEW = "Save it as PNG or JPEG, or take it out"
_UNPACK = "Unpack it, and name what was in it"


class _Kind(NamedTuple):
    """A kind of files: its name, its first bytes, and what to do about it; `place` is where they stand."""

    what: str
    begins: bytes
    do: str = _ANEW
    place: int = 0


_KINDS = (
    _Kind("a JPEG XL, which is not read", b"\xff\x0a"),
    _Kind("a JPEG XL, which is not read", b"\0\0\0\x0cJXL \r\n\x87\n"),
    _Kind("a PDF: pages, not pixels", b"%PDF-", "Export its pages as PNG, or take it out"),
    _Kind("PostScript: a drawing, not pixels", b"%!PS", _NOT_PIXELS),
    _Kind("PostScript: a drawing, not pixels", b"\xc5\xd0\xd3\xc6", _NOT_PIXELS),
    _Kind(
        "a pointer of Git LFS in place of the file",
        b"version https://git-lfs",
        "Fetch the file itself with `git lfs pull`",
    ),
    _Kind(
        "a pointer of git-annex in place of the file",
        b"/annex/objects/",
        "Fetch the file itself with `git annex get`",
    ),
    _Kind("raw data of a camera", b"FUJIFILMCCD-RAW", "Develop it, or take it out"),
    _Kind("raw data of a camera", b"IIRO", "Develop it, or take it out"),
    _Kind("raw data of a camera", b"IIU\0", "Develop it, or take it out"),
    _Kind("raw data of a camera", b"crx ", "Develop it, or take it out", 8),
    _Kind("OpenEXR, which is not read", b"v/1\x01"),
    _Kind("a Radiance picture, which is not read", b"#?RADIANCE"),
    _Kind("a picture of DICOM, which is not read", b"DICM", place=128),
    _Kind("an array of NumPy, which is not read", b"\x93NUMPY"),
    _Kind("HDF5, which is not read", b"\x89HDF\r\n\x1a\n"),
    _Kind("a Parquet file", b"PAR1", "Name it as a source of its own (`source: parquet`)"),
    _Kind("a zip archive", b"PK\3\4", _UNPACK),
    _Kind("packed by gzip", b"\x1f\x8b", _UNPACK),
    _Kind("packed by bzip2", b"BZh", _UNPACK),
    _Kind("packed by xz", b"\xfd7zXZ\0", _UNPACK),
    _Kind("packed by zstd", b"\x28\xb5\x2f\xfd", _UNPACK),
    _Kind("a 7z archive", b"7z\xbc\xaf\x27\x1c", _UNPACK),
    _Kind("a RAR archive", b"Rar!\x1a\7", _UNPACK),
    _Kind("a tar archive", b"ustar", _UNPACK, 257),
    _Kind("a film", b"\x1a\x45\xdf\xa3", "Export its frames, or take it out"),
    _Kind("a film", b"AVI ", "Export its frames, or take it out", 8),
    _Kind("what macOS keeps beside a file, not the file", b"\0\5\x16\7", "Take it out"),
)
_MARKUP = re.compile(rb"<(?:!doctype\s+)?(svg|html|head|body)\b", re.IGNORECASE)
_FILMS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp")


def describe(content: bytes) -> str | None:
    """Return what a file is and what to do, to be said behind its name: "is a PDF ...".

    None where its content says nothing.
    """
    for kind in _KINDS:
        if content.startswith(kind.begins, kind.place):
            return f"is {kind.what}. {kind.do}."
    if content[4:8] == b"ftyp":
        brand = content[8:12]
        if brand in HEIF and b"avif" in content[16 : int.from_bytes(content[:4], "big")]:
            return None  # of both kinds: the reader of AVIF says what is the matter
        if brand in HEIF and not HAS_PLUGIN:
            return (
                "is HEIC by its content, which is read where the Python package pillow-heif is installed. "
                "Install it, or save the image as PNG or JPEG."
            )
        if brand.startswith(_FILMS):
            return "is a film. Export its frames, or take it out."
    start = content[:START].removeprefix(b"\xef\xbb\xbf").lstrip()
    markup = _MARKUP.search(start) if start.startswith(b"<") else None
    if markup and markup[1].lower() == b"svg":
        return f"is SVG: a drawing, not pixels. {_NOT_PIXELS}."
    if markup:
        return (
            "is a web page (HTML), as servers send where a file is not to be had. Download the image "
            "anew, or take it out."
        )
    if content and not content.strip(b"\0"):
        return f"is {len(content):,} zeros: its content was lost. Replace it or take it out."
    return None
