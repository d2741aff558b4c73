"""Time of a step where a job keeps the memory that it frees, over the same where glibc gives it back."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import process_time

import torch
from step import bench_of
from support import ROOT, is_quick, print_table
from support.training import Bench

from jointnn.data.splits import Split
from jointnn.jobs.environment import KEEP_FREED
from jointnn.models.architectures import architecture
from jointnn.parameters.load import read_params
from jointnn.tasks import task

READ = ("batch_size", "optimiser", "memory_format")
"""Settings on which the time of a step hangs."""
STEPS = {"digits": 100, "dress_small": 10, "jae_mnist": 5, "jae_cifar10": 5}
"""Experiments, and how many of their steps are timed at once."""


def bench_for(name: str) -> Bench:
    """Return networks of an experiment of params.yaml, on two batches of made-up images."""
    chosen = read_params().experiments[name]
    settings = {key: value for key, value in chosen.settings.items() if key in READ}
    shape = 2 * settings["batch_size"], chosen.channels, chosen.image_size, chosen.image_size
    images = Split(torch.randint(256, shape, dtype=torch.uint8), torch.randint(10, (shape[0],)))
    make = partial(architecture[chosen.architecture], 10, *shape[1:3], **chosen.architecture_options)
    learned = task[chosen.task](**chosen.task_options)
    return bench_of(make, len(chosen.datasets), images, task=learned, **settings)


def measure(name: str, repeats: int) -> None:
    """Print the CPU time of a step, in milliseconds, and the most memory of this process, in megabytes."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    torch.use_deterministic_algorithms(True)
    bench, steps = bench_for(name), STEPS[name]
    couplings = bench.couplings(0.0)
    times = []
    for _ in range(repeats + 1):
        start = process_time()
        bench.descend(couplings, steps)
        times.append(1000 * (process_time() - start) / steps)
    print(min(times[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str, repeats: int, environment: dict[str, str]) -> tuple[float, float]:
    """Return the results of `measure` in a process of its own: glibc reads the environment at its start."""
    code = f"import freed_memory; freed_memory.measure({name!r}, {repeats})"
    command = [sys.executable, "-c", code]
    known = {key: value for key, value in os.environ.items() if key not in KEEP_FREED}
    known["PYTHONPATH"] = str(Path(__file__).parent)
    done = subprocess.run(
        command, cwd=ROOT, env=known | environment, check=True, capture_output=True, text=True
    )
    milliseconds, megabytes = map(float, done.stdout.split())
    return milliseconds, megabytes


def main() -> None:
    """Print the table: in turns, the fastest of each."""
    quick = is_quick(__doc__)
    rows = []
    for name in list(STEPS)[: 1 if quick else None]:
        found: list[list[tuple[float, float]]] = [[], []]
        for _ in range(1 if quick else 3):
            for taken, environment in zip(found, ({}, KEEP_FREED), strict=True):
                taken.append(measured(name, 1 if quick else 8, environment))
        (back, back_mb), (kept, kept_mb) = map(min, found)
        rows.append([name, *(f"{x:.1f}" for x in (back, kept)), f"{kept / back:.2f}"])
        rows[-1] += [f"{x:.0f}" for x in (back_mb, kept_mb)]
    columns = ["networks of", "given back (ms)", "kept (ms)", "kept / given back"]
    print_table(
        "CPU time of a step of all networks, and the most memory",
        [*columns, "given back (MB)", "kept (MB)"],
        rows,
    )


if __name__ == "__main__":
    main()
