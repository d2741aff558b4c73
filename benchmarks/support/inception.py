"""InceptionV3, as in the experiment `fine_grained`, on images that show nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from jointnn.data.augmentations import inception
from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.inception import inception_v3
from jointnn.models.offloading import Disk
from jointnn.tasks.classification import classification
from support.training import Bench

CLASSES = [200, 120, 102, 196, 100]
"""Of birds, dogs, flowers, cars and aircraft."""


def inceptions(
    count: int,
    pixels: int,
    settings: Mapping[str, object],
    device: str = "cpu",
    folder: str | None = None,
) -> Bench:
    """Return `count` InceptionV3 with random weights, and one batch of images for each.

    Args:
        settings: batch_size and the like.
        device: of networks and images.
        folder: where networks lie that wait on disk.
    """
    chosen = MethodSettings.model_validate({"learning_rate": 0.01, **settings})
    shape = chosen.batch_size, 3, pixels, pixels
    modules = {}
    with torch.device(device):
        for place in range(count):
            network = inception_v3(CLASSES[place], 3, pixels, weights="none")
            modules[f"dataset_{place}"] = network.train()
        images = Split(torch.zeros(shape, dtype=torch.uint8), torch.zeros(shape[:1], dtype=torch.long))
    home = None if folder is None else Disk(Path(folder), torch.device(device))
    return Bench.of(modules, dict.fromkeys(modules, images), classification(), chosen, home, inception)


def tensors_of(bench: Bench) -> Iterator[Tensor]:
    """Yield all that is kept on the device: parameters, gradients, states, averages, statistics."""
    networks = bench.state.networks
    for tensor in networks.tensors:
        yield tensor.data
        if tensor.grad is not None:
            yield tensor.grad
    for index in range(len(networks.modules)):
        for values in bench.state.optimizer.states(index).values():
            yield from values
    yield from bench.state.average.layers
    for network in networks.modules.values():
        yield from network.buffers()
