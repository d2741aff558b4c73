"""A step of many small networks one by one, as a job takes it, and as one batched network, on a CPU.

Batched: parameters stacked, layers batched by torch.func. `benchmarks/gpu.py` compares the two on a GPU.
"""

import torch
from gpu import batched_step, small_networks
from support import interleaved, is_quick, print_table


def compared(count: int, batch: int, steps: int) -> list[str]:
    """Return one row: so many networks, in turns."""
    device = torch.device("cpu")
    bench = small_networks(count, device, batch)
    apart, step = bench.couplings(0.0), batched_step(bench, device)

    def batched() -> None:
        for _ in range(steps):
            step()

    loop, together = map(min, interleaved([lambda: bench.descend(apart, steps), batched], 5))
    times = [f"{1000 * seconds / steps:.1f}" for seconds in (loop, together)]
    return [str(count), str(batch), *times, f"{together / loop:.2f}"]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    cases = [(5, 16)] if quick else [(n, batch) for batch in (16, 32, 64) for n in (5, 32, 128)]
    rows = [compared(n, batch, 1 if quick else 10) for n, batch in cases]
    columns = ["small_conv, networks", "batch", "loop (ms a step)", "batched (ms a step)", "batched / loop"]
    print_table("CPU time of a step of all, the fastest of five", columns, rows)


if __name__ == "__main__":
    main()
