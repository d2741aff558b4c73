"""Time of a step of `joint` (with mixing, and averaging of the parameters) over a step of `isolated`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from support import interleaved, is_quick, print_table
from support.training import Bench
from torch import nn
from torchvision.models import Inception3

from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.adversarial import began, dcgan
from jointnn.models.architectures.convolutional import small_conv
from jointnn.tasks.base import Task
from jointnn.tasks.classification import classification
from jointnn.tasks.generation import generation
from jointnn.training.couplings import effective_step


def bench_of(
    make: Callable[[], nn.Module],
    networks: int,
    images: Split,
    batch_size: int,
    task: Task | None = None,
    **settings: Any,
) -> Bench:
    """Return `networks` networks, all on the same images."""
    modules = {f"dataset_{i}": make().train() for i in range(networks)}
    chosen = MethodSettings(batch_size=batch_size, learning_rate=1e-4, **settings)
    return Bench.of(modules, dict.fromkeys(modules, images), task or classification(), chosen)


def compared(name: str, bench: Bench, steps: int, repeats: int) -> list[str]:
    """Return one row: both kinds of steps on the same networks, in turns, and what `joint` adds."""
    apart, together = bench.couplings(0.0), bench.couplings(0.5)
    settings, networks = bench.setup.settings, bench.state.networks
    step_size = effective_step(settings, settings.learning_rate)
    layers = [layer.data for layer in networks.coupled]

    def couple() -> None:
        for _ in range(steps):
            together.mixer.mix_(layers, step_size)
            bench.state.average.add(networks.coupled)

    cases = [
        lambda: bench.descend(apart, steps),
        lambda: bench.descend(together, steps, average=True),
        couple,
    ]
    isolated, joint, coupling = map(min, interleaved(cases, repeats))
    coupled = sum(layer.shape[1] for layer in networks.coupled) / 1e6
    times = [f"{1000 * seconds / steps:.1f}" for seconds in (isolated, joint, coupling)]
    return [
        name,
        f"{coupled:.2f}",
        *times,
        f"{joint / isolated:.3f}",
        f"{100 * coupling / isolated:.1f}",
        "5",
    ]


def small(repeats: int) -> list[str]:
    """Return the row of six networks of the experiment `digits`."""
    images = Split(torch.randint(256, (60, 1, 16, 16), dtype=torch.uint8), torch.randint(10, (60,)))
    make = partial(small_conv, classes=10, channels=1, size=16, width=12)
    bench = bench_of(make, 6, images, batch_size=32)
    return compared("6 x small_conv, 16 px, batch 32", bench, steps=10, repeats=repeats)


def large(networks: int, batch_size: int, pixels: int, repeats: int) -> list[str]:
    """Return the row of networks of the paper's Task I. A larger batch, 64 there, only lowers the ratio."""
    shape = batch_size, 3, pixels, pixels
    images = Split(torch.randint(256, shape, dtype=torch.uint8), torch.randint(200, (batch_size,)))
    # Its layers are its modules from input to head. Without the auxiliary head, which is not coupled: with
    # it a step takes longer, and the ratio falls.
    make = partial(Inception3, num_classes=200, aux_logits=False, init_weights=False)
    bench = bench_of(make, networks, images, batch_size)
    name = f"{networks} x InceptionV3, {pixels} px, batch {batch_size}"
    return compared(name, bench, steps=1, repeats=repeats)


def adversarial(name: str, batch_size: int, pixels: int, repeats: int, **options: int) -> list[str]:
    """Return the row of two networks of the paper's Task III.

    They have their full width where no options narrow them.
    """
    shape = 4 * batch_size, 3, pixels, pixels
    images = Split(torch.randint(256, shape, dtype=torch.uint8), torch.zeros(shape[0], dtype=torch.int64))
    make = partial({"dcgan": dcgan, "began": began}[name], classes=1, channels=3, size=pixels, **options)
    settings = {"optimiser": "adam", "momentum": 0.5, "couple_head": True}
    bench = bench_of(make, 2, images, batch_size, generation("efficientnet_lite0"), **settings)
    narrowed = "".join(f", {option} {value}" for option, value in options.items())
    title = f"2 x {name}{narrowed}, {pixels} px, batch {batch_size}"
    return compared(title, bench, steps=10 if options else 1, repeats=repeats)


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    torch.use_deterministic_algorithms(True)
    rows = [small(2 if quick else 40), large(2, 2, 75, 1) if quick else large(5, 4, 299, 3)]
    wide = {"dcgan": (16, 64, 5), "began": (16, 64, 5)}
    # As in walking_small and dress_small, where a step takes least time.
    narrow = {"dcgan": (32, 32, 5), "began": (8, 32, 5)}
    for sizes, options in ((wide, {}), (narrow, {"width": 16})):
        rows += [adversarial(name, *((2, 16, 1) if quick else sizes[name]), **options) for name in sizes]
    columns = ["networks", "coupled parameters each (M)", "isolated (ms)", "joint (ms)"]
    columns += ["mixing and averaging (ms)", "joint / isolated", "added (%)", "at most (%)"]
    print_table("CPU time of a step of all networks, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
