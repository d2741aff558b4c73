"""Small adversarial networks and their trainings."""

import torch
from torch import nn

from helpers.training import Training, training_of
from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures import architecture
from jointnn.tasks.generation import generation

OPTIONS = {"dcgan": {"width": 3, "latent": 5}, "began": {"width": 3, "latent": 5}}
SIZE = 16


def network(name: str, seed: int = 0, **options) -> nn.Module:
    torch.manual_seed(seed)
    return architecture[name](classes=1, channels=1, size=SIZE, **{**OPTIONS[name], **options})


def images(seed: int, count: int = 12) -> Split:
    """Blurred noise, 0..255."""
    noise = torch.randint(256, (count, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))
    blurred = nn.functional.avg_pool2d(noise.float(), 3, stride=1, padding=1)
    return Split(blurred.to(torch.uint8), torch.zeros(count, dtype=torch.int64))


def training_of_networks(name: str, count: int = 2, **settings) -> Training:
    """A training of `count` adversarial networks from a common start, coupled as DCGANs are."""
    base = {
        "optimiser": "adam",
        "momentum": 0.5,
        "learning_rate": 2e-4,
        "batch_size": 4,
        "couple_head": True,
    }
    chosen = MethodSettings.model_validate({**base, "steps": 6, "record_every": 3, "rounds": 2, **settings})
    modules = {f"set{k}": network(name).train() for k in range(count)}
    task = generation("efficientnet_lite0", generated=20)
    return training_of(modules, [images(k) for k in range(count)], task, chosen)
