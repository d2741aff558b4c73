"""A step of many small networks one by one, and with `batched: true`, on a CPU: each as a job takes it."""

from functools import partial

import torch
from step import bench_of
from support import interleaved, is_quick, print_table

from jointnn.data.splits import Split
from jointnn.models.architectures.convolutional import small_conv


def compared(count: int, batch: int, steps: int) -> list[str]:
    """Return one row: so many networks of the experiment `digits`, mixed in every step, timed in turns."""
    images = Split(torch.randint(256, (128, 1, 16, 16), dtype=torch.uint8), torch.randint(10, (128,)))
    make = partial(small_conv, classes=10, channels=1, size=16, width=12)
    cases = []
    for batched in (False, True):
        bench = bench_of(make, count, images, batch, couple_head=True, batched=batched)
        cases.append(partial(bench.descend, bench.couplings(0.5), steps, average=True))
    loop, together = map(min, interleaved(cases, 5))
    times = [f"{1000 * seconds / steps:.1f}" for seconds in (loop, together)]
    return [str(count), str(batch), *times, f"{together / loop:.2f}"]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    cases = [(5, 16)] if quick else [(n, batch) for batch in (16, 32, 64) for n in (5, 32, 128)]
    rows = [compared(n, batch, 1 if quick else 10) for n, batch in cases]
    columns = ["small_conv, networks", "batch", "one by one (ms a step)", "batched (ms a step)"]
    columns += ["batched / one by one"]
    print_table("CPU time of a step of `joint`, the fastest of five", columns, rows)


if __name__ == "__main__":
    main()
