"""Traffic of one run over many GPUs in a step, on paper: InceptionV3, 5 on 5 GPUs and 64 on 8.

Bytes are what the busiest GPU sends for the mixing, a mean over `mix_every` steps, as benchmarks/ranks.py
measures it between two processes. Times are bytes over the rate of a link, one way, which no program quite
reaches. No GPU was used.
"""

import torch
from support import is_quick, print_table
from support.inception import inceptions
from support.traffic import mixing_bytes
from torch.utils.flop_counter import FlopCounterMode

from jointnn.ranks.group import Group
from jointnn.training.updates import gradient_steps

LINKS = {"NVLink": 450e9, "InfiniBand": 50e9, "Ethernet": 3.125e9}
"""Bytes a second of one GPU, one way: NVLink of an H100 (900 GB/s both ways), NDR InfiniBand of 400 Gb/s
for each GPU, Ethernet of 25 Gb/s for each."""
RATE = 50e12
"""Operations a second that a GPU is taken to reach: a tenth of what its maker says of an H100 in TF32."""
RUNS = {5: 5, 64: 8}
"""Networks, and the GPUs that share them."""
MIX_EVERY = (1, 10, 100)


def of_one_network(pixels: int, batch_size: int) -> tuple[int, int]:
    """Return the coupled parameters of a network, and the operations of its step.

    There are two operations for each multiplication with addition.
    """
    bench = inceptions(1, pixels, {"batch_size": batch_size}, "meta")
    columns = sum(layer.shape[1] for layer in bench.state.networks.coupled)
    with FlopCounterMode(display=False) as counted:
        gradient_steps(bench.state, bench.setup, 0, 0.01)
    return columns, counted.get_total_flops()


def row(networks: int, gpus: int, mix_every: int, columns: int, operations: int) -> list[str]:
    """Return one row of the table."""
    group = Group([str(place) for place in range(networks)], 0, gpus)
    most = max(len(share) for share in group.shares)
    sent = max(mixing_bytes(group, columns)) / mix_every
    times = [f"{1000 * sent / rate:.2f}" for rate in LINKS.values()]
    name = f"{networks} networks on {gpus} GPUs, mix_every {mix_every}"
    return [name, f"{sent / 1e6:.1f}", *times, f"{1000 * most * operations / RATE:.0f}"]


def main() -> None:
    """Print the table."""
    pixels, batch_size = (75, 8) if is_quick(__doc__) else (299, 64)
    torch.manual_seed(0)
    columns, operations = of_one_network(pixels, batch_size)
    rows = [row(*run, mix_every, columns, operations) for run in RUNS.items() for mix_every in MIX_EVERY]
    links = [f"{name} (ms)" for name in LINKS]
    heads = ["run", "sent by a GPU (MB a step)", *links, f"gradients at {RATE / 1e12:.0f} TFLOP/s (ms)"]
    title = f"InceptionV3, {columns / 1e6:.2f} M coupled parameters, {pixels} px, batch {batch_size}"
    print_table(title, heads, rows)


if __name__ == "__main__":
    main()
