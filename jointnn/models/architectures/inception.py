"""InceptionV3, the network of the paper's Task I, from torchvision."""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.io.files import sha256_of_file
from jointnn.models.architectures import architecture

SMALLEST = 75
"""Pixels of a side below which nothing is left for the last layers."""


@architecture(imagenet="weights")
def inception_v3(classes: int, channels: int, size: int, weights: str = "imagenet") -> nn.Module:
    """Build torchvision's InceptionV3 (Szegedy et al. 2016) without the auxiliary head.

    It has 16 layers and a head. A layer is a top-level module: five stem convolutions, eleven Mixed blocks,
    and `fc`, the head, of the dataset's own classes. It is a sequence of them, so that activations can be
    checkpointed layer by layer; names of parameters are torchvision's. Images go in as the task gives them,
    -1..1: the weights come from TensorFlow and expect that, so torchvision's `transform_input`, for images
    normalised by ImageNet's means, is left out. Dropout of 0.5 stands before the head.

    Args:
        classes: outputs of the head.
        channels: of the images, 3.
        size: pixels of a side, at least 75; made for 299.
        weights: imagenet (but for the head, which is random), or none: all at random.

    Raises:
        UserError: the images are grey or too small, or the weights are not to be had.
    """
    if channels != 3 or size < SMALLEST:
        raise UserError(
            f"inception_v3 takes colour images of {SMALLEST} pixels or more, not {channels} channels and "
            f"{size} pixels. Set channels: 3 and image_size: 299."
        )
    if weights not in ("imagenet", "none"):
        raise UserError(f"inception_v3 has no weights {weights!r}. Set weights: imagenet, or none.")
    from torchvision.models import Inception3  # takes a second, which other architectures need not wait

    # init_weights=True would draw from a normal distribution of deviation 0.1. Batch norm takes that scale
    # away again; but the head would begin far from equal scores, and its first losses would be large.
    made = Inception3(num_classes=classes, aux_logits=False, init_weights=False)
    if weights == "imagenet":
        adopt(made, imagenet_weights())
    parts = OrderedDict(made.named_children())
    head = parts.pop("fc")
    return nn.Sequential(OrderedDict(**parts, flatten=nn.Flatten(), fc=head))


def adopt(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Take over all parameters and statistics but those of the heads, which are for other classes."""
    trunk = {name: value for name, value in weights.items() if not name.startswith(("AuxLogits.", "fc."))}
    missing, unknown = network.load_state_dict(trunk, strict=False)
    assert missing == ["fc.weight", "fc.bias"] and not unknown


def weights_file() -> Path:
    """Return the path of torchvision's parameters in the cache of torch.hub, there or not."""
    from torchvision.models import Inception_V3_Weights

    address = Inception_V3_Weights.IMAGENET1K_V1.url
    return Path(torch.hub.get_dir(), "checkpoints", address.rpartition("/")[2])


def imagenet_weights() -> dict[str, Tensor]:
    """Return torchvision's parameters by name, from the cache of torch.hub or, at first, from the net.

    Raises:
        UserError: they cannot be downloaded, or the file in the cache is another one.
    """
    from torchvision.models import Inception_V3_Weights

    source, file = Inception_V3_Weights.IMAGENET1K_V1, weights_file()
    start_of_digest = file.stem.rpartition("-")[2]
    if file.exists() and not sha256_of_file(file).startswith(start_of_digest):
        raise UserError(f"{file} is damaged: its SHA-256 does not begin with {start_of_digest}. Delete it.")
    try:
        found: dict[str, Tensor] = source.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
    except Exception as error:  # of the network, or of torch, which loads nothing but tensors
        raise UserError(
            f"The ImageNet weights of inception_v3 could not be downloaded ({error}). Place the file of "
            f"{source.url} at {file}, or set architecture_options: {{weights: none}}."
        ) from error
    return found
