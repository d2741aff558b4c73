"""Pure functions on images: encoded bytes to pixels, pixels to one size. No torch."""

import io
import struct
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from jointnn.data.bounds import ZEROS, most_pixels
from jointnn.data.image_formats import HEAD, opened, readable, silent, unbounded
from jointnn.data.jpeg2000 import codestream
from jointnn.data.jpeg_scans import watch
from jointnn.data.other_files import describe
from jointnn.data.pixel_types import check_colours, eight_bits, in_range, of_more_than_eight_bits, scale_of
from jointnn.data.tags import without_tags
from jointnn.data.tiffs import in_native_order
from jointnn.errors import UserError, one_line

MOST_PIXELS = 250_000_000
"""As many as no phone takes; Pillow holds them in 1 GB."""
TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the orientation that EXIF notes."""
ORIENTATION = 0x0112
NOT_DOUBTED = 1 << 20
"""Pixels that a header may promise without being doubted: they take no memory to speak of."""
WITHOUT_ZEROS = ("WEBP", "AVIF", "QOI")
"""Formats that are packed so well that they hold no long run of zeros, and have no sums that tell one."""


def decode(content: bytes, where: str) -> Image.Image:
    """Return the image in encoded bytes, upright and of 8 bits.

    Args:
        content: a file of one of the formats that `image_formats` lists, by its content: its name does not
            matter. Its first frame or page is read.
        where: names the image in messages.

    Raises:
        UserError: the bytes are damaged, no image, one of more than `MOST_PIXELS`, or one of which nobody
            says what is black and what is white.
    """
    with silent():
        image = _loaded(content, where)
        turn = _turn(image)
        check_colours(image, content, where)
        if of_more_than_eight_bits(image):
            image = eight_bits(image, scale_of(image, where), where)
        else:
            image = in_range(image, content, where)
    return image if turn is None else image.transpose(turn)


def _loaded(content: bytes, where: str) -> Image.Image:
    """Return an image of which all pixels are read.

    Raises:
        UserError: as in `decode`.
    """
    if not content:
        raise UserError(f"{where} is empty: it has no byte. Replace it or take it out.")
    try:
        image = opened(content)
    except UnidentifiedImageError:
        raise UserError(f"{where} {_why_unknown(content)}") from None
    except Exception as error:  # a header that lies
        raise UserError(f"{where} is damaged: {_reason(error)}. Replace it or take it out.") from error
    check_size(image, len(content), where)
    try:
        return _with_pixels(image, content)
    except Exception as error:  # Pillow's decoders raise anything on damaged bytes
        if plain := without_tags(content):  # a tag is not the photo
            with suppress(Exception):
                return _with_pixels(opened(plain), plain)
        raise UserError(f"{where} is damaged: {_reason(error)}. Replace it or take it out.") from error


def _with_pixels(image: Image.Image, content: bytes) -> Image.Image:
    """Return an opened image with its pixels read, of which none is missing as far as that can be told."""
    if image.format == "PNG":
        # A flipped bit inside a PNG decodes to wrong pixels; only its check sums tell.
        opened(content).verify()
    elif image.format in ("JPEG", "MPO"):
        watch(image)
    elif image.format == "TIFF":
        in_native_order(image)
        if not isinstance(image.info.get("xmp"), bytes):  # it would be searched for a turn
            image.info.pop("xmp", None)
    elif image.format == "JPEG2000" and (header := codestream(content)) and header.lacking:
        raise OSError(f"it has {header.tiles:,} tiles, and {header.lacking:,} of them are not there")
    with unbounded() if image.format == "TIFF" else nullcontext():  # whose size Pillow doubts again
        image.load()
    if image.format == "TGA" and image.mode == "RGBA" and not content[17] & 15:
        image = image.convert("RGB")  # its header says that the fourth byte is no transparency
    if image.format in WITHOUT_ZEROS and content.endswith(bytes(ZEROS)):
        _check_end(content)
    return image


def _check_end(content: bytes) -> None:
    """Refuse a file that ends in zeros, unless it says that its data ends before them.

    Raises:
        OSError: room was kept for data that did not come.
    """
    whole = content.rstrip(b"\0")
    if content.startswith(b"RIFF"):
        end = 8 + int.from_bytes(content[4:8], "little")
    else:
        end = len(whole) if whole.endswith(bytes(7) + b"\1") else len(content)  # as QOI ends
    if content[:end].endswith(bytes(ZEROS)):
        raise OSError(f"it ends in {len(content) - len(whole):,} zeros in place of data")


def check_size(image: Image.Image, size: int, where: str) -> None:
    """Refuse an image of more pixels than are read, or than a file of `size` bytes can hold."""
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        raise UserError(
            f"{where} has {image.width} x {image.height} pixels, and at most {MOST_PIXELS:,} are read. "
            "Make it smaller or take it out."
        )
    if pixels > NOT_DOUBTED and pixels > (most := most_pixels(image, size)):
        raise UserError(
            f"{where} is damaged: it says to have {image.width} x {image.height} pixels, and its {size:,} "
            f"bytes hold {most:,} at most. Replace it or take it out."
        )


def _why_unknown(content: bytes) -> str:
    """Return why no reader took the bytes: what they are, or what the reader says that knows them."""
    if said := describe(content):
        return said
    for name in readable():
        opens, accepts = Image.OPEN[name]
        if accepts is None or len(content) < HEAD or accepts(content[:HEAD]) is not True:
            continue
        try:
            opens(io.BytesIO(content), "")
        except Exception as error:  # as those of `decode`
            unread = "unknown pixel mode" in str(error) or "samples per pixel" in str(error)
            if unread and (said := _samples_of(content)):
                return f"is a TIFF with {said}. Save it as grey or RGB of 8 or 16 bits, or take it out."
            return (
                f"is damaged, or of a kind that is not read: it begins as {name}, but {_reason(error)}. "
                "Save it anew or take it out."
            )
    return "is no image of a known format, whatever its name says. Save it as PNG or JPEG, or take it out."


def _samples_of(content: bytes) -> str:
    """Return the kind of the pixels of a TIFF, in words; "" if its tags cannot be read."""
    try:
        file = io.BytesIO(content)
        header = file.read(16 if content[2:4] in (b"+\0", b"\0+") else 8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        file.seek(tags.next)
        tags.load(file)
        bits, kinds = tags.get(258, (1,)), tags.get(339, (1,))
        bands, meaning = tags.get(277, 1), tags.get(262)
    except Exception:  # what is damaged has no tags to speak of
        return ""
    kind = {1: "whole numbers", 2: "signed whole numbers", 3: "floating-point numbers"}.get(kinds[0])
    return (
        f"{bands} band{'s' * (bands != 1)} of {bits[0]} bits, {kind or 'of an unknown kind'} "
        f"(photometric interpretation {meaning}), which is not read"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, struct.error | IndexError | KeyError):
        return "its header breaks off"
    return one_line(error)


def upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF says. Tags that cannot be read say nothing: a tag is no photo."""
    with silent():
        turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return the turn of an image: cameras store pictures as they are held and note it."""
    try:
        turn: Any = image.getexif().get(ORIENTATION)
    except Exception:  # Pillow's readers raise anything on odd tags
        return None
    return TO_UPRIGHT.get(turn) if isinstance(turn, int) else None


def encode_png(pixels: np.ndarray) -> bytes:
    """Return pixels as a PNG, lossless: uint8 of shape (H, W) if grey, (H, W, 3) if in colour."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """Return an image as grey (1 channel) or colour (3), 8 bits; what is transparent becomes white."""
    if of_more_than_eight_bits(image):
        image = eight_bits(image, scale_of(image, "The image"), "The image")
    if image.has_transparency_data:
        # Pillow knows no way from La and PA to RGBA but these.
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def rotated(content: bytes, where: str, degrees: float) -> bytes:
    """Return an encoded image turned about its centre, bilinear, as a PNG, grey or in colour as it was.

    Args:
        degrees: counterclockwise.

    Raises:
        UserError: the bytes are damaged or no image; see `decode`.
    """
    image = decode(content, where)
    grey = not image.has_transparency_data and image.mode in ("1", "L")
    turned = to_channels(image, 1 if grey else 3).rotate(degrees, Image.Resampling.BILINEAR)
    return encode_png(np.asarray(turned))


def resize(image: Image.Image, size: int, channels: int, fit: str = "crop") -> np.ndarray:
    """Return pixels of an image, made square and resized.

    Bilinear. When an image shrinks, the triangle is widened to the step between new pixels
    (Pillow's antialiasing), so that no old pixel is skipped.

    Args:
        size: height and width of the result, in pixels.
        channels: 1 for grey (ITU-R 601-2 luma), 3 for red, green and blue.
        fit: `crop` keeps the central square, `squash` the whole image.

    Returns:
        uint8 of shape (channels, size, size).
    """
    image = to_channels(image, channels)
    if image.width != image.height and fit == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        with unbounded():
            image = image.crop((left, top, left + side, top + side))
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def pixels_of(content: bytes, where: str, size: int, channels: int, fit: str) -> np.ndarray:
    """Return the pixels that networks take of an encoded image, uint8 of shape (channels, size, size).

    Raises:
        UserError: the bytes are damaged or no image; see `decode`.
    """
    return resize(decode(content, where), size, channels, fit)
