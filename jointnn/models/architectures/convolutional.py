"""Small convolutional networks for small images."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from jointnn.models.architectures import architecture


@architecture
def small_conv(classes: int, channels: int, size: int, width: int = 16) -> nn.Module:
    """Build three strided convolutions, a dense layer and a head, for images of 8 to 64 pixels.

    These are five layers. Strides take the place of pooling: on a CPU a step is then half as long.

    Args:
        classes: outputs of the head.
        channels: of the images.
        size: pixels of a side, a multiple of 8.
        width: channels of the first convolution; the second has twice, the third four times as many.
    """
    widths = [channels, width, 2 * width, 4 * width]
    convolutions = {
        f"conv{k}": nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU())
        for k, (before, after) in enumerate(pairwise(widths), start=1)
    }
    flat = widths[-1] * (size // 8) ** 2
    return nn.Sequential(
        OrderedDict(
            **convolutions,
            dense=nn.Sequential(nn.Flatten(), nn.Linear(flat, 4 * width), nn.ReLU()),
            head=nn.Linear(4 * width, classes),
        )
    )
