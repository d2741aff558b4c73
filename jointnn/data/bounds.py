"""How much a file may ask for by what it says of itself: it is doubted before anything is built from it."""

from collections.abc import Sequence
from typing import Any, BinaryIO

from jointnn.errors import UserError

MOST_CLASSES = 100_000
"""Classes that labels may count, where `most_classes` says nothing: more than any set of images has."""
LONGEST_LABEL = 18
"""Digits of a label: no class has a number that 64 bits do not hold."""
AT_LEAST = 1 << 30
TIMES = 100
"""Unpacked, a file may take a gigabyte, or so many times its own size: images shrink little by packing."""

PIXELS_A_BYTE = {
    **{"raw": 8, "bcn": 2, "qoi": 62, "tga_rle": 128, "packbits": 512, "pcx": 512, "jpeg": 512},
    **{"zip": 8 * 1032, "gif": 4096, "raw TIFF": 8, "dds_rgb": 8, "packbits TIFF": 512, "jpeg TIFF": 512},
    **{"tiff_lzw TIFF": 8 * 4096, "tiff_adobe_deflate TIFF": 8 * 1032, "tiff_deflate TIFF": 8 * 1032},
}
"""At most so many pixels come out of a byte, by Pillow's name of how they are packed: a bit each where they
are not, a bit for 64 in JPEG, 1032 bytes of a byte in deflate. Others have no bound."""
ZEROS = 512
"""No picture that is packed well ends in so many zero bytes: somebody kept room for what did not come."""


def counted_classes(labels: Sequence[int], places: Sequence[str], most: int | None) -> list[str]:
    """Return names of classes that are known by their numbers alone: "0", "1" and so on.

    Args:
        labels: of training images.
        places: where each stands, for messages.
        most: how many classes there may be; None: `MOST_CLASSES`.

    Raises:
        UserError: a label is too large to be the number of a class: a date, an identifier.
    """
    highest, bound = max(labels, default=0), most or MOST_CLASSES
    if highest >= bound:
        raise UserError(
            f"{places[labels.index(highest)]} has the label {highest}, but at most {bound:,} classes are "
            "read, counted from 0. Is it a date or an identifier? Give each class a number from 0, name it "
            "with `numbers` if it is a quantity, or set `most_classes`."
        )
    return [str(label) for label in range(highest + 1)]


def most_pixels(image: Any, size: int) -> int:
    """Return how many pixels can be in a file of so many bytes, of an image that Pillow has opened.

    As many as it says to have, where how it is packed sets no bound.
    """
    said: int = image.width * image.height
    kinds = {
        f"{image.info.get('compression')} TIFF" if tile[0] == "libtiff" else tile[0] for tile in image.tile
    }
    if not kinds or kinds - PIXELS_A_BYTE.keys():
        return said
    # A frame may be smaller than the picture that it lies in, and pieces that are alike be there once.
    there = {
        tile[2]: (tile[1][2] - tile[1][0]) * (tile[1][3] - tile[1][1]) for tile in image.tile if tile[1]
    }
    most = max(PIXELS_A_BYTE[kind] for kind in kinds) * size
    return most if sum(there.values()) > most else said


def most_unpacked(size: int) -> int:
    """Return the most bytes that a packed file of `size` bytes may hold."""
    return max(AT_LEAST, TIMES * size)


def too_much(where: object, size: int) -> UserError:
    """Return the error for a packed file that holds more than `most_unpacked`."""
    return UserError(
        f"{where} has {size:,} bytes and holds more than {most_unpacked(size):,}: no images are packed so "
        "well. It may be made to fill memories and disks. If you trust it, unpack it and name its folder."
    )


class Bounded:
    """A packed stream that ends with a sentence where more comes out of it than images can be.

    What asks for a piece of absurd size is refused before it is given room.
    """

    def __init__(self, stream: BinaryIO, where: object, size: int) -> None:
        """Read from a stream, which comes out of a file of `size` bytes that messages name `where`."""
        self._stream, self._where, self._size = stream, where, size

    def read(self, count: int = -1) -> bytes:
        """Return `count` bytes, or all that are left."""
        most = most_unpacked(self._size)
        room = most - self._stream.tell()
        if count > room:
            raise too_much(self._where, self._size)
        content = self._stream.read(count if count >= 0 else room + 1)
        if len(content) > room:
            raise too_much(self._where, self._size)
        return content

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place."""
        if whence == 0 and place > most_unpacked(self._size):
            raise too_much(self._where, self._size)
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        """Return the place in the stream, in bytes."""
        return self._stream.tell()
