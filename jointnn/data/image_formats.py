"""Which files are images: the formats that Pillow decodes by itself, their endings, and what others are."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jointnn.data.other_files import HAS_PLUGIN, HEIF
from jointnn.data.tags import without_tags
from jointnn.data.tiffs import know_more_tiffs

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS: dict[str, tuple[str, ...]] = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "AVIF": (".avif", ".avifs"),
    "ICO": (".ico",),
    "CUR": (".cur",),
    "ICNS": (".icns",),
    "PSD": (".psd",),
    "QOI": (".qoi",),
    "DDS": (".dds",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "SUN": (".ras",),
    "XBM": (".xbm",),
    "XPM": (".xpm",),
    "MSP": (".msp",),
    "PIXAR": (".pxr",),
    "PCD": (".pcd",),
    "FITS": (".fits", ".fit"),
    "BLP": (".blp",),
    "FTEX": (".ftc", ".ftu"),
    "GBR": (".gbr",),
    "FLI": (".fli", ".flc"),
    "DCX": (".dcx",),
    "PCX": (".pcx",),
    "TGA": (".tga", ".icb", ".vda", ".vst"),
}
"""Raster formats that Pillow decodes without an outside program, as it names them. The last ones are known
by little of their content, so they are tried last."""
BY_PLUGIN = (".heic", ".heif", ".hif")
"""Endings of HEIF, which Pillow decodes where the package pillow-heif is installed."""
SUFFIXES = frozenset(ending for endings in ENDINGS.values() for ending in endings) | frozenset(
    BY_PLUGIN if HAS_PLUGIN else ()
)
"""Endings of images, in small letters."""
USUAL = ".png, .jpg, .tif, .bmp, .gif, .webp and others (docs/data.md)"
"""Those of them that a sentence names."""

_WHY: dict[str, tuple[str, ...]] = {
    "read where the Python package pillow-heif is installed": BY_PLUGIN,
    "raw data of a camera; develop them": (
        *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef"),
    ),
    "drawings or pages, not pixels; export them as images": (
        *(".svg", ".svgz", ".eps", ".ps", ".pdf", ".ai", ".wmf", ".emf"),
    ),
    "films; export their frames": (".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
    "archives within it are not opened; unpack them": (
        *(".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"),
    ),
}
_WHY_OF = {ending: why for why, endings in _WHY.items() for ending in endings}
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF87a": ".gif",
    b"GIF89a": ".gif",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"\0\0\0\x0cjP  ": ".jp2",
}
_BRANDS = {b"avif": ".avif", b"avis": ".avif", **dict.fromkeys(HEIF, ".heic")}
HEAD = 16
"""Bytes at the beginning of a file that tell what it is."""


def is_image(name: str) -> bool:
    """Return whether the ending of a name is that of an image, in letters of any case."""
    dot = name.rfind(".")  # faster than pathlib, and asked of every file
    return dot > 0 and name[dot:].lower() in SUFFIXES


def why_no_image(name: str, head: bytes) -> tuple[str, str]:
    """Return the kind of a file that is not read as an image, and why: (".heic", "read where ...").

    Args:
        head: the first bytes of the file, HEAD of them; empty where they are not known.
    """
    ending = PurePosixPath(name).suffix.lower()
    kind = ending or "without an ending"
    if ending in _WHY_OF:
        return kind, _WHY_OF[ending]
    if (found := ending_by(head)) in SUFFIXES:
        return kind, f"images by their content; give them the ending {found}"
    if found:
        return kind, _WHY_OF[found]
    return kind, "not an ending of images" if ending else "images are known by their ending"


def ending_by(head: bytes) -> str:
    """Return the ending that an image should have by its first bytes; nothing where they tell none."""
    for beginning, ending in _BEGINNINGS.items():
        if head.startswith(beginning):
            return ending
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ".webp"
    return _BRANDS.get(head[8:12], "") if head[4:8] == b"ftyp" else ""


@cache
def readable() -> tuple[str, ...]:
    """Return the formats that this Pillow can open, in the order in which they are tried."""
    from PIL import Image

    if HAS_PLUGIN:
        pillow_heif = import_module("pillow_heif")  # no dependency: its types are not at hand

        pillow_heif.register_heif_opener()
    Image.init()
    know_more_tiffs()
    return tuple(name for name in (*ENDINGS, "HEIF") if name in Image.OPEN)


def opened(content: bytes) -> "Image":
    """Return an encoded image. Only its header is read, however large it claims to be.

    Tags that cannot be read are passed over.

    Raises:
        PIL.UnidentifiedImageError: no reader takes it.
        Exception: anything, on a damaged header.
    """
    from PIL import Image as Images

    with unbounded():
        try:
            return Images.open(io.BytesIO(content), formats=readable())
        except Exception:
            if plain := without_tags(content):
                with suppress(Exception):  # then it is not the tags
                    return Images.open(io.BytesIO(plain), formats=readable())
            raise


_BOUND = threading.Lock()


@contextmanager
def unbounded() -> Iterator[None]:
    """Lift Pillow's own bound on pixels within it, which is lower than that of `images.decode`."""
    from PIL import Image

    with _BOUND:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def silent() -> Iterator[None]:
    """Keep Pillow's warnings, which are about tags, from the user; what is wrong with pixels raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_SEVERAL = ("TIFF", "GIF", "PNG", "WEBP", "AVIF", "MPO", "FLI", "DCX", "HEIF")
"""Formats whose further frames or pages are pictures of their own: not layers, not other sizes."""


def further_frames(content: bytes) -> tuple[str, int]:
    """Return the format of an encoded image and how many pages or frames come after its first one."""
    try:
        with silent():
            image = opened(content)
            name = image.format or ""
            return name, getattr(image, "n_frames", 1) - 1 if name in _SEVERAL else 0
    except Exception:  # as in `decode`, which has read the first one; what is damaged behind it is not read
        return "", 0
