"""Time of an epoch of five small networks over that of five plain PyTorch loops on the same tensors."""

from collections.abc import Callable
from functools import partial

import torch
from step import bench_of
from support import interleaved, is_quick, print_table
from torch import nn
from torch.nn import functional

from jointnn.data.splits import Split, as_float
from jointnn.models.architectures.autoencoders import autoencoder
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.architectures.efficientnet import efficientnet_lite0_end
from jointnn.models.architectures.residual import small_resnet
from jointnn.tasks.base import Task
from jointnn.tasks.classification import classification
from jointnn.tasks.completion import completion, hole_masks, with_hole

NETWORKS, BATCH = 5, 16


Loss = Callable[[nn.Module, Split], torch.Tensor]


def plain_loop(network: nn.Module, images: Split, loss: Loss) -> None:
    """An epoch as one writes it for one network alone: no jointnn."""
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    for chosen in torch.randperm(len(images)).split(BATCH):
        optimiser.zero_grad()
        loss(network, Split(as_float(images.images[chosen]), images.labels[chosen])).backward()
        optimiser.step()


def plain_cross_entropy(network: nn.Module, batch: Split) -> torch.Tensor:
    """What `classification` descends."""
    return functional.cross_entropy(network(batch.images), batch.labels)


def plain_completion(network: nn.Module, batch: Split) -> torch.Tensor:
    """What `completion` descends."""
    masks = hole_masks(torch.rand(len(batch), 2), batch.images.shape[-1])
    return functional.mse_loss(network(with_hole(batch.images, masks)) / 2, batch.images / 2)


def compared(
    name: str, make: Callable[[], nn.Module], images: Split, task: Task, loss: Loss, repeats: int
) -> list[str]:
    """One row: an epoch of the plain loops, of `isolated` and of `joint`, in turns."""
    bench = bench_of(make, NETWORKS, images, BATCH, task)
    apart, together = bench.couplings(0.0), bench.couplings(0.5)
    alone = [make().train() for _ in range(NETWORKS)]
    steps = len(images) // BATCH

    def plain() -> None:
        for network in alone:
            plain_loop(network, images, loss)

    cases = [
        plain,
        lambda: bench.descend(apart, steps),
        lambda: bench.descend(together, steps, average=True),
    ]
    loops, isolated, joint = map(min, interleaved(cases, repeats))
    times = [f"{1000 * seconds:.0f}" for seconds in (loops, isolated, joint)]
    return [name, *times, f"{isolated / loops:.3f}", f"{joint / loops:.3f}", "1.1"]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    size = 32 if quick else 320
    labels = torch.randint(10, (size,))

    def made_up(*shape: int) -> Split:
        return Split(torch.randint(256, (size, *shape), dtype=torch.uint8), labels)

    activations = Split(torch.randn(size, 192, 3, 3), labels)
    entropy: tuple[Task, Loss] = classification(), plain_cross_entropy
    squares: tuple[Task, Loss] = completion(), plain_completion
    conv = partial(small_conv, classes=10, channels=1, size=16, width=12)
    resnet = partial(small_resnet, classes=10, channels=3, size=48)
    end = partial(efficientnet_lite0_end, classes=10, channels=3, size=96)
    holes = partial(autoencoder, classes=1, channels=3, size=32, width=16)
    cases = [
        ("small_conv, 16 px", conv, made_up(1, 16, 16), *entropy),
        ("small_resnet, 48 px", resnet, made_up(3, 48, 48), *entropy),
        ("efficientnet_lite0_end on activations", end, activations, *entropy),
        ("autoencoder, 32 px", holes, made_up(3, 32, 32), *squares),
    ]
    rows = [compared(*case, 1 if quick else 4) for case in cases]
    columns = [f"{NETWORKS} networks, batch {BATCH}", "plain loops (ms)", "isolated (ms)", "joint (ms)"]
    columns += ["isolated / plain", "joint / plain", "target"]
    print_table(f"CPU time of an epoch of {size} images, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
