"""Time of a gradient in each precision and memory layout, for experiments of params.yaml on this machine.

The fastest one is for a person to write down (`precision`, `memory_format`): chosen by a measurement within
a job, it would give other bytes on another day.
"""

from itertools import product

import torch
from freed_memory import bench_for
from support import interleaved, is_quick, print_table

from jointnn.models.precision import LAYOUTS
from jointnn.training.setup import setup_of

EXPERIMENTS = ["digits", "fine_grained_scratch", "completion_small", "jae_cifar10"]
PRECISIONS = ["float32", "bfloat16"]


def row(name: str, repeats: int) -> list[str]:
    """Return one line of the table: milliseconds of a step of the first network in each form."""
    torch.manual_seed(0)
    bench = bench_for(name)
    couplings, setup = bench.couplings(0.0), bench.setup
    forms = list(product(PRECISIONS, LAYOUTS))

    def step(precision: str, memory_format: str) -> None:
        chosen = setup.settings.model_copy(update={"precision": precision, "memory_format": memory_format})
        bench.setup = setup_of(
            "benchmark", bench.state.networks, setup.data, setup.task, chosen, setup.seed
        )
        bench.descend(couplings, 1)

    times = list(map(min, interleaved([lambda form=form: step(*form) for form in forms], repeats)))  # type: ignore[misc]
    best = forms[times.index(min(times))]
    return [name, *(f"{1000 * seconds:.1f}" for seconds in times), ", ".join(best)]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.set_num_threads(1)  # as a job does
    columns = [
        "experiment",
        *(f"{p}, {layout} (ms)" for p, layout in product(PRECISIONS, LAYOUTS)),
        "fastest",
    ]
    rows = [row(name, 1 if quick else 10) for name in EXPERIMENTS[: 1 if quick else None]]
    print_table("CPU time of a step of all networks, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
