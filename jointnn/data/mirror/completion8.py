"""The completion set: eight kinds of things from sets that are published, and wolves of ImageNet."""

import re
from collections.abc import Callable
from dataclasses import replace

from PIL import Image

from jointnn.data.download import DOWNLOADS
from jointnn.data.mirror import folder
from jointnn.data.mirror.aircraft import without_banner
from jointnn.data.mirror.cars import cut_to_car
from jointnn.data.mirror.recipe import Recipe, apart, as_jpeg, both, evenly, fitted, of_source, placed
from jointnn.data.official_formats import tar_files
from jointnn.data.source import Images, Splits
from jointnn.errors import UserError

NAMES = ["bird", "dog", "wolf", "flower", "car", "truck", "plane", "fighter_aircraft"]
WOLVES = DOWNLOADS / "imagenet" / "n02114367.tar"
FIGHTERS = ["Eurofighter Typhoon", "F-16A/B", "F/A-18", "Hawk T1", "Spitfire", "Tornado"]
AIRLINER = r"(7[0-9]7|A3[0-9]{2})-"
CAR, TRUCK = r"(Sedan|Coupe|Hatchback) \d{4}$", r"Cab \d{4}$"
COUNT, SIZE = 600, 64

Draw = Callable[[Image.Image, str], Image.Image]


@folder
def completion8() -> Recipe:
    """Return the recipe of eight classes: 500 training and 100 test photos of each.

    Every sixth photo is for the test.
    """
    return Recipe(
        "CUB-200-2011, Stanford Dogs and Cars, Flowers-102, FGVC-Aircraft, and ImageNet's timber wolf",
        "non-commercial research",
        _read,
    )


def _read() -> Splits:
    train, test = Images(), Images()
    for label, name in enumerate(NAMES):
        images, draw = _photos_of(name)
        if len(images) < COUNT:
            raise UserError(
                f"completion8 needs {COUNT} photos of the class {name}, but found {len(images)}."
            )
        # One class, whatever kinds it has: its photos are spread over them all.
        chosen = evenly(replace(images, labels=[label] * len(images)), COUNT)
        for whole, side in zip((train, test), apart(chosen, 6), strict=True):
            whole.extend(as_jpeg(side, draw, 93))
    return Splits(train, test, NAMES)


def _photos_of(name: str) -> tuple[Images, Draw]:
    """Return all photos of one class, and the function that draws each."""

    def whole(image: Image.Image, _: str) -> Image.Image:
        return fitted(image, SIZE)

    match name:
        case "bird":
            return both(of_source("cub_200_2011")), whole
        case "dog":
            return both(of_source("stanford_dogs")), whole
        case "flower":
            return both(of_source("flowers_102")), whole
        case "wolf":
            return _wolves(), whole
        case "car" | "truck":
            cars = of_source("stanford_cars")
            named = re.compile(CAR if name == "car" else TRUCK)
            return _of_names(cars.train, cars.classes, named.search), cut_to_car(SIZE)
    planes = of_source("fgvc_aircraft")
    wanted = FIGHTERS.__contains__ if name == "fighter_aircraft" else re.compile(AIRLINER).match
    return _of_names(both(planes), planes.classes, wanted), lambda image, _: whole(
        without_banner(image), ""
    )


def _of_names(images: Images, classes: list[str], wanted: Callable[[str], object]) -> Images:
    return images.take([i for i, label in enumerate(images.labels) if wanted(classes[label])])


def _wolves() -> Images:
    what = "the archive of the class n02114367 inside ILSVRC2012_img_train.tar, from image-net.org"
    photos = tar_files(placed(WOLVES, what), (".JPEG",))
    images = Images()
    for path in sorted(photos):
        images.add(photos[path], 0, path, f"{WOLVES}: {path}")
    return images
