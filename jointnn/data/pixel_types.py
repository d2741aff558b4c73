"""Which number of a pixel is black and which is white: from its type and the tags of its file.

Whole numbers of up to 16 bits without a sign begin at black and end at white, floating-point ones reach
from 0 to 1, unless tags of the file say otherwise. Signed numbers and those of 32 bits have no such rule:
tags say it, or nobody does.
"""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jointnn.data.image_formats import opened
from jointnn.data.jpeg2000 import codestream
from jointnn.errors import UserError

WIDTH, HEIGHT, BITS, INTERPRETATION, ORIENTATION, BANDS = 256, 257, 258, 262, 274, 277
PLANES, KIND, LEAST, MOST = 284, 339, 340, 341
"""Tags of TIFF. What it calls the least and most sample value is black and white; its statistics, tags 280
and 281, are not to be used for that."""
SIGNED, FLOATING = 2, 3
"""Kinds of numbers; all others are whole and have no sign."""
GREY, COLOURS = (0, 1), (2,)
"""Interpretations of TIFF whose numbers reach from black to white; 0: from white to black."""
ROUNDING = 0.5 / 255
"""Half a step of 8 bits: so far numbers may leave the range by rounding."""
FORMATS_WITH_SCALE = ("PNG", "ICO", "ICNS", "TIFF", "PPM", "JPEG2000", None)
"""Formats whose grey numbers of more than 8 bits have the meaning of their type. Icons hold PNG files.
None: of no file."""


class Scale(NamedTuple):
    """Meaning of the numbers of grey pixels.

    Attributes:
        black: the number that is black.
        white: the number that is white.
        is_stated: whether the file says so; then what lies beyond is as black or white.
        transparent: the number that is transparent; it becomes white.
        unsigned: whether the numbers have no sign, though Pillow holds them as if they had.
    """

    black: float
    white: float
    is_stated: bool = True
    transparent: int | None = None
    unsigned: bool = False


