"""Many networks: time of a step per network, time of all distances, memory of sigma and weights."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time, sleep

import torch
from step import bench_of
from support import interleaved, is_quick, print_table
from support.training import Bench
from torch import Tensor

from jointnn.data.splits import Split
from jointnn.irls import consistency
from jointnn.irls.rounds import next_round, scales_of
from jointnn.irls.solvers import Mixer
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.offloading import Disk
from jointnn.training.couplings import Couplings, effective_step

ALONE, UNIFORM = "isolated", "uniform"
MOST_RATIO, MOST_SECONDS, MOST_GIGABYTES = 1.2, 1, 2
LAYERS = 8
"""Layers of a network in files."""


def weights_of(form: str, n: int) -> Tensor:
    """Return the weights (n, n) of pairs that lead to a form of mixing, as they come about in a run."""
    if form in (ALONE, UNIFORM):
        return torch.full((n, n), float(form == UNIFORM), dtype=torch.float64)
    if form == "two groups":
        group = torch.arange(n) % 2
        return (group[:, None] == group).double()
    # Networks near the centre of their group. From far groups IRLS keeps weights of 0, from near ones none.
    group = torch.arange(n) // min(16, n // 2)
    centres = torch.randn(n, 50, dtype=torch.float64) * (100 if form == "sparse IRLS" else 2)
    networks = centres[group] + torch.randn(n, 50, dtype=torch.float64)
    squared = consistency.layer_distances_squared([networks])
    weighting = "welsch" if form == "sparse IRLS" else "paper"
    return consistency.irls_weights(squared, consistency.scales(squared), weighting)[0]


def networks_of(n: int) -> Bench:
    """Return n networks of the experiment `digits`."""
    images = Split(torch.randint(256, (60, 1, 16, 16), dtype=torch.uint8), torch.randint(10, (60,)))
    make = partial(small_conv, classes=10, channels=1, size=16, width=12)
    return bench_of(make, n, images, batch_size=32)


def steps(numbers: list[int], network_steps: int, repeats: int) -> list[list[str]]:
    """Return a row for each form of weights and number of networks, all timed in turns.

    Args:
        network_steps: steps times networks of one timing, alike for all, so that noise troubles all alike.
    """
    forms = [ALONE, UNIFORM, "two groups", "sparse IRLS", "dense IRLS"]
    named, cases, coupled = [], [], []
    for n in numbers:
        bench = networks_of(n)
        for form in forms if n > 2 else forms[:2]:
            couplings = bench.couplings(weights_of(form, n))
            mixes = bool(couplings.weights.any())
            named.append((form, n))
            cases.append(partial(bench.descend, couplings, network_steps // n, average=mixes))
            coupled.append(partial(couple, bench, couplings, mixes * max(1, 32 // n)))
    whole = [min(taken) / network_steps for taken in interleaved(cases, repeats)]
    parts = [min(taken) for taken in interleaved(coupled, 6 * repeats)]
    of_two = whole[named.index((UNIFORM, 2))]
    rows = []
    for own in forms:
        for (form, n), time, part in zip(named, whole, parts, strict=True):
            if form == own:
                mixing = "" if form == ALONE else f"{1000 * part / n / max(1, 32 // n):.2f}"
                target = f"{MOST_RATIO}" if form != ALONE and n > 2 else ""
                cells = [str(n), f"{1000 * time:.2f}", mixing, f"{time / of_two:.2f}", target]
                rows.append([f"a step, {form}: ms per network", *cells])
    return rows


def couple(bench: Bench, couplings: Couplings, times: int) -> None:
    """Do what coupling adds to so many steps: mix, and average the parameters."""
    networks, settings = bench.state.networks, bench.setup.settings
    step_size = effective_step(settings, settings.learning_rate)
    for _ in range(times):
        couplings.mixer.mix_([layer.data for layer in networks.coupled], step_size)
        bench.state.average.add(networks.coupled)


def distances(n: int, repeats: int) -> list[str]:
    """Return the row of all distances between n networks of `digits`."""
    layers = [layer.data for layer in networks_of(n).state.networks.coupled]
    for layer in layers:  # they start equal
        layer.add_(torch.randn(layer.shape), alpha=0.01)
    (taken,) = interleaved([partial(consistency.layer_distances_squared, layers)], repeats)
    return ["distances of all pairs: s", str(n), f"{min(taken):.2f}", "", "", f"{MOST_SECONDS}"]


def find_sigma_and_weights(n: int, parameters: int, folder: str) -> None:
    """Find sigma and the weights of n networks that lie in files, and mix them once."""
    torch.set_num_threads(1)
    home, layers = Disk(Path(folder), torch.device("cpu")), []
    for k in range(LAYERS):
        layer = home.keep(torch.zeros(()).expand(n, parameters // LAYERS), f"layer-{k}")
        for row in layer:
            row.uniform_(-0.1, 0.1)
        layers.append(layer)
    start = process_time()
    membership = consistency.block_membership(LAYERS, "adjacent")
    squared = consistency.block_distances_squared(consistency.layer_distances_squared(layers), membership)
    found = next_round(squared, scales_of(squared, 1.0), None, "paper", 0.01)
    by_layer = consistency.layer_weights(found.weights, membership)
    Mixer(by_layer, torch.ones(LAYERS)).mix_(layers, step_size=0.01)
    print(process_time() - start)


def anonymous(process: int) -> float:
    """Return the resident memory of a process that is no file, in GB (Linux); 0 where it has ended."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0) / 1e6


def memory(n: int, parameters: int) -> list[list[str]]:
    """Return the rows of the memory of a process of its own, watched a hundred times a second."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--case", str(n), str(parameters), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watched:
            peak = 0.0
            while watched.poll() is None:
                peak = max(peak, anonymous(watched.pid))
                sleep(0.01)
            said = watched.communicate()[0]
        if watched.returncode:
            sys.exit(f"The process that finds sigma and weights ended with {watched.returncode}.")
    size = f"{n} x {parameters / 1e6:g} M in files"
    return [
        [f"sigma, weights, one mixing, {size}: s", str(n), f"{float(said):.1f}", "", "", ""],
        ["their most memory, files left out: GB", str(n), f"{peak:.2f}", "", "", f"{MOST_GIGABYTES}"],
    ]


def main() -> None:
    """Print the table, or do what one process is watched for."""
    if sys.argv[1:2] == ["--case"]:
        find_sigma_and_weights(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        return
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    torch.use_deterministic_algorithms(True)
    rows = steps([2, 32], 32, 1) if quick else steps([2, 8, 32, 128, 256], 256, 4)
    rows.append(distances(32 if quick else 256, 1 if quick else 3))
    rows += memory(32, 80_000) if quick else memory(64, 24_000_000)
    columns = ["what", "networks", "measured", "mixing and averaging alone"]
    columns += ["over two networks, uniform", "at most"]
    print_table("Many networks: CPU time, the fastest of several, and memory", columns, rows)


if __name__ == "__main__":
    main()
