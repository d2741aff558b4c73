"""Cars: the first 50 models of Stanford Cars, cut to the car."""

from collections.abc import Callable

from PIL import Image

from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, apart, as_jpeg, evenly, fitted, of_classes, of_source
from jointnn.data.official_formats import REPLACE, read_mat
from jointnn.data.source import Splits
from jointnn.data.sources.stanford_cars import LISTS
from jointnn.errors import UserError

MODELS, SIZE = 50, 96
MOST = (20, 14)


@folder
def cars() -> Recipe:
    """Return the recipe of Stanford Cars: 50 models, every third official training photo for the test."""
    return Recipe("Stanford Cars, the official files placed by hand", "none stated", _read)


def _read() -> Splits:
    official = of_source("stanford_cars")
    sides = apart(of_classes(official.train, list(range(MODELS))), 3)
    cut = cut_to_car(SIZE)
    train, test = (as_jpeg(evenly(side, most), cut, 90) for side, most in zip(sides, MOST, strict=True))
    return Splits(train, test, official.classes[:MODELS])


def cut_to_car(size: int) -> Callable[[Image.Image, str], Image.Image]:
    """Return the function that cuts an official training photo to its car, squashed to a square."""
    where = LISTS["cars_train"]
    (rows,) = read_mat(where.read_bytes(), str(where), "annotations")
    fields = ("fname", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
    if missing := sorted(set(fields) - set(rows.dtype.names or ())):
        raise UserError(f"{where}: `annotations` has no field {missing[0]!r}. {REPLACE}")
    # MATLAB counts pixels from 1, and the last one belongs to the box.
    boxes = {
        str(name): (int(x1) - 1, int(y1) - 1, int(x2), int(y2))
        for name, x1, y1, x2, y2 in (tuple(row[field] for field in fields) for row in rows)
    }
    return lambda image, name: fitted(image.crop(boxes[name]), size, "squash")
