"""Activations of a frozen trunk, from which networks learn in the place of images."""

import torch
from torch import Tensor, nn

from jointnn.data.splits import as_float
from jointnn.errors import UserError, failed
from jointnn.models.architectures import trunk

AT_ONCE = 64
"""Images that go through a trunk at once."""


def trunk_of(name: str, channels: int, size: int) -> nn.Module:
    """Return a frozen trunk for images of `size` pixels.

    Raises:
        UserError: it cannot be made.
    """
    try:
        made: nn.Module = trunk[name](channels=channels, size=size)
        return made.eval()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own can raise anything
        what = f"The trunk {name} could not be made for {channels} channels and {size} pixels"
        raise failed(what, error) from error


@torch.no_grad()
def activations_of(network: nn.Module, images: Tensor, name: str) -> Tensor:
    """Return a trunk's activations for images, uint8 (N, C, H, W).

    Raises:
        UserError: it cannot take them, or gives no tensor with a row for each.
    """
    try:
        made = [network(as_float(batch)) for batch in images.split(AT_ONCE)]
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own can raise anything
        what = f"The trunk {name} cannot take images of shape {tuple(images.shape[1:])}"
        raise failed(what, error) from error
    if not all(isinstance(found, Tensor) for found in made) or sum(map(len, made)) != len(images):
        raise UserError(
            f"The trunk {name} gives {type(made[0]).__name__} and no tensor with a row for each image."
        )
    return torch.cat(made)
