"""InceptionV3 in a trainer, as in the experiment `fine_grained`, on images that show nothing."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from jointnn.data.augmentations import inception
from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.inception import inception_v3
from jointnn.models.stacked import Networks
from jointnn.tasks.classification import classification
from jointnn.training.state import Data, Trainer

CLASSES = [200, 120, 102, 196, 100]
"""Of birds, dogs, flowers, cars and aircraft."""


def inceptions(
    count: int,
    pixels: int,
    settings: Mapping[str, object],
    device: str = "cpu",
    folder: str | None = None,
) -> Trainer:
    """A trainer of so many InceptionV3 with random weights and one batch of images each.

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
    return Trainer(
        method="benchmark",
        networks=Networks(modules, couple_head=False, couple_batch_norm=False, folder=folder),
        data={name: Data(images, images) for name in modules},
        task=classification(),
        settings=chosen,
        seed=0,
        averages=True,
        augmentation=inception,
    )


def tensors_of(trainer: Trainer) -> Iterator[Tensor]:
    """All that a trainer keeps on its device: parameters, gradients, states, averages, statistics."""
    for tensor in trainer.networks.tensors:
        yield tensor.data
        if tensor.grad is not None:
            yield tensor.grad
    for optimiser in trainer.optimisers.of_networks:
        for state in optimiser.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))
    yield from trainer.average
    for network in trainer.networks.modules.values():
        yield from network.buffers()
