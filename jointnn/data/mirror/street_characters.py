"""Letters and digits on signs: the photos of Chars74K."""

import re
import string

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, apart, as_jpeg, fitted
from jointnn.data.official_formats import tar_files
from jointnn.data.source import Images, Splits

# The sum is one that a public loader checks.
CHARACTERS = [
    OfficialFile(
        "EnglishImg.tgz",
        "http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k/EnglishImg.tgz",
        "85d157e0c58f998e1cda8def62bcda0d",
    )
]
CLASSES = [*string.digits, *string.ascii_uppercase, *string.ascii_lowercase]
SIZE = 32


@folder
def street_characters() -> Recipe:
    """Return the recipe of Chars74K: all characters cut from photos of streets.

    Every fifth image of a class is for the test.
    """
    return Recipe("Chars74K, EnglishImg", "none stated", _read)


def _read() -> Splits:
    (file,) = CHARACTERS
    archive = obtain(file, DOWNLOADS / "street_characters")
    photos = tar_files(archive, (".png",))
    images = Images()
    for path in sorted(photos):
        # Beside each photo lies a mask, in Msk/.
        if found := re.search(r"/Bmp/Sample(\d{3})/", path):
            images.add(photos[path], int(found[1]) - 1, path, f"{archive}: {path}")
    train, test = (
        as_jpeg(side, lambda image, _: fitted(image, SIZE, "squash"), 95) for side in apart(images, 5)
    )
    return Splits(train, test, CLASSES)
