"""The layers that a branch is made of, each a word and a number or two: `conv 16`, `pool`, `dense 500`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.registry import Registry


@dataclass(frozen=True)
class Given:
    """The place of a layer: the shape before it, and what the experiment gives.

    Attributes:
        shape: of the values that it takes, (C, H, W) or (D,).
        image: shape of the images, (C, H, W).
        classes: how many there are.
    """

    shape: tuple[int, ...]
    image: tuple[int, int, int]
    classes: int

    @property
    def channels(self) -> int:
        """Return the number of channels of a grid of features, or of values of a flat code."""
        return self.shape[0]

    @property
    def values(self) -> int:
        """Return the number of values that come in."""
        return math.prod(self.shape)


Layer = Callable[..., nn.Module]
layer = Registry("layer")


@layer
def conv(given: Given, width: int) -> nn.Module:
    """Return a convolution of 3 x 3 with padding, and ReLU."""
    return nn.Sequential(nn.Conv2d(given.channels, width, 3, 1, 1), nn.ReLU())


@layer
def strided(given: Given, width: int) -> nn.Module:
    """Return a convolution of 3 x 3 that halves the sides, and ReLU."""
    return nn.Sequential(nn.Conv2d(given.channels, width, 3, 2, 1), nn.ReLU())


@layer
def pool(_given: Given) -> nn.Module:
    """Return a pooling to the largest of 2 x 2 pixels."""
    return nn.MaxPool2d(2)


@layer
def dense(given: Given, width: int) -> nn.Module:
    """Return a fully connected layer, and ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(given.values, width), nn.ReLU())


@layer
def grid(given: Given, width: int, side: int) -> nn.Module:
    """Return a fully connected layer to `width` channels of `side` x `side` pixels, and ReLU."""
    flat = nn.Linear(given.values, width * side**2)
    return nn.Sequential(nn.Flatten(), flat, nn.ReLU(), nn.Unflatten(1, (width, side, side)))


@layer
def deconv(given: Given, width: int) -> nn.Module:
    """Return a transposed convolution of 3 x 3, and ReLU."""
    return nn.Sequential(nn.ConvTranspose2d(given.channels, width, 3, 1, 1), nn.ReLU())


@layer
def strided_deconv(given: Given, width: int) -> nn.Module:
    """Return a transposed convolution of 4 x 4 that doubles the sides, and ReLU."""
    return nn.Sequential(nn.ConvTranspose2d(given.channels, width, 4, 2, 1), nn.ReLU())


@layer
def up(_given: Given) -> nn.Module:
    """Return an upsampling: every pixel becomes 2 x 2."""
    return nn.Upsample(scale_factor=2)


@layer
def image(given: Given) -> nn.Module:
    """Return the layer to an image: from a grid a convolution of 3 x 3, from a code a linear layer."""
    if len(given.shape) == 3:
        return nn.Conv2d(given.channels, given.image[0], 3, 1, 1)
    return nn.Sequential(nn.Linear(given.values, math.prod(given.image)), nn.Unflatten(1, given.image))


@layer
def scores(given: Given) -> nn.Module:
    """Return a linear layer to one score per class."""
    return nn.Sequential(nn.Flatten(), nn.Linear(given.values, given.classes))


def made_layer(text: str, given: Given) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the layer that a text names, and the shape of its output.

    Raises:
        UserError: no layer has that name, its numbers are not what it takes, or it does not fit.
    """
    name, *numbers = text.split() or [""]
    make: Layer = layer[name]
    try:
        made = make(given, *map(int, numbers))
        with torch.no_grad():
            found: Tensor = made(torch.zeros(1, *given.shape))
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"The layer {text!r} could not be placed after values of shape {given.shape}: {reason}."
        ) from error
    return made, tuple(found.shape[1:])


def drawn_as_glorot(module: nn.Module) -> None:
    """Draw weights uniform as Glorot and Bengio 2010 have them, biases 0: the default of Keras."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
