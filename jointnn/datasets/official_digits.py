"""MNIST and USPS by torchvision's loaders: from a mirror, placed by hand, or downloaded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jointnn.datasets import dataset
from jointnn.datasets.downloads import DOWNLOADS
from jointnn.datasets.packages import DIGITS, of_arrays
from jointnn.datasets.params import DatasetParams
from jointnn.datasets.parquet_files import held_by_mirror, mirrored
from jointnn.datasets.source import Source, Splits, accept
from jointnn.errors import UserError

# As torchvision states them. Kept here too, so that freshness is decided without importing torch.
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
USPS_MD5 = {
    "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
    "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
}


@dataset
def mnist(params: DatasetParams) -> Source:
    """MNIST: 60000 + 10000 handwritten digits of 28 x 28 pixels, official split."""

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import MNIST

        images = MNIST(DOWNLOADS / "mnist", train=train, download=True)
        return images.data.numpy(), images.targets.numpy()

    accept(params)
    folder = DOWNLOADS / "mnist" / "MNIST" / "raw"
    return _Official("mnist", "MNIST", folder, MNIST_MD5, load).source("CC BY-SA 3.0")


@dataset
def usps(params: DatasetParams) -> Source:
    """USPS: 7291 + 2007 handwritten zip code digits of 16 x 16 pixels, official split."""

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import USPS

        folder = DOWNLOADS / "usps"
        folder.mkdir(parents=True, exist_ok=True)
        images = USPS(folder, train=train, download=True)
        return images.data, images.targets

    accept(params)
    return _Official("usps", "USPS", DOWNLOADS / "usps", USPS_MD5, load).source("none stated")


@dataclass(frozen=True)
class _Official:
    """A dataset that torchvision loads.

    Attributes:
        name: its folder in a mirror.
        title: what it is called.
        folder: where torchvision keeps the official files.
        checksums: MD5 of each of these files.
        load: pixels (N, H, W) and labels of the training images, or of the test images.
    """

    name: str
    title: str
    folder: Path
    checksums: dict[str, str]
    load: Callable[[bool], tuple[Any, Any]]

    def source(self, licence: str) -> Source:
        """The mirror's copy if there is one, else the official files, downloaded if missing."""
        if mirror := held_by_mirror(self.name):
            return mirrored(mirror, self.name, licence)
        return Source(
            files=tuple(self.folder / file for file in self.checksums),
            root=DOWNLOADS,
            origin=f"{self.title}, the official files by torchvision",
            licence=licence,
            read=self.read,
            packages=("torchvision",),
            checksums=self.checksums,
        )

    def read(self) -> Splits:
        for file in self.checksums:
            if (self.folder / file).exists():
                self.check(file)
        try:
            (pixels, labels), (test_pixels, test_labels) = self.load(True), self.load(False)
        # No network, a broken download, or unpacked files that were damaged later.
        except (OSError, EOFError, RuntimeError, ValueError, AssertionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"{self.title} could not be loaded: {reason}. Without a network, place "
                f"{', '.join(self.checksums)} in {self.folder} by hand, or set JOINTNN_MIRROR to a "
                f"folder that holds {self.name}/train.parquet and {self.name}/test.parquet."
            ) from error
        for file in self.checksums:
            self.check(file)
        train = of_arrays(pixels, labels, f"{self.title}, train")
        return Splits(train, of_arrays(test_pixels, test_labels, f"{self.title}, test"), DIGITS)

    def check(self, name: str) -> None:
        """Refuse a file that is not the official one."""
        file = self.folder / name
        if not file.is_file():
            raise UserError(f"{file} is missing, though its unpacked form is there. Place it there too.")
        found = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        if found != self.checksums[name]:
            raise UserError(
                f"{file} is not the official file: its MD5 is {found}, not {self.checksums[name]}. "
                "Delete it, and it will be downloaded again, or place the official one there."
            )