def of_more_than_eight_bits(image: Image.Image) -> bool:
    """Return whether Pillow holds an image as numbers that reach beyond 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def scale_of(image: Image.Image, where: str) -> Scale | None:
    """Return the meaning of the numbers of an image of more than 8 bits; None for other images.

    Args:
        image: as Pillow opened it: with its format and tags.
        where: names it in messages.

    Raises:
        UserError: nobody says what is white.
    """
    if not of_more_than_eight_bits(image):
        return None
    tags = getattr(image, "tag_v2", {})
    bits, kind = _bits_and_kind(tags, 16)  # PNG, which has no tags, has no other number above 8
    if image.format not in FORMATS_WITH_SCALE:
        raise _unclear(where, f"grey numbers of more than 8 bits in the format {image.format}")
    if LEAST in tags or MOST in tags:
        scale = Scale(*_range(tags, 0, where))
    elif image.mode == "F":
        scale = Scale(0, 1, is_stated=False)
    elif kind == SIGNED or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        size = f"of {bits} bits" if tags else "of 32 bits"
        raise _unclear(where, f"{'signed ' * (kind == SIGNED)}whole numbers {size}")
    else:  # PPM is brought to 16 bits by Pillow
        scale = Scale(0, 2 ** (bits if bits < 16 else 16) - 1)
    if tags and image.mode == "I" and kind != SIGNED:  # Pillow has no numbers of 32 bits without a sign
        scale = scale._replace(unsigned=True)
    if tags.get(INTERPRETATION) == 0:  # white is zero
        scale = scale._replace(black=scale.white, white=scale.black)
    transparent = image.info.get("transparency")
    return scale._replace(transparent=transparent if isinstance(transparent, int) else None)


def _bits_and_kind(tags: Any, usual: int = 1) -> tuple[int, int]:
    """Return the bits and the kind of the numbers of a TIFF; without a tag they are whole, of 1 bit."""
    return tags.get(BITS, (usual,))[0], tags.get(KIND, (1,))[0]


def _range(tags: Any, band: int, where: str) -> tuple[float, float]:
    """Return what the tags of a TIFF call black and white in a band; one that is missing follows its type.

    Raises:
        UserError: they are no range, or one is missing and the type does not say it either.
    """
    bits, kind = _bits_and_kind(tags)
    by_type = {SIGNED: (None, None), FLOATING: (0, 1)}.get(kind, (0, 2**bits - 1 if bits <= 16 else None))
    ends = []
    for tag, usual in ((LEAST, by_type[0]), (MOST, by_type[1])):
        if tag in tags:
            values = np.ravel(tags[tag])
            ends.append(_number(values[band if band < len(values) else 0]))
        elif usual is None:
            name = "SMinSampleValue" if tag == LEAST else "SMaxSampleValue"
            of = "signed " * (kind == SIGNED)
            raise _unclear(where, f"{of}whole numbers of {bits} bits and no tag {name}")
        else:
            ends.append(usual)
    black, white = ends
    if not (np.isfinite([black, white]).all() and black < white):
        raise _unclear(where, f"tags that call {black:g} black and {white:g} white")
    return black, white


def _number(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError, ZeroDivisionError):  # a text, a fraction of nothing
        return np.nan


def in_range(image: Image.Image, content: bytes, where: str) -> Image.Image:
    """Return an image of at most 8 bits a band; where the tags of a TIFF say what is black and white, so.

    Args:
        image: as Pillow opened it.
        content: the file that it was read from.
        where: names it in messages.

    Raises:
        UserError: the tags are about numbers that Pillow has changed.
    """
    tags = getattr(image, "tag_v2", {})
    if (LEAST not in tags and MOST not in tags) or image.mode in ("P", "PA"):  # numbers of colours
        return image
    bits, kind = _bits_and_kind(tags)
    meaning, whole = tags.get(INTERPRETATION), 2**bits - 1
    ranges = [_range(tags, band, where) for band in range(tags.get(BANDS, 1))]
    if kind != SIGNED and all(ends == (0, whole) for ends in ranges):
        return image
    if meaning not in (*GREY, *COLOURS) or image.mode not in ("1", "L", "RGB"):
        raise UserError(
            f"{where} has tags SMinSampleValue or SMaxSampleValue other than 0 and {whole}, and is neither "
            "grey nor RGB alone. Save it so, or without these tags."
        )
    if bits > 8:
        numbers, white_is_zero = _numbers_of_sixteen_bits(content, where), False
    else:
        numbers = np.asarray(image.convert("L") if image.mode == "1" else image)
        white_is_zero = meaning == 0  # Pillow has turned them round
        numbers = (255 - numbers if white_is_zero else numbers) // (255 // whole)
    if kind == SIGNED:
        numbers = numbers.view(np.int8)
    numbers = numbers.reshape(image.height, image.width, -1)
    shown = np.empty(numbers.shape, np.uint8)
    for band, (black, white) in zip(range(numbers.shape[2]), ranges, strict=False):
        share = ((numbers[..., band] - np.float64(black)) / (white - black)).clip(0, 1)
        shown[..., band] = ((1 - share if white_is_zero else share) * 255).round()
    return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)


def _numbers_of_sixteen_bits(content: bytes, where: str) -> np.ndarray:
    """Return the numbers of colours, (H, W, bands), upright: Pillow keeps their upper 8 bits alone."""
    image: Any = opened(content)
    tags = image.tag_v2
    bands, width, height = tags[BANDS], tags[WIDTH], tags[HEIGHT]
    in_strips = all(tile.codec_name == "raw" and not tile.args[1] for tile in image.tile)
    if not in_strips or bands != 3 or tags.get(PLANES, 1) != 1:
        raise UserError(
            f"{where} has colours of 16 bits, and tags SMinSampleValue or SMaxSampleValue, which are read "
            "together only without compression, tiles, planes and more bands. Save it so, or with 8 bits."
        )
    # As one grey picture, each row of which has all numbers of a row: these Pillow leaves as they are.
    image._mode = "I;16B" if tags.prefix == b"MM" else "I;16"
    image._size = image._tile_size = (width * bands, height)
    image.tile = [
        tile._replace(extents=(left * bands, top, right * bands, bottom), args=(image.mode, *tile.args[1:]))
        for tile in image.tile
        for left, top, right, bottom in [tile.extents]
    ]
    turn = image.getexif().pop(ORIENTATION, 1)
    numbers = np.asarray(image).astype(np.uint16).reshape(height, width, bands)
    upright = []
    for band in range(bands):
        one = Image.fromarray(np.ascontiguousarray(numbers[..., band]))
        one.getexif()[ORIENTATION] = turn
        upright.append(np.asarray(ImageOps.exif_transpose(one)))
    return np.stack(upright, axis=-1)


def _unclear(where: str, what: str) -> UserError:
    return UserError(
        f"{where} has {what}: nobody says which is black and which is white. Save it with 8 or 16 bits, as "
        "floating-point numbers from 0 to 1, or with the TIFF tags SMinSampleValue and SMaxSampleValue."
    )


def eight_bits(image: Image.Image, scale: Scale | None, where: str) -> Image.Image:
    """Return an image of more than 8 bits as grey of 8 bits, rounded to the nearest.

    Args:
        image: of more than 8 bits; turned or not.
        scale: the meaning of its numbers; None returns the image as it is.
        where: names it in messages.

    Raises:
        UserError: a number is not finite, or none that the type has a meaning for.
    """
    if scale is None:
        return image
    numbers = np.asarray(image)
    if scale.unsigned:
        numbers = numbers.view(np.uint32)
    least, most = numbers.min(initial=scale.black), numbers.max(initial=scale.black)
    if not np.isfinite([least, most]).all():
        count = int((~np.isfinite(numbers)).sum())
        raise UserError(
            f"{where} has {count} pixel{'' if count == 1 else 's'} of NaN or infinity. Mend or drop it."
        )
    if not scale.is_stated and (least < -ROUNDING or most > 1 + ROUNDING):
        raise _unclear(where, f"floating-point numbers from {least:.4g} to {most:.4g} instead of 0 to 1")
    share = (numbers - np.float64(scale.black)) / (scale.white - scale.black)
    if scale.transparent is not None:
        share[numbers == scale.transparent] = 1
    return Image.fromarray((share.clip(0, 1) * 255).round().astype(np.uint8))


def _check_jpeg2000(content: bytes, where: str) -> None:
    """Refuse numbers with a sign, and those of few bits, which its decoder gives without saying so.

    Raises:
        UserError: there are such.
    """
    header = codestream(content)
    if header and header.are_signed:
        raise _unclear(where, "signed whole numbers in a JPEG 2000")
    if header and min(header.bits, default=8) < 8:
        raise _unclear(where, f"numbers of {min(header.bits)} bits in a JPEG 2000")


def check_colours(image: Image.Image, content: bytes, where: str) -> None:
    """Refuse what Pillow would turn into other colours than the file has; mend its number of what is
    transparent.

    Args:
        content: the file that the image was read from.
        where: names it in messages.
    """
    tags = getattr(image, "tag_v2", {})
    if image.format == "JPEG2000":
        _check_jpeg2000(content, where)
    if image.mode in ("P", "PA") and image.palette is None:
        raise UserError(f"{where} has numbers of colours and no palette that says which. Save it as RGB.")
    if image.mode == "LAB":
        raise UserError(f"{where} is in the colour space Lab. Save it as RGB.")
    if image.mode == "L" and tags.get(KIND, (1,))[0] == SIGNED and not (LEAST in tags or MOST in tags):
        raise _unclear(where, "signed whole numbers of 8 bits")
    if image.format != "PNG" or "transparency" not in image.info:
        return
    depth, transparent = content[24], image.info["transparency"]
    if image.mode == "RGB" and depth > 8:
        raise UserError(
            f"{where} has colours of 16 bits and calls one of them transparent, which 8 bits cannot tell "
            "from those near it. Save it with an alpha channel."
        )
    if image.mode == "L" and depth < 8:  # Pillow scales the pixels to 8 bits, and not this number
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
