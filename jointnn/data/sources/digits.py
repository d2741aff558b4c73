"""MNIST, USPS and SVHN by torchvision's loaders: from a mirror, placed by hand, or downloaded."""

from typing import Any

from jointnn.data.download import DOWNLOADS
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, accept
from jointnn.data.sources import dataset
from jointnn.data.sources.bundled_digits import DIGITS
from jointnn.data.torchvision_sets import OfficialSet

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
SVHN_MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


@dataset
def mnist(params: DatasetParams) -> Source:
    """Return the source of MNIST: 60000 + 10000 handwritten digits of 28 x 28 pixels, official split."""

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import MNIST

        images = MNIST(DOWNLOADS / "mnist", train=train, download=True)
        return images.data.numpy(), images.targets.numpy()

    accept(params)
    folder = DOWNLOADS / "mnist" / "MNIST" / "raw"
    return OfficialSet("mnist", "MNIST", folder, MNIST_MD5, DIGITS, load).source("CC BY-SA 3.0")


@dataset
def usps(params: DatasetParams) -> Source:
    """Return the source of USPS: 7291 + 2007 handwritten zip code digits, official split.

    Images have 16 x 16 pixels.
    """

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import USPS

        folder = DOWNLOADS / "usps"
        folder.mkdir(parents=True, exist_ok=True)
        images = USPS(folder, train=train, download=True)
        return images.data, images.targets

    accept(params)
    return OfficialSet("usps", "USPS", DOWNLOADS / "usps", USPS_MD5, DIGITS, load).source("none stated")


@dataset
def svhn(params: DatasetParams) -> Source:
    """Return the source of SVHN: 73257 + 26032 house numbers cut to a digit, official split.

    Images have 32 x 32 pixels in colour. The official files label the digit 0 as 10; torchvision makes that
    0. The extra images are left out.
    """

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import SVHN

        images = SVHN(DOWNLOADS / "svhn", split="train" if train else "test", download=True)
        return images.data.transpose(0, 2, 3, 1), images.labels

    accept(params)
    return OfficialSet("svhn", "SVHN", DOWNLOADS / "svhn", SVHN_MD5, DIGITS, load).source(
        "non-commercial use"
    )
