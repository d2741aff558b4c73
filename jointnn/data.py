"""Images in memory, the draw of a seed and the order of batches: pure functions of seed and dataset."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jointnn.errors import UserError


@dataclass(frozen=True)
class Split:
    """Images of one split: uint8 (N, C, H, W), and labels, int64 (N,), on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Split":
        """The same images on another device."""
        return Split(self.images.to(device), self.labels.to(device))


def generator(*key: object) -> torch.Generator:
    """A random generator that is a pure function of the key: seed, dataset, purpose."""
    text = "/".join(map(str, key))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)


def draw(
    labels: np.ndarray, seed: int, dataset: str, train: int | None, validation: int
) -> tuple[Tensor, Tensor]:
    """Which images are for training and which for validation: disjoint, balanced over classes.

    Each class gives its images in random order in turn, so that the first k of the sequence hold every
    class equally often as far as its images last. Validation is drawn first: it does not depend on the
    number of training images.

    Args:
        labels: of the images to draw from, shape (N,).
        train: number of training images; None takes all that validation leaves.
        validation: number of validation images.

    Returns:
        Two index tensors, of training and validation images.

    Raises:
        UserError: there are fewer images than asked for.
    """
    needed = (train or 1) + validation
    if len(labels) < needed:
        raise UserError(
            f"{dataset} has {len(labels)} images to draw from, but the experiment asks for "
            f"{train or 'at least 1'} for training and {validation} for validation; lower "
            "train_images or validation_images, or raise the dataset's pool."
        )
    shuffled = torch.randperm(len(labels), generator=generator(seed, dataset, "draw")).numpy()
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = labels[shuffled] == label
        turn[members] = np.arange(members.sum())
    order = torch.from_numpy(shuffled[np.argsort(turn, kind="stable")])
    end = None if train is None else validation + train
    return order[validation:end], order[:validation]


class Batches:
    """The batches of one dataset, an endless sequence of epochs, each a fresh random order.

    Step t takes the images t B to (t + 1) B of that sequence, so every step has B images, whatever the
    size of the dataset, and any step can be asked for without those before it.
    """

    def __init__(self, size: int, batch_size: int, seed: int, dataset: str) -> None:
        self.size, self.batch_size, self.key = size, batch_size, (seed, dataset, "order")
        self._epochs: dict[int, Tensor] = {}

    def _epoch(self, number: int) -> Tensor:
        if number not in self._epochs:
            self._epochs = {k: v for k, v in self._epochs.items() if k == number - 1}
            order = torch.randperm(self.size, generator=generator(*self.key, number))
            self._epochs[number] = order
        return self._epochs[number]

    def at(self, step: int) -> Tensor:
        """Indices of the images of a step, shape (B,)."""
        start, pieces, missing = step * self.batch_size, [], self.batch_size
        while missing:
            epoch, offset = divmod(start, self.size)
            pieces.append(self._epoch(epoch)[offset : offset + missing])
            start, missing = start + len(pieces[-1]), missing - len(pieces[-1])
        return torch.cat(pieces)

    @property
    def steps_of_epoch(self) -> int:
        """Steps that see every image about once, at least one."""
        return max(1, round(self.size / self.batch_size))


def check_labels(labels: Iterable[int], classes: int, dataset: str) -> None:
    """Refuse labels that the network has no output for."""
    if wrong := sorted({int(label) for label in labels if not 0 <= label < classes}):
        raise UserError(f"{dataset} has the label {wrong[0]}, but names {classes} classes.")
