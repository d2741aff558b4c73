"""Generative adversarial networks: the layers of generators and discriminators."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from jointnn.errors import UserError
from jointnn.models.architectures import architecture
from jointnn.models.elu import ELU
from jointnn.models.gan import Began, Dcgan


@architecture
def dcgan(classes: int, channels: int, size: int, width: int = 128, latent: int = 100) -> nn.Module:  # noqa: ARG001
    """Build a deep convolutional GAN (Radford, Metz, Chintala 2016, Figure 1 and Section 3).

    z goes through a dense layer to 4 x 4 pixels, and each transposed convolution doubles the side and
    halves the channels: 1024, 512, 256, 128 at the paper's 64 pixels. Batch norm but at the generator's
    output and the discriminator's input, ReLU in the one and leaky ReLU of 0.2 in the other, weights
    N(0, 0.02). Kernels have 4 pixels of a side, not 5, so that each output is covered equally often.

    Args:
        classes: not read.
        channels: of the images.
        size: pixels of a side: 8, 16, 32, 64, ...
        width: channels before the last layer; 128 in the paper.
        latent: length of z.
    """
    halvings = _halvings("dcgan", size, 4)
    widths = [width << k for k in reversed(range(halvings))]
    generator = OrderedDict[str, nn.Module](dense=_dense_to_grid(latent, widths[0], 4))
    for k, (before, after) in enumerate(pairwise(widths), start=1):
        layer = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
        generator[f"up{k}"] = nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU())
    generator[f"up{halvings}"] = nn.Sequential(nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh())
    narrow = list(reversed(widths))
    discriminator = OrderedDict[str, nn.Module](
        down1=nn.Sequential(nn.Conv2d(channels, narrow[0], 4, 2, 1), nn.LeakyReLU(0.2))
    )
    for k, (before, after) in enumerate(pairwise(narrow), start=2):
        down = nn.Conv2d(before, after, 4, 2, 1, bias=False)
        discriminator[f"down{k}"] = nn.Sequential(down, nn.BatchNorm2d(after), nn.LeakyReLU(0.2))
    discriminator["score"] = nn.Sequential(nn.Flatten(), nn.Linear(narrow[-1] * 16, 1))
    made = Dcgan(nn.Sequential(generator), nn.Sequential(discriminator), latent)
    made.apply(_drawn_narrowly)
    return made


@architecture
def began(
    classes: int,  # noqa: ARG001
    channels: int,
    size: int,
    width: int = 64,
    latent: int = 64,
    gain: float = 0.001,
    diversity: float = 0.5,
) -> nn.Module:
    """Build a boundary equilibrium GAN (Berthelot, Schumm, Metz 2017, Figure 1).

    The discriminator encodes an image to `latent` values and decodes them; the generator is a decoder of
    its own. Convolutions of 3 x 3 in pairs with ELU, no batch norm; an encoder halves the image by
    stride 2 and adds `width` channels with each halving, down to a grid of 8 x 8; a decoder doubles it by
    nearest neighbours at a constant width.

    Args:
        classes: not read.
        channels: of the images.
        size: pixels of a side: 16, 32, 64, ...
        width: n, the channels at full size; 64 or 128 in the paper.
        latent: length of z, and of the code; 64 in the paper.
        gain: lambda_k, the step of k, above 0.
        diversity: gamma, the ratio of the errors of made and real images that k holds, in 0..1.
    """
    if gain <= 0 or not 0 < diversity <= 1:
        raise UserError(
            f"began needs a gain above 0 and a diversity in 0..1, not {gain} and {diversity}. Mend "
            "architecture_options."
        )
    shape = channels, _halvings("began", size, 8), width, latent
    discriminator = nn.Sequential(_encoder(*shape) | _decoder(*shape))
    return Began(nn.Sequential(_decoder(*shape)), discriminator, latent, gain, diversity)


def _encoder(channels: int, halvings: int, width: int, latent: int) -> "OrderedDict[str, nn.Module]":
    """Return the layers from an image to its code: pairs of convolutions with a halving in between.

    From 8 x 8 pixels on there is one dense layer.
    """
    layers = OrderedDict[str, nn.Module](encode=_convolved(channels, width))
    for k in range(1, halvings + 1):
        pair = [*_convolved(width * k, width * k), *_convolved(width * k, width * (k + 1), stride=2)]
        layers[f"encode{k}"] = nn.Sequential(*pair)
    deepest = width * (halvings + 1)
    pair = [*_convolved(deepest, deepest), *_convolved(deepest, deepest)]
    layers[f"encode{halvings + 1}"] = nn.Sequential(*pair)
    layers["code"] = nn.Sequential(nn.Flatten(), nn.Linear(deepest * 64, latent))
    return layers


def _decoder(channels: int, halvings: int, width: int, latent: int) -> "OrderedDict[str, nn.Module]":
    """Return the layers from a code to an image: dense to 8 x 8, then pairs of convolutions.

    Between the pairs the sides double.
    """
    layers = OrderedDict[str, nn.Module](
        dense=nn.Sequential(nn.Linear(latent, width * 64), nn.Unflatten(1, (width, 8, 8)))
    )
    for k in range(halvings + 1):
        doubled = [nn.Upsample(scale_factor=2)] if k < halvings else []
        layers[f"decode{k + 1}"] = nn.Sequential(
            *_convolved(width, width), *_convolved(width, width), *doubled
        )
    layers["image"] = nn.Conv2d(width, channels, 3, 1, 1)
    return layers


def _convolved(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), ELU())


def _dense_to_grid(latent: int, width: int, side: int) -> nn.Sequential:
    """Return the layer from z to a grid of features, with batch norm and ReLU."""
    dense = nn.Linear(latent, width * side**2, bias=False)
    return nn.Sequential(dense, nn.Unflatten(1, (width, side, side)), nn.BatchNorm2d(width), nn.ReLU())


def _halvings(name: str, size: int, smallest: int) -> int:
    """Return how often a side halves down to the smallest grid, at least once."""
    halvings = (size // smallest).bit_length() - 1
    if halvings < 1 or smallest << halvings != size:
        raise UserError(
            f"{name} halves images down to {smallest} pixels, at least once; image_size {size} is none of "
            f"{smallest * 2}, {smallest * 4}, {smallest * 8}, ..."
        )
    return halvings


def _drawn_narrowly(module: nn.Module) -> None:
    """Draw weights N(0, 0.02), biases 0; the scale of batch norm is N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.BatchNorm2d):
        mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
        nn.init.normal_(module.weight, mean, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
