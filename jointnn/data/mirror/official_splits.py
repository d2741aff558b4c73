"""MNIST, USPS and CIFAR-10: official images in their official order."""

import bz2
import io

import numpy as np

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.images import encode_png
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, as_png, numbered, of_source
from jointnn.data.official_formats import REPLACE
from jointnn.data.source import Images, Splits
from jointnn.data.sources.bundled_digits import DIGITS
from jointnn.data.sources.digits import USPS_MD5
from jointnn.errors import UserError

USPS = [
    OfficialFile(name, f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{name}", md5)
    for name, md5 in USPS_MD5.items()
]


@folder
def mnist() -> Recipe:
    """Return the recipe of MNIST: all images, lossless."""

    def read() -> Splits:
        official = of_source("mnist")
        train, test = (as_png(of or Images()) for of in (official.train, official.test))
        return Splits(numbered(train, "train", "png"), numbered(test, "test", "png"), official.classes)

    return Recipe("MNIST, the official files by torchvision", "CC BY-SA 3.0", read)


@folder
def usps() -> Recipe:
    """Return the recipe of USPS: all images, lossless; brightness -1 to 1 becomes 0 to 255, rounded."""

    def read() -> Splits:
        train, test = (_read_usps(file) for file in USPS)
        return Splits(numbered(train, "train", "png"), numbered(test, "test", "png"), DIGITS)

    return Recipe("USPS, the official files of LIBSVM's page", "none stated", read)


def _read_usps(file: OfficialFile) -> Images:
    """Return the digits of LIBSVM's text. A line is a class from 1, then `pixel:brightness` from 1.

    torchvision cuts brightness off where this rounds it, so a pixel differs by one level of 256 at most.
    """
    from sklearn.datasets import load_svmlight_file

    path = obtain(file, DOWNLOADS / "usps")
    try:
        values, classes = load_svmlight_file(io.BytesIO(bz2.decompress(path.read_bytes())), n_features=256)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged: {error}. {REPLACE}") from error
    pixels = np.rint((values.toarray() + 1) * 127.5).astype(np.uint8).reshape(-1, 16, 16)
    images = Images()
    for i, (digit, label) in enumerate(zip(pixels, classes, strict=True)):
        images.add(encode_png(digit), int(label) - 1, f"{i}", f"{path}, line {i + 1}")
    return as_png(images)


@folder
def cifar10() -> Recipe:
    """Return the recipe of CIFAR-10: all images, as JPEGs of quality 75, and so not lossless."""

    def read() -> Splits:
        official = of_source("cifar10")
        # Of the mirror's JPEGs these alone have the standard's Huffman tables.
        train, test = (
            as_jpeg(of or Images(), lambda image, _: image, 75, optimize=False)
            for of in (official.train, official.test)
        )
        return Splits(numbered(train, "train", "jpg"), numbered(test, "test", "jpg"), official.classes)

    return Recipe("CIFAR-10, its official binary archive", "none stated", read)
