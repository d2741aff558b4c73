"""Flowers: 50 of the 102 kinds of Oxford Flowers."""

from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, apart, as_jpeg, both, evenly, fitted, of_classes, of_source
from jointnn.data.source import Splits

KINDS = [n for n in range(2, 56) if n not in (8, 24, 30, 44)]
"""Numbers of the kinds, from 1, in Flowers-102."""
MOST = (20, 14)
SIZE = 96


@folder
def flowers() -> Recipe:
    """Return the recipe of Flowers-102: 50 kinds, at most 20 training and 14 test photos of each.

    Every third photo of a kind is for the test.
    """
    return Recipe("Oxford Flowers-102, the official files", "none stated", _read)


def _read() -> Splits:
    whole = of_source("flowers_102")
    images = both(whole)
    # By number, whichever official split a photo is of.
    images = images.take(sorted(range(len(images)), key=images.names.__getitem__))
    sides = apart(of_classes(images, [number - 1 for number in KINDS]), 3)
    train, test = (
        as_jpeg(evenly(side, most), lambda image, _: fitted(image, SIZE), 90)
        for side, most in zip(sides, MOST, strict=True)
    )
    return Splits(train, test, [f"{n:03d}.{whole.classes[n - 1].replace(' ', '_')}" for n in KINDS])
