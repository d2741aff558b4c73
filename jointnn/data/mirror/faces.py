"""Faces: Labeled Faces in the Wild, deep-funneled."""

from PIL import Image

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, fitted
from jointnn.data.official_formats import tar_files
from jointnn.data.selection import spread
from jointnn.data.source import Images, Splits

# The sum is torchvision's.
FACES = [
    OfficialFile(
        "lfw-deepfunneled.tgz",
        "http://vis-www.cs.umass.edu/lfw/lfw-deepfunneled.tgz",
        "68331da3eb755a505a502b5aacb3c201",
    )
]
SIDE, SIZE = 128, 64
"""The central square of a picture of 250 pixels, our estimate from the mean face; and what it becomes."""
TEST_EVERY = 7
MOST = {"train": 5000, "test": 800}


@folder
def faces() -> Recipe:
    """Return the recipe of LFW: 5000 pictures, and 800 of every seventh person for the test.

    The label is the person.
    """
    return Recipe("Labeled Faces in the Wild, deep-funneled", "none stated", _read)


def _read() -> Splits:
    (file,) = FACES
    archive = obtain(file, DOWNLOADS / "faces")
    pictures = tar_files(archive, (".jpg",))
    people = sorted({path.split("/")[-2] for path in pictures})
    label_of = {person: label for label, person in enumerate(people)}
    splits = {"train": Images(), "test": Images()}
    for path in sorted(pictures):
        label = label_of[path.split("/")[-2]]
        split = "test" if label % TEST_EVERY == TEST_EVERY - 1 else "train"
        splits[split].add(pictures[path], label, path, f"{archive}: {path}")
    train, test = (as_jpeg(_spread(images, MOST[split]), _cut, 92) for split, images in splits.items())
    return Splits(train, test, people)


def _cut(image: Image.Image, _: str) -> Image.Image:
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return fitted(image.crop((left, top, left + SIDE, top + SIDE)), SIZE)


def _spread(images: Images, most: int) -> Images:
    """Return at most `most` images, spread evenly over all, whoever is on them."""
    return images.take(spread(range(len(images)), min(most, len(images))))
