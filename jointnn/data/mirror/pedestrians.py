"""Pedestrians: the people of INRIA Person that are upright, each with its mirror image."""

import numpy as np

from jointnn.data.download import DOWNLOADS
from jointnn.data.images import decode, resize
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, placed
from jointnn.data.mirror_pairs import THUMBNAIL, pictures_of
from jointnn.data.official_formats import REPLACE, tar_files
from jointnn.data.source import Images, Splits
from jointnn.errors import UserError

ARCHIVE = DOWNLOADS / "pedestrians" / "INRIAPerson.tar"
INSIDE = "INRIAPerson/96X160H96/Train/pos/"
COUNT = 2416
MARGIN = 16
"""Pixels around a person that are cut off: 96 x 160 become 64 x 128."""
TEST_PICTURES = 246


@folder
def pedestrians() -> Recipe:
    """Return the recipe of INRIA Person: 1208 people and their mirror images.

    246 people are for the test. A person and the mirror image are on one side.
    """
    return Recipe("INRIA Person, placed by hand", "none stated", _read)


def _read() -> Splits:
    what = "INRIA Person, once at ftp.inrialpes.fr/pub/lear/douze/data, 1 GB"
    people = tar_files(placed(ARCHIVE, what), (".png",))
    images = Images()
    for path in sorted(path for path in people if path.startswith(INSIDE)):
        images.add(people[path], 0, path, f"{ARCHIVE}: {path}")
    if len(images) != COUNT:
        raise UserError(f"{ARCHIVE} holds {len(images)} pictures in {INSIDE} instead of {COUNT}. {REPLACE}")
    seen = zip(images.content, images.places, strict=True)
    thumbnails = [resize(decode(content, place), THUMBNAIL, 1, "squash") for content, place in seen]
    pictures = pictures_of(np.stack(thumbnails), "pedestrians")
    numbers = sorted(set(pictures.tolist()), key=pictures.tolist().index)
    count = min(TEST_PICTURES, len(numbers))
    test = {numbers[(2 * j + 1) * len(numbers) // (2 * count)] for j in range(count)}
    sides = ([i for i, of in enumerate(pictures) if (of in test) is held] for held in (False, True))
    train_images, test_images = (
        as_jpeg(
            images.take(side),
            lambda image, _: image.crop((MARGIN, MARGIN, image.width - MARGIN, image.height - MARGIN)),
            92,
        )
        for side in sides
    )
    return Splits(train_images, test_images, ["person"])
