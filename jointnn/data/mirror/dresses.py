"""Dresses: product photos on white."""

import csv
import io

from PIL import Image, ImageOps

from jointnn.data.download import DOWNLOADS
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, apart, as_jpeg, fitted, placed
from jointnn.data.official_formats import REPLACE
from jointnn.data.source import Images, Splits
from jointnn.errors import UserError

FOLDER = DOWNLOADS / "dresses"
SIZE = 64


@folder
def dresses() -> Recipe:
    """Return the recipe of every dress of Fashion Product Images.

    Every seventh image of a class is for the test. Label 1 is black.
    """
    return Recipe("Fashion Product Images (Small), placed by hand", "MIT, as its page says", _read)


def _read() -> Splits:
    where = "the folder of Kaggle's paramaggarwal/fashion-product-images-small, unpacked"
    table, photos = placed(FOLDER / "styles.csv", where), placed(FOLDER / "images", where)
    rows = csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"), newline=""))
    for column in ("id", "articleType", "baseColour"):
        if column not in (rows.fieldnames or ()):
            raise UserError(f"{table} has no column {column!r}. {REPLACE}")
    dresses = [row for row in rows if row["articleType"] == "Dresses"]
    images = Images()
    for row in sorted(dresses, key=lambda row: int(row["id"])):
        photo = photos / f"{row['id']}.jpg"
        # The table names a few products without a photo.
        if photo.is_file():
            images.add(photo.read_bytes(), int(row["baseColour"] == "Black"), photo.name, str(photo))
    train, test = (as_jpeg(side, _on_white, 94) for side in apart(images, 7))
    return Splits(train, test, ["dress_other_colour", "dress_black"])


def _on_white(image: Image.Image, _: str) -> Image.Image:
    side = max(image.size)
    return fitted(ImageOps.pad(image, (side, side), color="white"), SIZE)
