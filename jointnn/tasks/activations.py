"""What a frozen trunk makes of images, from which networks learn in their place."""

import torch
from torch import Tensor, nn

from jointnn.data.splits import as_float

AT_ONCE = 64
"""Images that go through a trunk at once."""


@torch.no_grad()
def activations(trunk: nn.Module, images: Tensor) -> Tensor:
    """Return what a trunk in evaluation mode gives for each image, uint8 (N, C, H, W)."""
    return torch.cat([trunk(as_float(some)) for some in images.split(AT_ONCE)])
