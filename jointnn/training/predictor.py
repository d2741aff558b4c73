"""A trained network on images that it has not seen: what training did to its images is done to them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
import torch
from torch import Tensor, nn

from jointnn.data.splits import as_float, at_once
from jointnn.errors import UserError, missing_extra, unreadable
from jointnn.models.architectures import trunk as trunks
from jointnn.models.saved import own_entry, read_network
from jointnn.tasks import task as tasks
from jointnn.tasks.activations import AT_ONCE, activations_of, trunk_of
from jointnn.tasks.base import Prediction, Task, evaluating
from jointnn.training.device import device_of

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = Union[str, Path, "Image"]
"""A file of an image, or one that Pillow has opened."""
Item = TypeVar("Item")
MOST = 512
"""Images that go through a network at once, as when it is measured."""
NO_IMAGE = "No image is given. Give at least one."


@dataclass(frozen=True)
class Use:
    """All that lies between an image file and a prediction, besides the network.

    Attributes:
        dataset: whose network it is.
        task: by its name, and `task_options` with what.
        outputs: the names of the classes or numbers.
        size: pixels of a side.
        channels: 1 grey, 3 colour.
        fit: how images become square: crop or squash.
        trunk: the frozen network that images go through first, by its name.
    """

    dataset: str
    task: str
    task_options: Mapping[str, Any]
    outputs: list[str]
    size: int
    channels: int
    fit: str
    trunk: str | None = None

    def notes(self) -> dict[str, str]:
        """Return the entries for the header of a network's file."""
        told = {**vars(self), "task_options": json.dumps(dict(self.task_options), sort_keys=True)}
        told["outputs"] = json.dumps(self.outputs, ensure_ascii=False)
        return {key: str(value) for key, value in told.items() if value is not None}

    @classmethod
    def of_notes(cls, notes: Mapping[str, str], path: str | Path) -> "Use":
        """Return the use that the header of a network's file describes.

        Raises:
            UserError: the file has no such entries.
        """
        if missing := [key for key in ("task", "outputs", "fit", "size", "channels") if key not in notes]:
            raise UserError(
                f"{path} does not say what its network takes and gives ({', '.join(missing)} missing). "
                "Export it again: jointnn export."
            )
        return cls(
            dataset=notes.get("dataset", ""),
            task=notes["task"],
            task_options=json.loads(notes.get("task_options", "{}")),
            outputs=json.loads(notes["outputs"]),
            size=int(notes["size"]),
            channels=int(notes["channels"]),
            fit=notes["fit"],
            trunk=notes.get("trunk"),
        )


