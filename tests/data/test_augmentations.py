"""Augmentations: pure functions of images and given numbers, alike for one image and for a batch."""

import colorsys

import pytest
import torch

from jointnn.data.augmentations import augmentation, flip_shift, inception, turn_colours
from jointnn.errors import UserError

WHOLE = [1.0, 0.3, 0.6, 0.2]
"""Numbers of `inception` at which the crop is the whole image."""
SAME_COLOURS = [0.5, 0.5, 0.5, 0.5]

every = pytest.mark.parametrize("name", sorted(augmentation))


def images(count=6, channels=3, size=16, dtype=torch.uint8):
    drawn = torch.randint(256, (count, channels, size, size), generator=torch.Generator().manual_seed(0))
    return drawn.to(dtype)


def numbers_for(function, count=6, dtype=torch.float32):
    return torch.rand(count, function.numbers, generator=torch.Generator().manual_seed(1)).to(dtype)


def smooth(count=6, size=16):
    """Colourful images without edges, which bilinear sampling keeps well."""
    x = torch.linspace(0, 1, size, dtype=torch.float64)
    base = torch.stack([x[:, None] * x, x[:, None] + 0 * x, 1 - x[:, None] * x.flip(0)])
    return torch.stack([255 * base * (k + 1) / count for k in range(count)])


@every
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_outputs_are_floats_of_the_same_shape_in_0_to_255(name, dtype):
    given, function = images(dtype=dtype), augmentation[name]
    before = given.clone()
    made = function(given, numbers_for(function))
    assert made.shape == given.shape
    assert made.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert made.min() >= 0 and made.max() <= 255
    made.sub_(1)  # as a task may, in place
    assert torch.equal(given, before)


@every
def test_a_batch_gives_what_its_images_give_one_by_one(name):
    given, function = images(dtype=torch.float64), augmentation[name]
    drawn = numbers_for(function, dtype=torch.float64)
    alone = [function(given[i : i + 1], drawn[i : i + 1]) for i in range(len(given))]
    torch.testing.assert_close(function(given, drawn), torch.cat(alone))


@every
def test_other_numbers_give_other_images_and_the_same_numbers_the_same(name):
    given, function = images(), augmentation[name]
    drawn = numbers_for(function)
    assert torch.equal(function(given, drawn), function(given, drawn))
    assert not torch.equal(function(given, drawn), function(given, 1 - drawn))


@every
def test_no_gradient_is_kept(name):
    function = augmentation[name]
    given = images(dtype=torch.float32).requires_grad_()
    assert not function(given, numbers_for(function)).requires_grad


@pytest.mark.parametrize("name", ["flip", "flip_shift", "inception"])
def test_half_of_the_images_are_flipped_exactly(name):
    given, function = images(count=2), augmentation[name]
    neutral = {"flip": [], "flip_shift": [0.5, 0.5], "inception": WHOLE}[name]
    after = SAME_COLOURS if name == "inception" else []
    place = 4 if name == "inception" else 0
    drawn = [[*neutral[:place], 0.4999, *neutral[place:], *after]]
    drawn += [[*neutral[:place], 0.5, *neutral[place:], *after]]
    made = function(given, torch.tensor(drawn, dtype=torch.float64))
    expected = torch.stack([given[0].flip(-1), given[1]]).double()
    tolerance = 1e-9 if name == "inception" else 0.0
    torch.testing.assert_close(made, expected, atol=tolerance, rtol=0)


def test_a_shift_moves_by_up_to_an_eighth_and_reflects_at_the_border():
    given = torch.arange(16.0).expand(1, 1, 16, 16)
    right = flip_shift(given, torch.tensor([[0.9, 0.5, 0.999]]))
    assert right[0, 0, 5].tolist() == [2.0, 1.0, *range(14)]
    left = flip_shift(given, torch.tensor([[0.9, 0.5, 0.0]]))
    assert left[0, 0, 5].tolist() == [*range(2, 16), 14.0, 13.0]
    down = flip_shift(given.mT.contiguous(), torch.tensor([[0.9, 0.999, 0.5]]))
    assert torch.equal(down, right.mT)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("area", [0.0, 0.3, 0.95])
def test_a_crop_has_the_area_that_was_drawn_and_its_ratio_fits(area, ratio):
    """Sampled from coordinates, a crop tells where it was taken."""
    x = (torch.arange(200, dtype=torch.float64) + 0.5) / 2
    where = torch.stack([x.expand(200, 200), x[:, None].expand(200, 200), x.expand(200, 200)])[None]
    for down, right in [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]:
        crop = inception(where, torch.tensor([[area, ratio, down, right, 0.7, *SAME_COLOURS]]))[0]
        width, height = (crop[0, 9, -2] - crop[0, 9, 1]) / 197, (crop[1, -2, 9] - crop[1, 1, 9]) / 197
        drawn = float(width * height) * 4
        assert drawn == pytest.approx(0.08 + 0.92 * area, rel=2e-2)
        assert 0.74 <= width / height <= 1.35
        assert crop.min() >= 0 and crop.max() <= 100


def test_the_whole_area_with_neutral_colours_is_the_image_itself():
    given = images(count=2)
    made = inception(given, torch.tensor([[*WHOLE, 0.5, *SAME_COLOURS]] * 2))
    torch.testing.assert_close(made, given.float(), atol=1e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("hue", [-0.2, 0.0, 0.13])
@pytest.mark.parametrize("saturation", [0.5, 1.0, 1.5])
def test_colours_turn_as_in_the_hsv_cone(saturation, hue):
    given = torch.cat([images(dtype=torch.float64), smooth()])
    given[0, :, 0] = 77.0  # grey, which has no hue
    factor = torch.full((len(given), 1, 1), saturation, dtype=torch.float64)
    made = turn_colours(given, factor, torch.full_like(factor, hue))
    pixels, turned = (values.movedim(1, -1).reshape(-1, 3) for values in (given, made))
    for pixel, found in zip(pixels, turned, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(pixel / 255).tolist())
        expected = torch.tensor(colorsys.hsv_to_rgb((h + hue) % 1, min(1, s * saturation), v))
        torch.testing.assert_close(found / 255, expected.double(), atol=1e-6, rtol=0)


def test_brightness_and_contrast_do_what_they_say():
    given = 100 + images(count=1, dtype=torch.float64) / 10
    bright = inception(given, torch.tensor([[*WHOLE, 0.5, 1.0, 0.5, 0.5, 0.5]]))
    torch.testing.assert_close(bright, given + 32)
    flat = inception(given, torch.tensor([[*WHOLE, 0.5, 0.5, 0.5, 0.5, 0.0]]))
    mean = given.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(flat, mean + (given - mean) / 2)


def test_grey_images_are_refused_where_colours_are_changed():
    with pytest.raises(UserError, match="inception needs colour images; choose flip"):
        inception(images(channels=1), torch.rand(6, 9))
    for name in ("flip", "flip_shift"):
        assert (
            augmentation[name](images(channels=1), torch.rand(6, augmentation[name].numbers)).shape[1] == 1
        )
