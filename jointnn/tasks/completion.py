"""Image completion: network i fills a square hole in the images of dataset i (Task II of the paper)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.sampling import generator
from jointnn.data.splits import Split, as_float, as_pixels
from jointnn.tasks import task
from jointnn.tasks.base import WHOLE, OneLoss, Prediction, evaluating
from jointnn.tasks.measures import ERROR, HOLE_ERROR, LOSS, Measure

HOLE = 22 / 64
"""Side of the hole over the side of the image: 22 of 64 pixels in the paper."""
SHOWN = 12
"""Images of each dataset that figures show."""


@task
class completion(OneLoss):  # noqa: N801  the name in parameters
    """Images without labels; the network takes an image with a grey hole and gives the whole image.

    f_i is the mean squared error over all pixels, of images scaled to 0..1. Measures: that error
    (`error`), and the same inside the hole (`hole_error`). While training the hole is anywhere, anew in
    every epoch; an image that is measured has its hole where its place in the split says, so that every
    network and seed fills the same holes.
    """

    explodes_above = 10.0
    """Images in 0..1 have errors below 1."""

    def numbers(self, _network: nn.Module) -> int:
        """Return 2: the vertical and the horizontal place of the hole."""
        return 2

    def wanted(self, batch: Split, _outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the images: an image for each image."""
        return {WHOLE: tuple(batch.images.shape)}

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return the mean squared error of a batch, a scalar."""
        assert batch.numbers is not None
        holed = with_hole(batch.images, hole_masks(batch.numbers, batch.images.shape[-1]))
        # Half the difference, since networks work in -1..1 and errors are told in 0..1.
        return functional.mse_loss(network(holed) / 2, batch.images / 2)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the mean errors over a split. `loss` is the error under the name that all tasks have."""
        whole, inside, count = 0.0, 0.0, 0
        for images, masks, completed in self._completed(network, split):
            squares = ((completed - images) / 2).square()
            whole += squares.mean(dim=(1, 2, 3)).sum().item()
            hole = masks.sum(dim=(1, 2, 3)) * images.shape[1]
            inside += ((squares * masks).sum(dim=(1, 2, 3)) / hole).sum().item()
            count += len(images)
        return {LOSS: whole / count, ERROR: whole / count, HOLE_ERROR: inside / count}

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return the first images of a split, uint8 (12, C, H, W): whole, with a hole, and completed."""
        first = split.part(torch.arange(min(SHOWN, len(split))))
        images, masks, completed = next(self._completed(network, first))
        shown = {"truth": images, "holed": with_hole(images, masks), "completed": completed}
        return {name: as_pixels(values) for name, values in shown.items()}

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the images with their middle filled by the network.

        The middle is a square of the size that holes had in training.
        """
        middle = images.new_full((len(images), self.numbers(network)), 0.5)
        masks = hole_masks(middle, images.shape[-1])
        filled = with_hole(images, masks) + masks * network(with_hole(images, masks))
        return Prediction(images=as_pixels(filled))

    def _completed(
        self, network: nn.Module, split: Split, batch_size: int = 256
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield batches of images (floats), masks of their holes, and what the network makes of them."""
        drawn = generator("holes of measured images")
        numbers = torch.rand(len(split), self.numbers(network), generator=drawn).to(split.labels.device)
        for batch in replace(split, numbers=numbers).batches(batch_size):
            images = as_float(batch.images)
            assert batch.numbers is not None
            masks = hole_masks(batch.numbers, images.shape[-1])
            with evaluating(network):
                completed = network(with_hole(images, masks))
            yield images, masks, completed


def hole_masks(numbers: Tensor, size: int) -> Tensor:
    """Return masks of square holes, 1 inside and 0 outside.

    Args:
        numbers: uniform in [0, 1), shape (B, 2): where the hole is, vertically and horizontally.
        size: pixels of a side of the images.

    Returns:
        Shape (B, 1, size, size). Every place at which the hole fits is equally likely.
    """
    side = round(HOLE * size)
    first = (numbers * (size - side + 1)).floor()[..., None]
    pixels = torch.arange(size, device=numbers.device)
    inside = ((pixels >= first) & (pixels < first + side)).float()
    return (inside[:, 0, :, None] * inside[:, 1, None, :])[:, None]


def with_hole(images: Tensor, masks: Tensor) -> Tensor:
    """Return images (B, C, H, W) in -1..1 whose holes are mid grey."""
    return images * (1 - masks)
