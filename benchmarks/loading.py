"""Images per second and core: prepared images from their file, batches as floats, augmentations."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from support import interleaved, is_quick, print_table
from torch import Tensor

from jointnn.augmentations import augmentation
from jointnn.data import Batches, Split, as_float
from jointnn.files import read_tensors, write_tensors

TARGET = 5000
"""Images of 96 px per second and core that prepared data must load at."""


def written(folder: str, count: int, size: int) -> Path:
    """A file of prepared images as `prepare` writes it, of noise, which takes the same time."""
    path = Path(folder, f"photos-{size}.safetensors")
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8).numpy()
    labels = torch.randint(20, (count,)).numpy()
    write_tensors(path, {"images": images, "labels": labels}, {"dataset": "photos"})
    return path


def read(path: Path) -> Split:
    """The images of a file."""
    arrays, _ = read_tensors(path)
    return Split(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]))


def batch(split: Split, batches: Batches, name: str | None, step: int) -> Tensor:
    """What a step does to have its images: index, augment, to floats -1..1."""
    images = split.images[batches.at(step)]
    if name is not None:
        images = augmentation[name](images, batches.numbers(step)).div_(127.5).sub_(1)
    return as_float(images)


def epoch(split: Split, batch_size: int, name: str | None) -> Callable[[], None]:
    """One epoch of batches, as a function of nothing."""
    numbers = getattr(augmentation[name], "numbers", 0) if name else 0
    batches = Batches(len(split), batch_size, 0, "photos", numbers)

    def run() -> None:
        for step in range(len(split) // batch_size):
            batch(split, batches, name, step)

    return run


def rows_of(path: Path, size: int, batch_size: int, repeats: int) -> list[list[str]]:
    """The rows for images of one size."""
    split = read(path)
    names = [None, *sorted(augmentation)]
    epochs = [epoch(split, batch_size, name) for name in names]
    cases: list[Callable[[], object]] = [partial(read, path), *epochs]
    count = len(split) // batch_size * batch_size
    counts = [len(split), *([count] * len(names))]
    titles = ["the file", "batches as floats", *(f"batches, augmentation {name}" for name in names[1:])]
    rows = []
    for title, images, times in zip(titles, counts, interleaved(cases, repeats), strict=True):
        target = str(TARGET) if size == 96 and "augmentation" not in title else ""
        rows.append([f"{title}, {size} px", str(batch_size), f"{images / min(times):.0f}", target])
    return rows


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    cases = [(40, 96, 8)] if quick else [(4096, 96, 32), (256, 299, 64)]
    rows = []
    with TemporaryDirectory() as folder:
        for count, size, batch_size in cases:
            rows += rows_of(written(folder, count, size), size, batch_size, 1 if quick else 5)
    columns = ["what is loaded", "batch", "images per second and core", "target"]
    print_table(
        "Prepared images into memory and into batches, CPU time, the fastest of several", columns, rows
    )


if __name__ == "__main__":
    main()
