"""Time of a gradient in each precision and memory layout, and batched, for experiments on this machine.

The fastest one is for a person to write down (`precision`, `memory_format`, `batched`): chosen by a
measurement within a job, it would give other bytes on another day.
"""

from collections.abc import Callable
from contextlib import suppress
from itertools import product

import torch
from freed_memory import bench_for
from support import interleaved, is_quick, print_table

from jointnn.errors import UserError
from jointnn.models.precision import LAYOUTS
from jointnn.training.setup import setup_of

EXPERIMENTS = ["digits", "fine_grained_scratch", "completion_small", "jae_cifar10"]
Form = dict[str, str | bool]
FORMS: dict[str, Form] = {
    f"{precision}, {layout}": {"precision": precision, "memory_format": layout}
    for precision, layout in product(["float32", "bfloat16"], LAYOUTS)
}
FORMS["batched"] = {"batched": True, "precision": "float32", "memory_format": "contiguous"}


def row(name: str, repeats: int) -> list[str]:
    """Return one row of the table: milliseconds of a step of the networks in each form."""
    torch.manual_seed(0)
    bench = bench_for(name)
    couplings, settings = bench.couplings(0.0), bench.setup.settings

    def stepper(form: Form) -> Callable[[], None]:
        old = bench.setup
        chosen = settings.model_copy(update=form)
        setup = setup_of("benchmark", bench.state.networks, old.data, old.task, chosen, old.seed)

        def step() -> None:
            bench.setup = setup
            bench.descend(couplings, 1)

        return step

    steps = {}
    for known, form in FORMS.items():
        with suppress(UserError):  # batched: networks or tasks that cannot be
            step = stepper(form)
            step()
            steps[known] = step
    times = dict(zip(steps, map(min, interleaved(list(steps.values()), repeats)), strict=True))
    shown = [f"{1000 * times[known]:.1f}" if known in times else "–" for known in FORMS]
    return [name, *shown, min(times, key=times.__getitem__)]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.set_num_threads(1)  # as a job does
    rows = [row(name, 1 if quick else 10) for name in EXPERIMENTS[: 1 if quick else None]]
    columns = ["experiment", *(f"{form} (ms)" for form in FORMS), "fastest"]
    print_table("CPU time of a step of the networks, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
