"""A small residual network, for photos of few pixels learned from scratch."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from jointnn.models.architectures import architecture


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norm and a shortcut, which is a projection where shapes change.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = (
            nn.Identity() if (before, stride) == (after, 1) else _projection(before, after, stride)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (N, C, S, S) to (N, C', S / stride, S / stride)."""
        found = functional.relu(self.norm1(self.conv1(inputs)))
        return functional.relu(self.norm2(self.conv2(found)) + self.shortcut(inputs))


def _projection(before: int, after: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


@architecture
def small_resnet(
    classes: int,
    channels: int,
    size: int,  # noqa: ARG001
    width: int = 16,
    blocks: int = 4,
) -> nn.Module:
    """Build a stem, residual blocks that each halve the image and double the channels, and a head.

    Args:
        classes: outputs of the head.
        channels: of the images.
        size: pixels of a side, at least 2 ** (blocks + 1).
        width: channels after the stem, which halves the image too; at most eight times as many later.
        blocks: residual blocks, each a layer.
    """
    stem = nn.Sequential(nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    widths = [min(2**k, 8) * width for k in range(blocks)]
    before = [width, *widths]
    layers = {
        f"block{k + 1}": Residual(before[k], after, stride=1 if k == 0 else 2)
        for k, after in enumerate(widths)
    }
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(
        OrderedDict(stem=stem, **layers, pooled=pooled, head=nn.Linear(widths[-1], classes))
    )
