"""The draw of a seed and the order of batches: pure functions of seed, dataset and epoch."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from jointnn.data.splits import Split
from jointnn.errors import UserError

UNLABELLED = -1
"""The label of an image whose class is not told."""


def generator(*key: object) -> torch.Generator:
    """Return a random generator that is a pure function of the key: seed, dataset, purpose."""
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
    """Return the images for training and those for validation: disjoint, balanced over classes.

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


def halves(
    labels: np.ndarray, seed: int, dataset: str, pictures: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return two halves of images: disjoint, with as many of each class, in the order of the images.

    Args:
        labels: of the images, shape (N,).
        seed, dataset: the key of the draw, which decides the half of each image.
        pictures: equal numbers for images of one picture, shape (N,): one half has all of them, since the
            other one must not have seen it. None: every image is one.

    Returns:
        Two index tensors.

    Raises:
        UserError: there are no two pictures.
    """
    if pictures is None:
        pictures = torch.arange(len(labels))
    shuffled = torch.randperm(len(labels), generator=generator(seed, dataset, "halves"))
    _, first, picture = np.unique(pictures[shuffled], return_index=True, return_inverse=True)
    if len(first) < 2:
        raise UserError(f"{dataset} has too few training images for two halves; raise train_images.")
    # Pictures by class, those of a class in random order, fall to one half and the other in turn.
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.lexsort((first, labels[shuffled[first]]))] = np.arange(len(first))
    second = torch.from_numpy(rank[picture] % 2 == 1)
    return shuffled[~second].sort().values, shuffled[second].sort().values


def _in_turn(labels: np.ndarray, shuffled: Tensor) -> Tensor:
    """Return the images in another order: one of each class in turn, as far as they last."""
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = labels[shuffled] == label
        turn[members] = np.arange(members.sum())
    return shuffled[np.argsort(turn, kind="stable")]


def _together(shuffled: Tensor, pictures: Tensor) -> Tensor:
    """Return the images in another order: all of one picture at the place of its first."""
    _, first, picture = np.unique(pictures[shuffled], return_index=True, return_inverse=True)
    return shuffled[np.argsort(first[picture], kind="stable")]


def with_labels(split: Split, count: int) -> Split:
    """Return a draw in which the first `count` images keep their labels and others are `UNLABELLED`.

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
        """Return the indices of the images of a step, shape (B,)."""
        return torch.cat([self._order(epoch)[places] for epoch, places in self._places(step)])

    def numbers(self, step: int) -> Tensor:
        """Return random numbers for the images of a step, uniform in [0, 1), shape (B, `numbers`)."""
        return torch.cat([self._numbers(epoch)[places] for epoch, places in self._places(step)])

    def _places(self, step: int) -> Iterator[tuple[int, slice]]:
        """Yield the epochs that a step lies in, and where in their order."""
        start, missing = step * self.batch_size, self.batch_size
        while missing:
            epoch, offset = divmod(start, self.size)
            taken = min(missing, self.size - offset)
            yield epoch, slice(offset, offset + taken)
            start, missing = start + taken, missing - taken

    @property
    def steps_of_epoch(self) -> int:
        """Return the number of steps that see every image about once, at least 1."""
        return max(1, round(self.size / self.batch_size))
