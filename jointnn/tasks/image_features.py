"""Features of images in a network that knows ImageNet, by which generated images are measured.

InceptionV3 is the usual one, but its weights have to be downloaded; those of EfficientNet-lite0 come inside
a Python package. Numbers of one cannot be compared with those of the other, so tables name it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from jointnn.data.splits import as_float
from jointnn.errors import UserError
from jointnn.models.architectures.efficientnet import efficientnet_lite0, efficientnet_lite0_end
from jointnn.models.architectures.inception import inception_v3, weights_file
from jointnn.tasks.measures import FEATURES

SMALLEST = 8
"""Pixels of a side below which images are refused."""
AT_ONCE_CPU, AT_ONCE_GPU = 8, 128
"""Images that go through the network at once; a processor is fastest with as many as fit its cache."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network without its head.

    Attributes:
        width: features of an image.
        make: the network, from (N, 3, size, size) in -1..1 to (N, width).
    """

    width: int
    make: Callable[[], nn.Module]


def check_features(name: str) -> None:
    """Refuse a network that is not known, or whose weights are not on this computer: before any training.

    Raises:
        UserError: so.
    """
    if name not in NETWORKS:
        raise UserError(f"No network for features is named {name!r}. Known: {', '.join(NETWORKS)}.")
    if name == "inception_v3" and not (file := weights_file()).exists():
        raise UserError(
            f"The features of inception_v3 need its ImageNet weights at {file}, which is not there. Place "
            "torchvision's file of that name there, or use the features of efficientnet_lite0."
        )


def features_of(images: Tensor, name: str) -> Tensor:
    """Return the features of images. Those of an image depend on that image alone.

    Args:
        images: uint8, grey or colour, at least 8 pixels a side, shape (N, 1 or 3, H, W), on any device.
            They are resized, bilinear with antialiasing, to a square; grey ones get three equal channels.
        name: of the network, in NETWORKS.

    Returns:
        float32, shape (N, F), on the device of the images.

    Raises:
        UserError: there is no such network, or its weights are not on this computer.
        ValueError: the images are of another type or shape.
    """
    shape = tuple(images.shape)
    sides, channels = shape[2:], shape[1:2]
    if images.dtype != torch.uint8 or len(sides) != 2 or channels[0] not in (1, 3) or min(sides) < SMALLEST:
        raise ValueError(
            "Features are of uint8 images of shape (N, 1 or 3, H, W) with sides of at least "
            f"{SMALLEST} pixels, not of {images.dtype} of shape {shape}."
        )
    network, (_, size) = _network(name, images.device), FEATURES[name]
    most = AT_ONCE_CPU if images.device.type == "cpu" else AT_ONCE_GPU
    found = images.new_empty((len(images), NETWORKS[name].width), dtype=torch.float32)
    with torch.no_grad():
        for start in range(0, len(images), most):
            span = slice(start, start + most)
            found[span] = network(_resized(images[span], size))
    return found


def _resized(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (N, C, H, W) as floats -1..1, shape (N, 3, size, size).

    They are in the layout that is fastest.
    """
    resized = nn.functional.interpolate(
        as_float(images), (size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


@cache
def _network(name: str, device: torch.device) -> nn.Module:
    check_features(name)
    with torch.random.fork_rng(devices=[]):  # layers draw weights before they get those of ImageNet
        network = NETWORKS[name].make()
    return network.eval().requires_grad_(requires_grad=False).to(device)


def _efficientnet_lite0() -> nn.Module:
    end = efficientnet_lite0_end(classes=1, channels=3, size=224)
    assert isinstance(end, nn.Sequential)
    return nn.Sequential(efficientnet_lite0(channels=3, size=224), end[:-1])


def _inception_v3() -> nn.Module:
    whole = inception_v3(classes=1, channels=3, size=299)
    assert isinstance(whole, nn.Sequential)
    return whole[:-1]


NETWORKS = {
    "efficientnet_lite0": FeatureNetwork(1280, _efficientnet_lite0),
    "inception_v3": FeatureNetwork(2048, _inception_v3),
}
"""Networks that make features, by the name of their architecture; `measures.FEATURES` says more."""
