"""Images in memory, the draw of a seed and the order of batches: pure functions of seed and dataset."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jointnn.errors import UserError

LARGE = 1 << 27
"""Bytes of images from which they stay in their mapped file, and batches alone go to a GPU."""
VALUES_MEASURED = 1 << 24
"""Values of images that go through a network at once when it is measured: 62 photos of 299 pixels."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images of one split or batch; equal to itself alone.

    Attributes:
        images: uint8 pixels, or floats that a network takes as they are, shape (N, C, H, W). Large ones
            stay in the computer's memory.
        labels: classes, int64 (N,), or numbers, float32 (N, K), on the device where networks work.
        numbers: uniform in [0, 1), shape (N, K): all that is random about a batch, such as where its
            holes are. None where nothing is.
        places: where in `images`, which then holds those of other splits too, this one's are, shape (N,).
    """

    images: Tensor
    labels: Tensor
    numbers: Tensor | None = None
    places: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: Tensor) -> "Split":
        """Return a split of the images at `chosen`. Large images are not copied."""
        if self.images.nbytes > LARGE:
            places = chosen if self.places is None else self.places[chosen]
            return Split(self.images, self.labels[chosen], places=places)
        return Split(self.images[chosen], self.labels[chosen])

    def take(self, chosen: Tensor) -> Tensor:
        """Return the images at `chosen`, on the device of the labels."""
        places = chosen if self.places is None else self.places[chosen]
        return self.images[places.to(self.images.device)].to(self.labels.device)

    def batches(self, most: int) -> Iterator["Split"]:
        """Yield all images in order, in batches of at most `most` for measuring, fewer of large ones."""
        for chosen in torch.arange(len(self)).split(at_once(self.images.shape[1:].numel(), most)):
            span = slice(int(chosen[0]), int(chosen[-1]) + 1)
            numbers = None if self.numbers is None else self.numbers[span]
            images = self.images[span].to(self.labels.device) if self.places is None else self.take(chosen)
            yield Split(images, self.labels[span], numbers)

    def pieces(self, count: int) -> list["Split"]:
        """Return the images in `count` parts, of sizes as equal as can be."""
        images, labels = self.images.tensor_split(count), self.labels.tensor_split(count)
        numbers = [None] * count if self.numbers is None else self.numbers.tensor_split(count)
        return [Split(*piece) for piece in zip(images, labels, numbers, strict=True)]

    def to(self, device: torch.device) -> "Split":
        """Return the images for another device. Large images stay where they are."""
        images = self.images if self.images.nbytes > LARGE else self.images.to(device)
        return Split(images, self.labels.to(device), places=self.places)


def at_once(values: int, most: int) -> int:
    """Return how many images of `values` values each a network takes at once when it is measured."""
    return max(1, min(most, VALUES_MEASURED // values))


def as_float(images: Tensor) -> Tensor:
    """Return pixels 0..255 as floats -1..1, as networks take them. Floats stay as they are."""
    return images if images.is_floating_point() else images.float().div_(127.5).sub_(1)


def as_pixels(images: Tensor) -> Tensor:
    """Return floats -1..1 as uint8 0..255. Values outside are clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def check_labels(labels: Iterable[int], classes: int, dataset: str) -> None:
    """Refuse labels that the network has no output for."""
    if wrong := sorted({int(label) for label in labels if not 0 <= label < classes}):
        raise UserError(f"{dataset} has the label {wrong[0]}, but names {classes} classes.")
