"""Time of an epoch of five small networks over that of five plain PyTorch loops on the same tensors."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from step import bench_of
from support import interleaved, is_quick, print_table
from torch import nn
from torch.nn import functional

from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.models.architectures.adversarial import began
from jointnn.models.architectures.autoencoders import autoencoder
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.architectures.efficientnet import efficientnet_lite0_end
from jointnn.models.architectures.residual import small_resnet
from jointnn.models.elu import ELU
from jointnn.models.gan import Began
from jointnn.models.precision import LAYOUTS
from jointnn.tasks.base import Task
from jointnn.tasks.classification import classification
from jointnn.tasks.completion import completion, hole_masks, with_hole
from jointnn.tasks.generation import generation

NETWORKS, BATCH, RATE = 5, 16, 1e-4
FORMS = ["isolated", "joint", "joint, channels_last", "joint, batched"]

Loss = Callable[[nn.Module, Split], torch.Tensor]
Epoch = Callable[[nn.Module, Split], None]


def batches_of(images: Split) -> Iterator[Split]:
    """Yield all images once, in any order."""
    for chosen in torch.randperm(len(images)).split(BATCH):
        yield Split(as_float(images.images[chosen]), images.labels[chosen])


def plain_epoch(loss: Loss, network: nn.Module, images: Split) -> None:
    """Take an epoch as one writes it for one network alone: no jointnn."""
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    for batch in batches_of(images):
        optimiser.zero_grad()
        loss(network, batch).backward()
        optimiser.step()


def plain_game(network: nn.Module, images: Split) -> None:
    """Take an epoch of a discriminator and a generator as one writes it for one pair alone."""
    assert isinstance(network, Began)
    discriminates, generates = (
        torch.optim.Adam(part.parameters(), lr=RATE, betas=(0.5, 0.999))
        for part in (network.discriminator, network.generator)
    )
    for batch in batches_of(images):
        first, second = 2 * torch.rand(2, len(batch), network.latent) - 1
        discriminates.zero_grad()
        network.discriminator_loss(batch.images, first).backward()
        discriminates.step()
        generates.zero_grad()
        network.generator_loss(second).backward()
        generates.step()


def cross_entropy(network: nn.Module, batch: Split) -> torch.Tensor:
    """Return the loss of `classification`."""
    return functional.cross_entropy(network(batch.images), batch.labels)


def squared_error(network: nn.Module, batch: Split) -> torch.Tensor:
    """Return the loss of `completion`."""
    masks = hole_masks(torch.rand(len(batch), 2), batch.images.shape[-1])
    return functional.mse_loss(network(with_hole(batch.images, masks)) / 2, batch.images / 2)


def of_torch(network: nn.Module) -> nn.Module:
    """Return a network with torch's own layers, as one writes it."""
    for module in network.modules():
        for name, layer in module.named_children():
            if isinstance(layer, ELU):
                setattr(module, name, nn.ELU())
    return network


def compared(
    name: str,
    make: Callable[[], nn.Module],
    images: Split,
    task: Task,
    epoch: Epoch,
    settings: dict[str, Any],
    repeats: int,
) -> list[str]:
    """Return one row: an epoch of plain loops, of `isolated`, and of `joint` in each form, in turns."""
    alone = [of_torch(make()).train() for _ in range(NETWORKS)]
    steps = len(images) // BATCH

    def plain() -> None:
        for network in alone:
            epoch(network, images)

    contiguous, channels_last = (
        bench_of(make, NETWORKS, images, BATCH, task, memory_format=layout, **settings)
        for layout in LAYOUTS
    )
    apart, together = contiguous.couplings(0.0), contiguous.couplings(0.5)
    cases = [
        plain,
        lambda: contiguous.descend(apart, steps),
        lambda: contiguous.descend(together, steps, average=True),
        lambda: channels_last.descend(together, steps, average=True),
    ]
    try:
        batched = bench_of(make, NETWORKS, images, BATCH, task, batched=True, **settings)
        cases.append(lambda: batched.descend(together, steps, average=True))
    except UserError:  # they drop values, or take turns
        pass
    loops, *ours = map(min, interleaved(cases, repeats))
    times = [f"{1000 * seconds:.0f}" for seconds in (loops, *ours)]
    ratios = [f"{seconds / loops:.3f}" for seconds in ours]
    none = ["–"] * (len(FORMS) - len(ours))
    return [name, *times, *none, *ratios, *none, "0.9"]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    size = BATCH if quick else 320
    labels = torch.randint(10, (size,))

    def made_up(*shape: int) -> Split:
        return Split(torch.randint(256, (size, *shape), dtype=torch.uint8), labels)

    activations = Split(torch.randn(size, 192, 3, 3), labels)
    labelled: tuple[Task, Epoch] = classification(), partial(plain_epoch, cross_entropy)
    holes: tuple[Task, Epoch] = completion(), partial(plain_epoch, squared_error)
    game: tuple[Task, Epoch] = generation("efficientnet_lite0"), plain_game
    adam = {"optimiser": "adam", "momentum": 0.5, "couple_head": True}
    conv = partial(small_conv, classes=10, channels=1, size=16, width=12)
    resnet = partial(small_resnet, classes=10, channels=3, size=48)
    end = partial(efficientnet_lite0_end, classes=10, channels=3, size=96)
    encoder = partial(autoencoder, classes=1, channels=3, size=32, width=16)
    pair = partial(began, classes=1, channels=3, size=32, width=16)
    cases = [
        ("small_conv, 16 px", conv, made_up(1, 16, 16), *labelled, {}),
        ("small_resnet, 48 px", resnet, made_up(3, 48, 48), *labelled, {}),
        ("efficientnet_lite0_end on activations", end, activations, *labelled, {}),
        ("autoencoder, 32 px", encoder, made_up(3, 32, 32), *holes, {}),
        ("began, width 16, 32 px", pair, made_up(3, 32, 32), *game, adam),
    ]
    rows = [compared(*case, 1 if quick else 4) for case in cases]
    columns = [f"{NETWORKS} networks, batch {BATCH}", "plain loops (ms)"]
    columns += [f"{form} (ms)" for form in FORMS] + [f"{form} / plain" for form in FORMS] + ["target"]
    print_table(f"CPU time of an epoch of {size} images, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
