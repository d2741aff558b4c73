"""How much a file may ask for by what it says of itself: it is doubted before anything is built from it."""

from collections.abc import Sequence
from typing import BinaryIO

from jointnn.errors import UserError

MOST_CLASSES = 100_000
"""Classes that labels may count, where `most_classes` says nothing: more than any set of images has."""
LONGEST_LABEL = 18
"""Digits of a label: no class has a number that 64 bits do not hold."""
AT_LEAST = 1 << 30
TIMES = 100
"""Unpacked, a file may take a gigabyte, or so many times its own size: images shrink little by packing."""


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