class Predictor:
    """A trained network, and what is done to an image before it sees one.

    Images are decoded, turned upright, cut or squashed to a square, resized and scaled by the code that
    made the images of training; then the network is asked as it is when tables are made.

    Attributes:
        network: the network of `jointnn.load`, in evaluation mode.
        outputs: the names of the classes, or of the numbers.
        use: all else that its file says.
    """

    def __init__(self, network: nn.Module, use: Use, device: str = "auto") -> None:
        self._device = device_of(device)
        self.network = network.eval().to(self._device)
        self.use = use
        self.outputs = use.outputs
        self._task: Task = tasks[use.task](**use.task_options)
        self._trunk: nn.Module | None = None
        if use.trunk:
            with torch.random.fork_rng(devices=[]):
                self._trunk = trunk_of(use.trunk, use.channels, use.size).to(self._device)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> "Predictor":
        """Return the predictor of a network that `jointnn export` wrote into a file.

        Args:
            device: where it shall compute; auto is a GPU, if there is one.

        Raises:
            UserError: the file is missing, damaged, or no such network; it needs an extra, or a module of
                its author.
        """
        network, header = read_network(path)
        use = Use.of_notes(header, path)
        own_entry(tasks, use.task, path)
        if use.trunk:
            own_entry(trunks, use.trunk, path)
        return cls(network, use, device)

    def predict(self, pictures: Sequence[Picture]) -> Prediction:
        """Return the prediction of the network on images, in their order.

        Args:
            pictures: paths, or images that Pillow has opened.

        Returns:
            `probabilities` (N, classes) and `predicted` (N,), `numbers` (N, K), or `images`, uint8
            (N, C, size, size), on the CPU; the other fields are None.

        Raises:
            UserError: an image cannot be read; or the task predicts nothing.
        """
        parts = list(self.stream(self._pixels(picture) for picture in pictures))
        if not parts:
            raise UserError(NO_IMAGE)
        return Prediction.joined(parts)

    def images(self, pictures: Sequence[Picture]) -> Tensor:
        """Return the inputs of the network for images, on the network's device.

        They are floats -1..1, shape (N, channels, size, size), or the trunk's activations of those.

        Raises:
            UserError: an image cannot be read.
        """
        if not pictures:
            raise UserError(NO_IMAGE)
        return as_float(self._stacked(list(self._taken(map(self._pixels, pictures)))))

    def pixels_of(self, content: bytes, where: str) -> np.ndarray:
        """Return the pixels of an encoded image, uint8 (channels, size, size).

        Messages name the image `where`.
        """
        from jointnn.data.images import pixels_of

        return pixels_of(content, where, self.use.size, self.use.channels, self.use.fit)

    def stream(self, pixels: Iterable[np.ndarray]) -> Iterator[Prediction]:
        """Yield predictions on images, some at a time: as few as fit the memory.

        Args:
            pixels: of each image, uint8 (channels, size, size); they are asked for one after the other.
        """
        task = self._task
        if not hasattr(task, "predict"):
            raise UserError(
                f"The task {self.use.task} does not say what its networks predict. Give it a method "
                "predict(self, network, images), as jointnn.tasks.base explains."
            )
        taken = self._taken(pixels)
        for first in islice(taken, 1):
            # As many as when a network is measured: so the same images give the same numbers.
            size = at_once(first.numel(), MOST)
            for batch in _batches(chain([first], taken), size):
                with torch.no_grad(), evaluating(self.network):
                    found = task.predict(self.network, as_float(self._stacked(batch)))
                yield self._checked(found)

    def _taken(self, pixels: Iterable[np.ndarray]) -> Iterator[Tensor]:
        """Yield the input of the network for each image: its pixels, or the trunk's activations."""
        images = (torch.from_numpy(np.array(image, order="C")) for image in pixels)
        if self._trunk is None or self.use.trunk is None:
            yield from images
            return
        for batch in _batches(images, AT_ONCE):
            yield from activations_of(self._trunk, self._stacked(batch), self.use.trunk)

    def _stacked(self, images: list[Tensor]) -> Tensor:
        return torch.stack(images).to(self._device)

    def names_of(self, numbers: Tensor) -> list[str]:
        """Return the names of the columns of `numbers`: `outputs`, or counted if the task has no labels."""
        return self.outputs if self._task.labels else [str(k) for k in range(numbers.shape[1])]

    def _checked(self, found: Prediction) -> Prediction:
        """Refuse fewer or more outputs than the dataset has classes or numbers."""
        given = found.probabilities if found.probabilities is not None else found.numbers
        named = self._task.labels or found.probabilities is not None
        if given is not None and named and given.shape[1] != len(self.outputs):
            raise UserError(
                f"The network of {self.use.dataset} gives {given.shape[1]} numbers for each image, but has "
                f"{len(self.outputs)} classes or numbers to tell. Mend its architecture."
            )
        return found

    def _pixels(self, picture: Picture) -> np.ndarray:
        try:
            from jointnn.data.images import resize, upright
        except ModuleNotFoundError as error:
            if (sentence := missing_extra(error)) is None:
                raise
            raise sentence from error
        if isinstance(picture, str | Path):
            return self.pixels_of(_content(picture), str(picture))
        return resize(upright(picture), self.use.size, self.use.channels, self.use.fit)


def _content(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of that many, the last one shorter."""
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
