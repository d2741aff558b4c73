"""Which number of a pixel is black and which is white: from its type and the tags of its file.

Whole numbers of up to 16 bits without a sign begin at black and end at white, floating-point ones reach
from 0 to 1. Signed numbers and those of 32 bits have no such rule: tags of the file say it, or nobody does.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from jointnn.errors import UserError

BITS, INTERPRETATION, KIND, LEAST, MOST = 258, 262, 339, 340, 341
"""Tags of TIFF. What it calls the least and most sample value is black and white; its statistics, tags 280
and 281, are not to be used for that."""
SIGNED, FLOATING = 2, 3
HALF = 0.5 / 255
"""Half a step of 8 bits: so far numbers may leave the range by rounding."""
TELL = ("PNG", "ICO", "ICNS", "TIFF", "PPM", "JPEG2000", None)
"""Formats whose grey numbers of more than 8 bits have the meaning of their type. Icons hold PNG files.
None: of no file."""


class Scale(NamedTuple):
    """Meaning of the numbers of grey pixels.

    Attributes:
        black: the number that is black.
        white: the number that is white.
        told: whether the file says so; then what lies beyond is as black or white.
        transparent: the number that is transparent; it becomes white.
    """

    black: float
    white: float
    told: bool = True
    transparent: int | None = None


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
    bits, kind = (tags.get(tag, (default,))[0] for tag, default in ((BITS, 16), (KIND, 1)))
    if image.format not in TELL:
        raise _unclear(where, f"grey numbers of more than 8 bits in the format {image.format}")
    if LEAST in tags and MOST in tags:
        black, white = (float(np.ravel(tags[tag])[0]) for tag in (LEAST, MOST))
        if not (np.isfinite([black, white]).all() and black < white):
            raise _unclear(where, f"tags that call {black:g} black and {white:g} white")
        scale = Scale(black, white)
    elif image.mode == "F":
        scale = Scale(0, 1, told=False)
    elif kind == SIGNED or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        size = f"of {bits} bits" if tags else "of 32 bits"
        raise _unclear(where, f"{'signed ' * (kind == SIGNED)}whole numbers {size}")
    else:  # PPM is brought to 16 bits by Pillow
        scale = Scale(0, 2 ** (bits if bits < 16 else 16) - 1)
    if tags.get(INTERPRETATION) == 0:  # white is zero
        scale = Scale(scale.white, scale.black, scale.told)
    transparent = image.info.get("transparency")
    return scale._replace(transparent=transparent if isinstance(transparent, int) else None)


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
    least, most = numbers.min(initial=scale.black), numbers.max(initial=scale.black)
    if not np.isfinite([least, most]).all():
        count = int((~np.isfinite(numbers)).sum())
        raise UserError(
            f"{where} has {count} pixel{'' if count == 1 else 's'} of NaN or infinity. Mend or drop it."
        )
    if not scale.told and (least < -HALF or most > 1 + HALF):
        raise _unclear(where, f"floating-point numbers from {least:.4g} to {most:.4g} instead of 0 to 1")
    share = (numbers - np.float64(scale.black)) / (scale.white - scale.black)
    if scale.transparent is not None:
        share[numbers == scale.transparent] = 1
    return Image.fromarray((share.clip(0, 1) * 255).round().astype(np.uint8))


def check_colours(image: Image.Image, content: bytes, where: str) -> None:
    """Refuse what Pillow would turn into other colours than the file has; mend its number of what is
    transparent.

    Args:
        content: the file that the image was read from.
        where: names it in messages.
    """
    tags = getattr(image, "tag_v2", {})
    if image.mode in ("P", "PA") and image.palette is None:
        raise UserError(f"{where} has numbers of colours and no palette that says which. Save it as RGB.")
    if image.mode == "LAB":
        raise UserError(f"{where} is in the colour space Lab. Save it as RGB.")
    if image.mode == "L" and tags.get(KIND, (1,))[0] == SIGNED:
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
