"""Auto-encoders for image completion."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from jointnn.errors import UserError
from jointnn.models.architectures import architecture

LAYERS = [*(f"encode{k}" for k in (1, 2, 3, 4)), "code", *(f"decode{k}" for k in (1, 2, 3, 4))]


@architecture
def autoencoder(classes: int, channels: int, size: int, width: int = 32) -> nn.Module:  # noqa: ARG001
    """Build nine convolutions: three halve the image, three see all of it, three double it. No batch norm.

    The paper gives the number of layers alone; their table is ours (docs/method.md). Images in -1..1, no
    limit on what comes out.

    Args:
        classes: not read: an image is the output, so all networks have the same layers, the last included.
        channels: of the images.
        size: pixels of a side, a multiple of 8.
        width: channels after the first layer, twice as many after the second, four times in the middle.
    """
    if size % 8:
        raise UserError(f"autoencoder halves images three times; image_size {size} is no multiple of 8.")
    widths = [channels, width, 2 * width, 4 * width]
    down = [nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise(widths)]
    middle = [nn.Conv2d(widths[-1], widths[-1], 3, 1, 1) for _ in range(3)]
    up = [nn.ConvTranspose2d(before, after, 4, 2, 1) for before, after in pairwise(reversed(widths))]
    convolutions = dict(zip(LAYERS, [*down, *middle, *up], strict=True))
    layers: dict[str, nn.Module] = {
        name: nn.Sequential(layer, nn.ReLU()) for name, layer in convolutions.items()
    }
    layers[LAYERS[-1]] = convolutions[LAYERS[-1]]
    return nn.Sequential(OrderedDict(layers))
