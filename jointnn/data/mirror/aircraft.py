"""Aircraft: the first 30 variants of FGVC-Aircraft."""

from PIL import Image

from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, evenly, fitted, of_classes, of_source
from jointnn.data.source import Images, Splits

VARIANTS, SIZE = 30, 96
MOST = (30, 20)
BANNER = 20
"""Rows at the lower edge of a photo that name its photographer."""


@folder
def aircraft() -> Recipe:
    """Return the recipe of FGVC-Aircraft: 30 variants, 30 and 20 photos of each.

    These are not the military aircraft of our results.
    """
    return Recipe("FGVC-Aircraft, the official files", "non-commercial research", _read)


def _read() -> Splits:
    official = of_source("fgvc_aircraft")
    train, test = (
        as_jpeg(
            evenly(of_classes(of or Images(), list(range(VARIANTS))), most),
            lambda image, _: fitted(without_banner(image), SIZE),
            90,
        )
        for of, most in zip((official.train, official.test), MOST, strict=True)
    )
    return Splits(train, test, official.classes[:VARIANTS])


def without_banner(image: Image.Image) -> Image.Image:
    """Return a photo of FGVC-Aircraft without the photographer's name."""
    return image.crop((0, 0, image.width, image.height - BANNER))
