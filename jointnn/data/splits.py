"""Images in memory, the draw of a seed and the order of batches: pure functions of seed and dataset."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from jointnn.errors import UserError

UNLABELLED = -1
"""The label of an image whose class is not told."""
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
        labels: int64, shape (N,), on the device where networks work.
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
        """The images at `chosen`; large ones are not copied."""
        if self.images.nbytes > LARGE:
            places = chosen if self.places is None else self.places[chosen]
            return Split(self.images, self.labels[chosen], places=places)
        return Split(self.images[chosen], self.labels[chosen])

    def take(self, chosen: Tensor) -> Tensor:
        """Some of the images, on the device of the labels."""
        places = chosen if self.places is None else self.places[chosen]
        return self.images[places.to(self.images.device)].to(self.labels.device)

    def batches(self, most: int) -> Iterator["Split"]:
        """All images in order, in batches of at most `most` for measuring, fewer of large ones."""
        size = max(1, min(most, VALUES_MEASURED // self.images.shape[1:].numel()))
        for chosen in torch.arange(len(self)).split(size):
            span = slice(int(chosen[0]), int(chosen[-1]) + 1)
            numbers = None if self.numbers is None else self.numbers[span]
            images = self.images[span].to(self.labels.device) if self.places is None else self.take(chosen)
            yield Split(images, self.labels[span], numbers)

    def pieces(self, count: int) -> list["Split"]:
        """The images of a batch in that many parts, of sizes as equal as can be."""
        images, labels = self.images.tensor_split(count), self.labels.tensor_split(count)
        numbers = [None] * count if self.numbers is None else self.numbers.tensor_split(count)
        return [Split(*piece) for piece in zip(images, labels, numbers, strict=True)]

    def to(self, device: torch.device) -> "Split":
        """The same images for another device; large ones stay where they are."""
        images = self.images if self.images.nbytes > LARGE else self.images.to(device)
        return Split(images, self.labels.to(device), places=self.places)


def generator(*key: object) -> torch.Generator:
    """A random generator that is a pure function of the key: seed, dataset, purpose."""
    text = "/".join(map(str, key))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)


def draw(
    labels: np.ndarray,
    seed: int,
    dataset: str,
    train: int | None,
    validation: int,
    pictures: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Which images are for training and which for validation: disjoint, balanced over classes.

    Each class gives its images in random order in turn, so that the first k of the sequence hold every
    class equally often as far as its images last. Validation is drawn first: it does not depend on the
    number of training images.

    Args:
        labels: of the images to draw from, shape (N,).
        train: number of training images; None takes all that validation leaves.
        validation: number of validation images.
        pictures: equal numbers for images of one picture, shape (N,). They follow one another, and what
            shares a picture with validation is not for training. None: every image is one.

    Returns:
        Two index tensors, of training and validation images.

    Raises:
        UserError: there are fewer images than asked for.
    """
    if pictures is None:
        pictures = torch.arange(len(labels))
    shuffled = torch.randperm(len(labels), generator=generator(seed, dataset, "draw"))
    order = _in_turn(labels, _together(shuffled, pictures))
    validated, learned = order[:validation], order[validation:]
    learned = learned[~torch.isin(pictures[learned], pictures[validated])]
    if len(learned) < (train or 1) or len(validated) < validation:
        raise UserError(
            f"{dataset} has {len(labels)} images to draw from, but the experiment asks for "
            f"{train or 'at least 1'} for training and {validation} for validation; lower "
            "train_images or validation_images, or raise the dataset's pool."
        )
    return learned[:train], validated


def _in_turn(labels: np.ndarray, shuffled: Tensor) -> Tensor:
    """The same images, one of each class after another, as far as they last."""
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = labels[shuffled] == label
        turn[members] = np.arange(members.sum())
    return shuffled[np.argsort(turn, kind="stable")]


def _together(shuffled: Tensor, pictures: Tensor) -> Tensor:
    """The same images, each picture where its first image stands."""
    _, first, picture = np.unique(pictures[shuffled], return_index=True, return_inverse=True)
    return shuffled[np.argsort(first[picture], kind="stable")]


def with_labels(split: Split, count: int) -> Split:
    """The images of a draw, the first `count` of them with labels, the others with `UNLABELLED`.

    Labelled images are repeated until they are about as many as all, so that half of a batch has labels
    however few there are; the first of a draw are balanced over classes.

    Raises:
        UserError: there are fewer images.
    """
    size = len(split)
    if count > size:
        raise UserError(f"labelled: {count} labelled images are asked for, but there are {size}; lower it.")
    labels = split.labels.clone()
    labels[count:] = UNLABELLED
    again = 0 if count in (0, size) else round(size / count) - 1
    chosen = torch.cat([torch.arange(size), torch.arange(count).repeat(again)])
    return Split(split.images, labels, places=split.places).part(chosen)


def as_float(images: Tensor) -> Tensor:
    """Pixels 0..255 to what networks take, floats -1..1; what is float already stays as it is."""
    return images if images.is_floating_point() else images.float().div_(127.5).sub_(1)


def as_pixels(images: Tensor) -> Tensor:
    """Floats -1..1 to uint8 0..255; what lies outside is clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class Batches:
    """The batches of one dataset, an endless sequence of epochs, each a fresh random order.

    Step t takes the images t B to (t + 1) B of that sequence, so every step has B images, whatever the
    size of the dataset, and any step can be asked for without those before it.

    Args:
        size: of the dataset, in images.
        batch_size: B.
        seed, dataset: with the number of the epoch, they decide everything that is random.
        numbers: how many random numbers each image of a batch gets.
    """

    def __init__(self, size: int, batch_size: int, seed: int, dataset: str, numbers: int = 0) -> None:
        self.size, self.batch_size, self.count = size, batch_size, numbers

        def of_epoch(purpose: str, epoch: int) -> torch.Generator:
            return generator(seed, dataset, purpose, epoch)

        # A batch lies in one epoch or two, seldom in more.
        self._order = lru_cache(2)(lambda epoch: torch.randperm(size, generator=of_epoch("order", epoch)))
        self._numbers = lru_cache(2)(
            lambda epoch: torch.rand(size, numbers, generator=of_epoch("numbers", epoch))
        )

    def at(self, step: int) -> Tensor:
        """Indices of the images of a step, shape (B,)."""
        return torch.cat([self._order(epoch)[places] for epoch, places in self._places(step)])

    def numbers(self, step: int) -> Tensor:
        """Random numbers for the images of a step, uniform in [0, 1), shape (B, `numbers`)."""
        return torch.cat([self._numbers(epoch)[places] for epoch, places in self._places(step)])

    def _places(self, step: int) -> Iterator[tuple[int, slice]]:
        """The epochs that a step lies in, and where in their order."""
        start, missing = step * self.batch_size, self.batch_size
        while missing:
            epoch, offset = divmod(start, self.size)
            taken = min(missing, self.size - offset)
            yield epoch, slice(offset, offset + taken)
            start, missing = start + taken, missing - taken

    @property
    def steps_of_epoch(self) -> int:
        """Steps that see every image about once, at least one."""
        return max(1, round(self.size / self.batch_size))


def check_labels(labels: Iterable[int], classes: int, dataset: str) -> None:
    """Refuse labels that the network has no output for."""
    if wrong := sorted({int(label) for label in labels if not 0 <= label < classes}):
        raise UserError(f"{dataset} has the label {wrong[0]}, but names {classes} classes.")
