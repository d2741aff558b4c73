"""Time of a step of one run in one process and in two, and the bytes that two exchange for it.

Two processes of this machine, gloo over the loopback. `computed` is the formula by which
benchmarks/ranks_on_paper.py reckons for GPUs; `measured` is what the system counts on the loopback.
"""

import os
import tempfile
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter, process_time
from typing import NamedTuple

import torch
import torch.distributed as dist
from support import is_quick, print_table
from support.traffic import loopback, mixing_bytes
from support.training import Bench

from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.architectures.residual import small_resnet
from jointnn.ranks.group import Group
from jointnn.tasks.classification import classification

MAKE = {
    "small_conv, 16 px": partial(small_conv, 10, 1, 16, width=12),
    "small_resnet, 48 px": partial(small_resnet, 10, 3, 48),
}
SHAPES = {"small_conv, 16 px": (1, 16), "small_resnet, 48 px": (3, 48)}


class Case(NamedTuple):
    """Networks that are trained."""

    networks: int
    kind: str
    mix_every: int
    steps: int
    repeats: int


class Taken(NamedTuple):
    """Time of a rank for a step [s], bytes that all ranks sent for it, and number of coupled parameters."""

    wall: float
    processor: float
    sent: float
    columns: int


def bench_of(case: Case) -> Bench:
    """Return the networks of this rank, all on images of noise."""
    group = Group.of([f"dataset_{place}" for place in range(case.networks)])
    channels, pixels = SHAPES[case.kind]
    torch.manual_seed(0)
    images = Split(
        torch.randint(256, (64, channels, pixels, pixels), dtype=torch.uint8), torch.randint(10, (64,))
    )
    modules = {name: MAKE[case.kind]().train() for name in group.own}
    settings = MethodSettings(batch_size=16, learning_rate=1e-4, mix_every=case.mix_every)
    data = dict.fromkeys(modules, images)
    return Bench.of(modules, data, classification(), settings, group=group)


def timed(case: Case) -> list[Taken]:
    """Take steps under weights of 1/2, several times; the first time does not count."""
    bench, found = bench_of(case), []
    couplings = bench.couplings(0.5)
    group = bench.setup.group
    for _ in range(case.repeats + 1):
        group.wait()
        sent, wall, processor = loopback(), perf_counter(), process_time()
        bench.descend(couplings, case.steps)
        group.wait()
        wall, processor, sent = perf_counter() - wall, process_time() - processor, loopback() - sent
        columns = sum(layer.shape[1] for layer in bench.state.networks.coupled)
        found.append(Taken(wall / case.steps, processor / case.steps, sent / case.steps, columns))
    return found[1:]


def work(answer: Connection, rank: int, size: int, store: str, case: Case) -> None:
    """Be a rank."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    if size > 1:
        dist.init_process_group("gloo", f"file://{store}", timedelta(minutes=5), size, rank)
    answer.send(timed(case))
    if size > 1:
        dist.destroy_process_group()


def in_processes(size: int, case: Case) -> list[list[Taken]]:
    """Return the times of each of `size` processes."""
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pipes = [context.Pipe(duplex=False) for _ in range(size)]
        ranks = [
            context.Process(target=work, args=(there, rank, size, f"{folder}/store", case))
            for rank, (_, there) in enumerate(pipes)
        ]
        for rank in ranks:
            rank.start()
        found = [here.recv() for here, _ in pipes]
        for rank in ranks:
            rank.join()
    return found


def row(case: Case) -> list[str]:
    """Return one row: the fastest of several, CPU time of both processes together."""
    (alone,), two = in_processes(1, case), in_processes(2, case)
    walls = [min(taken.wall for taken in of) for of in (alone, two[0])]
    processors = [sum(min(taken.processor for taken in of) for of in ranks) for ranks in ([alone], two)]
    group = Group([str(place) for place in range(case.networks)], 0, 2)
    computed = sum(mixing_bytes(group, two[0][0].columns)) / case.mix_every
    measured = min(taken.sent for taken in two[0])
    return [
        f"{case.networks} x {case.kind}, mix_every {case.mix_every}",
        *(f"{1000 * wall:.1f}" for wall in walls),
        f"{walls[1] / walls[0]:.2f}",
        *(f"{1000 * seconds:.1f}" for seconds in processors),
        f"{computed / 1e3:.0f}",
        f"{measured / 1e3:.0f}",
        f"{measured / computed:.2f}",
    ]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    kinds = [("small_conv, 16 px", 6, 20), *([] if quick else [("small_resnet, 48 px", 4, 10)])]
    cases = [
        Case(networks, kind, mix_every, steps, 1 if quick else 5)
        for kind, networks, steps in kinds
        for mix_every in ((1,) if quick else (1, 10))
    ]
    columns = ["networks", "wall, 1 process (ms)", "wall, 2 (ms)", "2 / 1"]
    columns += ["CPU, 1 (ms)", "CPU, both of 2 (ms)"]
    columns += ["computed (kB a step)", "measured (kB a step)", "measured / computed"]
    rows = [row(case) for case in cases]
    print_table("A step of all networks in one process and in two, the fastest of several", columns, rows)


if __name__ == "__main__":
    main()
