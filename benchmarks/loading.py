"""Images per second and core: prepared images from their file, batches as floats, augmentations."""

import json
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from tempfile import TemporaryDirectory

import torch
from support import interleaved, is_quick, print_table
from torch import Tensor

from jointnn.data.augmentations import augmentation
from jointnn.data.sampling import Batches
from jointnn.data.splits import Split, as_float
from jointnn.io import paths
from jointnn.io.tensors import write_tensors
from jointnn.jobs.specs import InitialiseJob, ProblemJob
from jointnn.stages.build import data_of

TARGET = 5000
"""Images of 96 px per second and core that prepared data must load at."""
CLASSES = 20


def written(count: int, size: int) -> ProblemJob:
    """Write prepared images of noise, which take the same time; returns the job that reads them."""
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8).numpy()
    labels = (torch.arange(count) % CLASSES).numpy()
    header = {"dataset": "photos", "size": size, "channels": 3, "classes": json.dumps([*range(CLASSES)])}
    write_tensors(paths.prepared("photos", size), {"images": images, "labels": labels}, header)
    return InitialiseJob(
        start="start",
        experiment="loading",
        seed=0,
        datasets=["photos"],
        size=size,
        channels=3,
        trunk=None,
        train_images=None,
        validation_images=CLASSES,
        architecture="small_conv",
        architecture_options={},
        labelled={},
    )


def read(job: ProblemJob) -> Split:
    """Return the training images of a job, as it reads them."""
    return data_of(job, "photos", test=False, device=torch.device("cpu")).train


def batch(split: Split, batches: Batches, name: str | None, step: int) -> Tensor:
    """Return the images of a step as training has them: taken, augmented, as floats -1..1."""
    images = split.take(batches.at(step))
    if name is not None:
        images = augmentation[name](images, batches.numbers(step)).div_(127.5).sub_(1)
    return as_float(images)


def epoch(split: Split, batch_size: int, name: str | None) -> Callable[[], None]:
    """Return a function without arguments that takes one epoch of batches."""
    numbers = getattr(augmentation[name], "numbers", 0) if name else 0
    batches = Batches(len(split), batch_size, 0, "photos", numbers)

    def run() -> None:
        for step in range(len(split) // batch_size):
            batch(split, batches, name, step)

    return run


def rows_of(job: ProblemJob, batch_size: int, repeats: int) -> list[list[str]]:
    """Return the rows for the images of a job."""
    split, size = read(job), job.size
    names = [None, *sorted(augmentation)]
    cases: list[Callable[[], object]] = [partial(read, job)]
    cases += [epoch(split, batch_size, name) for name in names]
    count = len(split) // batch_size * batch_size
    counts = [len(split), *([count] * len(names))]
    place = "in memory" if split.places is None else "in their file"
    titles = ["until training begins", "batches as floats", *(f"batches, {name}" for name in names[1:])]
    rows = []
    for title, images, times in zip(titles, counts, interleaved(cases, repeats), strict=True):
        target = str(TARGET) if size == 96 and title in titles[:2] else ""
        measured = [str(batch_size), f"{images / min(times):.0f}", target]
        rows.append([f"{len(split)} of {size} px, {place}: {title}", *measured])
    return rows


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    # 128 MB of images and more stay in their mapped file: 4854 of 96 px.
    cases = [(60, 96, 8)] if quick else [(4096, 96, 32), (8192, 96, 32), (256, 299, 64)]
    rows = []
    with TemporaryDirectory() as folder, chdir(folder):
        for count, size, batch_size in cases:
            rows += rows_of(written(count, size), batch_size, 1 if quick else 5)
    columns = ["what is loaded", "batch", "images per second and core", "target"]
    print_table(
        "Prepared images to a job and into its batches, CPU time, the fastest of several", columns, rows
    )


if __name__ == "__main__":
    main()
