"""Augmentations: what a batch of training images goes through, all of its images at once.

An augmentation is a pure function of images and of numbers that the loop draws for each image, so that
it is the same wherever and however often a step is computed:

    (images (B, C, H, W), 0..255, numbers (B, K) uniform in [0, 1)) -> images (B, C, H, W), 0..255, floats

Images may be uint8 (the result then has the type of the numbers) or floats (it has theirs). K stands at the
function as its attribute `numbers`. No image is looked at alone, no gradient is kept, and the images that
went in stay as they are.
"""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional

from jointnn.errors import UserError
from jointnn.registry import Registry

augmentation = Registry("augmentation")


class Augmentation(Protocol):
    """A registered augmentation, with the count of numbers that it takes per image."""

    numbers: int

    def __call__(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Return the augmented images."""


def takes(numbers: int) -> Callable[[Callable[[Tensor, Tensor], Tensor]], Augmentation]:
    """Return a decorator: the augmentation takes so many numbers per image and keeps no gradient."""

    def decorate(function: Callable[[Tensor, Tensor], Tensor]) -> Augmentation:
        made = cast(Augmentation, torch.no_grad()(function))
        made.numbers = numbers
        return made

    return decorate


@augmentation
@takes(1)
def flip(images: Tensor, numbers: Tensor) -> Tensor:
    """Swap left and right in half of the images: where the number is below 1/2."""
    flipped = _below_half(numbers[:, 0])
    return torch.where(flipped, images.flip(-1), images).to(_float_type(images, numbers), copy=True)


@augmentation
@takes(3)
def flip_shift(images: Tensor, numbers: Tensor) -> Tensor:
    """Flip small images and shift them by up to 1/8 of either side, by whole pixels.

    What a shift leaves empty is filled with the image reflected at its border, as padding and cropping
    would. Numbers: flip, shift down, shift to the right.
    """
    height, width = images.shape[-2:]
    rows = _shifted(numbers[:, 1], height)
    columns = _shifted(numbers[:, 2], width)
    columns = torch.where(_below_half(numbers[:, 0]).view(-1, 1), columns.flip(-1), columns)
    places = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
    flat = images.flatten(2)
    moved = flat.gather(2, places[:, None].expand_as(flat)).view_as(images)
    return moved.to(_float_type(images, numbers))


@augmentation
@takes(9)
def inception(images: Tensor, numbers: Tensor) -> Tensor:
    """Crop at random area, shape and place, scale the crop up to the whole, flip, distort colours.

    Area 8 to 100 % of the image and aspect ratio 3/4 to 4/3, as in Szegedy et al. 2015 ("Going deeper with
    convolutions", Section 6); colours as in TensorFlow's `inception_preprocessing.py` (`distort_color`, its
    first order): brightness +- 32, saturation 0.5 to 1.5, hue +- 0.2 of the circle, contrast 0.5 to 1.5.
    Instead of drawing until a crop fits, the ratio is drawn among those that fit, uniformly in its
    logarithm: areas stay uniform. Numbers: area, ratio, place down, place to the right, flip, brightness,
    saturation, hue, contrast; at 1, any, any, any, 1/2, 1/2, 1/2, 1/2, 1/2 the image stays what it is.

    Raises:
        UserError: the images are not in colour.
    """
    if images.shape[1] != 3:
        raise UserError("augmentation: inception needs colour images; choose flip or flip_shift.")
    values = images.to(_float_type(images, numbers))
    return distort_colours(crop(values, numbers[:, :5]), numbers[:, 5:])


def crop(images: Tensor, numbers: Tensor) -> Tensor:
    """Crop and flip, bilinearly: the first part of `inception`. Images (B, C, H, W), numbers (B, 5)."""
    numbers = numbers.to(images.dtype)
    area = 0.08 + 0.92 * numbers[:, 0]
    # Both sides, sqrt(area ratio) and sqrt(area / ratio), must be at most 1.
    lowest = area.clamp(min=3 / 4).log()
    highest = (1 / area).clamp(max=4 / 3).log()
    ratio = (lowest + (highest - lowest) * numbers[:, 1]).exp()
    height, width = (area / ratio).sqrt(), (area * ratio).sqrt()
    matrix = images.new_zeros(len(images), 2, 3)
    matrix[:, 0, 0] = torch.where(numbers[:, 4] < 0.5, -width, width)
    matrix[:, 1, 1] = height
    # Coordinates go from -1 to 1, so the centre of the crop lies within 1 - its side.
    matrix[:, 0, 2] = (1 - width) * (2 * numbers[:, 3] - 1)
    matrix[:, 1, 2] = (1 - height) * (2 * numbers[:, 2] - 1)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def distort_colours(images: Tensor, numbers: Tensor) -> Tensor:
    """Distort brightness, saturation, hue and contrast: the second part of `inception`.

    Images have shape (B, 3, H, W), numbers (B, 4).
    """
    brightness, saturation, hue, contrast = numbers.to(images.dtype)[:, :, None, None].unbind(1)
    lit = (images + 32 * (2 * brightness - 1)[:, None]).clamp_(0, 255)
    coloured = turn_colours(lit, 0.5 + saturation, 0.2 * (2 * hue - 1))
    mean = coloured.mean(dim=(2, 3), keepdim=True)
    return ((coloured - mean).mul_(0.5 + contrast[:, None]).add_(mean)).clamp_(0, 255)


def turn_colours(images: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Multiply saturation and turn the hue, in the HSV cone, without leaving 0..255.

    With V the largest and c the largest minus the smallest of red, green and blue, S is c / V. With the
    hue h in sixths of the circle, each of the three is V - c min(1, max(0, 2 - |h + n|)), where n is 3, 1
    and -1 for them, and h + n is taken from -3 to 3: the way to HSV and back in one formula.

    Args:
        images: (B, 3, H, W), 0..255.
        saturation: factors of S, (B, 1, 1); S ends at 1.
        hue: turns of the hue, in parts of the circle, (B, 1, 1).
    """
    red, green, blue = images.unbind(1)
    value = images.amax(dim=1)
    chroma = value - images.amin(dim=1)
    divisor = chroma.clamp(min=1e-6)  # grey has no hue, and any will do
    other = torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    sixths = torch.where(value == red, (green - blue) / divisor, other).add_(6 * hue)
    turned = sixths[:, None] + images.new_tensor([3, 1, -1]).view(1, 3, 1, 1)
    turned -= 6 * (turned / 6).round()
    chroma = torch.minimum(chroma * saturation, value)
    part = (2 - turned.abs_()).clamp_(0, 1)
    return torch.addcmul(value[:, None], chroma[:, None], part, value=-1)


def _below_half(numbers: Tensor) -> Tensor:
    """Return the mask of the images to flip, bool, (B, 1, 1, 1)."""
    return (numbers < 0.5).view(-1, 1, 1, 1)


def _shifted(numbers: Tensor, side: int) -> Tensor:
    """Return the source places along a side, (B, side), after a shift by up to 1/8, reflected at ends."""
    most = side // 8
    shift = ((2 * most + 1) * numbers).floor().long() - most
    places = (torch.arange(side, device=numbers.device) - shift[:, None]).abs()
    return side - 1 - (side - 1 - places).abs()


def _float_type(images: Tensor, numbers: Tensor) -> torch.dtype:
    return images.dtype if images.is_floating_point() else numbers.dtype
