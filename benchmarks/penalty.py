"""The penalty written the obvious way, with autograd over all pairs, against our mixing step: time, memory.

Both take the coupling's part of one step on n networks. Each case runs in a process of its own, and its
peak memory is counted above what the parameters and their gradients take.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from time import perf_counter, process_time

import torch
from support import forget_peak, free_memory, is_quick, memory, print_table
from torch import Tensor, nn

from jointnn.irls.consistency import block_membership, layer_weights
from jointnn.irls.solvers import Mixer
from jointnn.models.architectures.convolutional import small_conv

WIDTHS = {"small": 12, "large": 68}
"""Width of `small_conv`: that of the experiment `digits`, and one of about a million parameters."""


def obvious_penalty(networks: Sequence[Sequence[Tensor]], weights: Tensor) -> Tensor:
    """Return sum_{i<j} sum_b w_ijb d_ijb squared: layers (D_l,) by network, `weights` (B, n, n)."""
    penalty = torch.zeros(())
    for i, j in combinations(range(len(networks)), 2):
        by_layer = torch.stack(
            [(x - y).square().sum() for x, y in zip(networks[i], networks[j], strict=True)]
        )
        by_block = by_layer[:-1] + by_layer[1:]
        penalty = penalty + (weights[:, i, j] * by_block).sum()
    return penalty


def problem(size: str, n: int) -> tuple[list[Tensor], Tensor]:
    """Return n random networks, stacked, and symmetric weights in (0, 2) for each block and pair."""
    torch.manual_seed(0)
    network = small_conv(classes=10, channels=1, size=16, width=WIDTHS[size])
    sizes = [sum(parameter.numel() for parameter in child.parameters()) for child in network.children()]
    layers = [0.01 * torch.randn(n, size) for size in sizes]
    weights = torch.rand(len(layers) - 1, n, n)
    return layers, weights + weights.mT


def coupling_step(kind: str, layers: list[Tensor], weights: Tensor) -> Callable[[], None]:
    """Return the function to measure. Gradients have their memory before it starts."""
    networks = [[nn.Parameter(layer[i]) for layer in layers] for i in range(len(layers[0]))]
    for network in networks:
        for parameter in network:
            parameter.grad = torch.zeros_like(parameter)
    by_layer = layer_weights(weights.double(), block_membership(len(layers), "adjacent"))
    mixer = Mixer(by_layer, torch.full((len(layers),), 1e-3))

    def obvious() -> None:
        obvious_penalty(networks, weights).backward()

    def ours() -> None:
        mixer.mix_(layers, step_size=0.2)

    return {"obvious": obvious, "ours": ours}[kind]


def measure(kind: str, size: str, n: int) -> None:
    """Print milliseconds of CPU time (the fastest run) and the peak memory above the start, in MB."""
    torch.set_num_threads(1)
    step = coupling_step(kind, *problem(size, n))
    coupling_step(kind, *problem("small", 2))()  # loads what torch loads at first use
    forget_peak()
    before = memory("VmRSS")
    times: list[float] = []
    end = perf_counter() + 1
    while not times or perf_counter() < end:
        start = process_time()
        step()
        times.append(process_time() - start)
    peak = memory("VmHWM") - before
    print(json.dumps({"milliseconds": 1000 * min(times), "megabytes": peak}))


def case(kind: str, size: str, n: int) -> tuple[float, float]:
    """Return the time and memory that `measure` finds, in a process of its own."""
    command = [sys.executable, __file__, "--case", kind, size, str(n)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["milliseconds"], found["megabytes"]


def row(size: str, n: int) -> list[str]:
    """Return one row of the table; X where all pairs would need more than half of the free memory."""
    count = sum(layer.shape[1] for layer in problem(size, 1)[0])
    pairs = n * (n - 1) // 2
    target = "5" if n == 16 else ""
    cells = [f"{count / 1e6:.2f}", str(n), str(pairs)]
    ours, ours_memory = case("ours", size, n)
    if 4 * count * pairs > free_memory() / 2:
        return [*cells, "X", f"{ours:.2f}", "X", target, "X", f"{ours_memory:.1f}"]
    obvious, obvious_memory = case("obvious", size, n)
    times = [f"{obvious:.2f}", f"{ours:.2f}", f"{obvious / ours:.0f}", target]
    return [*cells, *times, f"{obvious_memory:.1f}", f"{ours_memory:.1f}"]


def main() -> None:
    """Print the table, or measure one case for it."""
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    quick = is_quick(__doc__)
    sizes, numbers = (["small"], [2, 5]) if quick else (list(WIDTHS), [5, 16, 64])
    columns = ["parameters each (M)", "n", "pairs", "obvious (ms)", "ours (ms)", "times faster", "target"]
    columns += ["obvious (MB)", "ours (MB)"]
    rows = [row(size, n) for size in sizes for n in numbers]
    print_table("The coupling's part of a step: CPU time and peak memory", columns, rows)


if __name__ == "__main__":
    main()
