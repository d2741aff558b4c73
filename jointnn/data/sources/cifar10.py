"""CIFAR-10 from its binary archive: from a mirror, placed by hand, or downloaded."""

from pathlib import Path

import numpy as np

from jointnn.data.download import OfficialFile
from jointnn.data.official_files import official
from jointnn.data.official_formats import REPLACE, needed, tar_files
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images, Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.data.sources.bundled_digits import of_arrays
from jointnn.errors import UserError

# The sum is that which TensorFlow Datasets checks.
CIFAR10 = [
    OfficialFile(
        "cifar-10-binary.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )
]
CIFAR10_CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip
TRAIN, TEST = [f"data_batch_{k}.bin" for k in range(1, 6)], ["test_batch.bin"]
RECORD = 1 + 3 * 32 * 32
"""Bytes of an image: its label, then red, green and blue, each row by row."""


@dataset
def cifar10(params: DatasetParams) -> Source:
    """Return the source of CIFAR-10: 50000 + 10000 photos of ten kinds, 32 x 32 in colour, official split.

    Its other archive holds the same images as pickles, which can run any code; it is not read.
    """
    accept(params)
    return official("cifar10", "CIFAR-10", "none stated", CIFAR10, _read)


def _read(folder: Path) -> Splits:
    archive = folder / CIFAR10[0].name
    files = tar_files(archive, (".bin",))
    train, test = (
        _images([needed(files, f"cifar-10-batches-bin/{name}", archive) for name in names], archive, split)
        for split, names in (("train", TRAIN), ("test", TEST))
    )
    return Splits(train, test, CIFAR10_CLASSES)


def _images(batches: list[bytes], archive: Path, split: str) -> Images:
    """Return the images of binary files of records, in their order."""
    content = b"".join(batches)
    if len(content) % RECORD:
        raise UserError(f"{archive} holds {len(content)} bytes of {split} images, no whole ones. {REPLACE}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return of_arrays(np.ascontiguousarray(pixels), records[:, 0], f"CIFAR-10, {split}")
