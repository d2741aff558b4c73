"""CIFAR-10 by torchvision's loader: from a mirror, placed by hand, or downloaded."""

from typing import Any

from jointnn.data.archives import unpacked_inside
from jointnn.data.download import DOWNLOADS
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, accept
from jointnn.data.sources import dataset
from jointnn.data.torchvision_sets import OfficialSet

# As torchvision states it. Kept here too, so that freshness is decided without importing torch.
CIFAR10_MD5 = {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"}
CIFAR10_CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip


@dataset
def cifar10(params: DatasetParams) -> Source:
    """CIFAR-10: 50000 + 10000 photos of ten kinds of things, 32 x 32 pixels in colour, official split.

    torchvision unpacks the official archive and checks each of its pickled files before it reads it.
    """

    def load(train: bool) -> tuple[Any, Any]:
        from torchvision.datasets import CIFAR10

        with unpacked_inside():
            images = CIFAR10(DOWNLOADS / "cifar10", train=train, download=True)
        return images.data, images.targets

    accept(params)
    folder = DOWNLOADS / "cifar10"
    official = OfficialSet("cifar10", "CIFAR-10", folder, CIFAR10_MD5, CIFAR10_CLASSES, load)
    return official.source("none stated")
