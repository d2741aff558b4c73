"""Time of a step of our one optimizer over that of torch's own classes, on the networks of `digits`."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import torch
from step import bench_of
from support import interleaved, is_quick, print_table
from torch import nn

from jointnn.data.splits import Split
from jointnn.models.architectures.convolutional import small_conv

RATE, MOST = 0.01, 1.05
CLASSES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, momentum=0.9),
    "adam": torch.optim.Adam,
}


def compared(name: str, networks: int, steps: int, repeats: int) -> list[str]:
    """Return one row: ours, a torch optimizer for each network, and one over all parameters, in turns."""
    images = Split(torch.randint(256, (60, 1, 16, 16), dtype=torch.uint8), torch.randint(10, (60,)))
    make = partial(small_conv, classes=10, channels=1, size=16, width=12)
    ours = bench_of(make, networks, images, 32, optimiser=name).state
    theirs = [[nn.Parameter(row.detach().clone()) for row in rows] for rows in ours.networks.rows]
    for row in chain(*ours.networks.rows, *theirs):
        row.grad = torch.randn_like(row)
    of_each = [CLASSES[name](rows, lr=RATE) for rows in theirs]
    of_all = CLASSES[name](list(chain(*theirs)), lr=RATE)

    def step(optimizers: Sequence[torch.optim.Optimizer]) -> None:
        for _ in range(steps):
            for one in optimizers:
                one.step()

    def step_ours() -> None:
        for _ in range(steps):
            ours.optimizer.step_all(RATE)

    cases: list[Callable[[], object]] = [step_ours, partial(step, of_each), partial(step, [of_all])]
    times = [min(taken) / steps for taken in interleaved(cases, repeats)]
    cells = [f"{1e6 * seconds:.0f}" for seconds in times]
    return [f"{name}, {networks} networks", *cells, f"{times[0] / min(times[1:]):.2f}", f"{MOST}"]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    rows = [compared(name, n, 20 if quick else 200, 1 if quick else 7) for name in CLASSES for n in (6, 64)]
    columns = ["optimizer", "ours (µs a step)", "torch, one for each network", "torch, one for all"]
    columns += ["ours / the faster", "at most"]
    print_table("CPU time of a step of all networks of digits, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
