"""Time of a step where a job keeps the memory that it frees, over the same where glibc gives it back."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

import torch
from step import descent_of, trainer_of
from support import ROOT, is_quick, print_table

from jointnn.allocator import KEEP_FREED
from jointnn.architectures.adversarial import began
from jointnn.architectures.branched import branched
from jointnn.architectures.convolutional import small_conv
from jointnn.data import Split
from jointnn.reading import read_params
from jointnn.tasks.generation import generation
from jointnn.tasks.reconstruction import reconstruction
from jointnn.training import Trainer


def images(pixels: int, channels: int, batch_size: int) -> Split:
    """Made-up images of one dataset, two batches."""
    shape = 2 * batch_size, channels, pixels, pixels
    return Split(torch.randint(256, shape, dtype=torch.uint8), torch.zeros(shape[0], dtype=torch.int64))


def digits() -> Trainer:
    """Networks of the experiment `digits`."""
    make = partial(small_conv, classes=10, channels=1, size=16, width=12)
    return trainer_of(make, 6, images(16, 1, 32), batch_size=32)


def dress() -> Trainer:
    """Networks of the experiment `dress_small`."""
    make = partial(began, classes=1, channels=3, size=32, width=16, latent=32)
    return trainer_of(make, 2, images(32, 3, 8), 8, generation("efficientnet_lite0"), optimiser="adam")


def joint_autoencoders(name: str) -> Trainer:
    """Networks of an experiment with joint auto-encoders."""
    chosen = read_params().experiments[name]
    sizes = chosen.image_size, chosen.channels
    make = partial(branched, 1, sizes[1], sizes[0], **chosen.architecture_options)
    batch_size = chosen.settings["batch_size"]
    form = {"memory_format": chosen.settings.get("memory_format", "contiguous")}
    return trainer_of(
        make, 2, images(*sizes, batch_size), batch_size, reconstruction(), optimiser="adam", **form
    )


CASES: dict[str, tuple[Callable[[], Trainer], int]] = {
    "digits": (digits, 100),
    "dress_small": (dress, 10),
    "jae_mnist": (partial(joint_autoencoders, "jae_mnist"), 5),
    "jae_cifar10_small": (partial(joint_autoencoders, "jae_cifar10_small"), 5),
}
"""Experiments, and how many steps are timed at once."""


def measure(name: str, repeats: int) -> None:
    """Print the CPU time of a step, in milliseconds, and the most memory of this process, in megabytes."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    torch.use_deterministic_algorithms(True)
    make, steps = CASES[name]
    trainer = make()
    descent = descent_of(trainer, 0.0)
    times = []
    for _ in range(repeats + 1):
        start = process_time()
        trainer.step += steps
        descent.steps(trainer.step - steps, trainer.step, middle=0)
        times.append(1000 * (process_time() - start) / steps)
    print(min(times[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str, repeats: int, environment: dict[str, str]) -> tuple[float, float]:
    """The same in a process of its own, since glibc reads the environment when a process begins."""
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
    for name in list(CASES)[: 1 if quick else None]:
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
