"""The task `completion`: holes are where they should be, and errors are what they are called."""

import pytest
import torch
from torch import nn

from jointnn.data.sampling import Batches
from jointnn.data.splits import Split
from jointnn.models.architectures import architecture
from jointnn.tasks.completion import SHOWN, as_pixels, completion, hole_masks, with_hole
from jointnn.tasks.measures import ERROR, HOLE_ERROR, LOSS


def images(count: int = 5, size: int = 16) -> Split:
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=drawn)
    return Split(pixels, torch.zeros(count, dtype=torch.int64))


class Shifted(nn.Module):
    """Gives what it was given, and something more."""

    def __init__(self, more: float) -> None:
        super().__init__()
        self.more = more

    def forward(self, inputs):
        return inputs + self.more


@pytest.mark.parametrize(("size", "side"), [(64, 22), (32, 11), (16, 6)])
def test_a_hole_is_a_square_of_the_papers_share(size, side):
    masks = hole_masks(torch.rand(50, 2), size)
    assert masks.shape == (50, 1, size, size)
    assert (masks.sum(dim=(1, 2, 3)) == side**2).all()
    assert ((masks.amax(dim=3).sum(dim=2) == side) & (masks.amax(dim=2).sum(dim=2) == side)).all()


def test_a_hole_can_be_at_every_place_at_which_it_fits_and_nowhere_else():
    size, side = 16, 6
    steps = torch.arange(200) / 200
    masks = hole_masks(torch.stack([steps, torch.full_like(steps, 0.5)], dim=1), size)
    tops = masks[:, 0].amax(dim=2).argmax(dim=1)
    assert tops.unique().tolist() == list(range(size - side + 1))
    last = torch.tensor([[1.0, 1.0]]).nextafter(torch.tensor(0.0))
    assert hole_masks(last, size)[0, 0, -1, -1] == 1


def test_the_hole_is_grey_and_the_rest_untouched():
    pixels = torch.rand(4, 3, 16, 16) * 2 - 1
    masks = hole_masks(torch.rand(4, 2), 16)
    holed = with_hole(pixels, masks)
    assert (holed[masks.expand_as(holed) == 1] == 0).all()
    outside = masks.expand_as(holed) == 0
    assert torch.equal(holed[outside], pixels[outside])


def test_errors_are_squares_of_differences_of_images_in_0_to_1():
    split, task = images(), completion()
    white = Split(torch.full_like(split.images, 255), split.labels)
    # White is 1, the hole 1/2: its error is a quarter, over 36 of 256 pixels.
    found = task.measures(Shifted(0.0), white)
    assert found[HOLE_ERROR] == pytest.approx(0.25)
    assert found[ERROR] == found[LOSS] == pytest.approx(0.25 * 36 / 256)
    # A shift by 0.2 of -1..1 is one by 0.1 of 0..1.
    assert task.measures(Shifted(0.2), white)[ERROR] == pytest.approx((0.16 * 36 + 0.01 * 220) / 256)


def test_the_loss_of_a_batch_is_its_mean_error():
    batch = Split(torch.ones(3, 3, 16, 16), torch.zeros(3), torch.rand(3, 2))
    assert completion().loss(Shifted(0.0), batch).item() == pytest.approx(0.25 * 36 / 256)


def test_every_network_is_measured_on_the_same_holes_and_left_in_its_mode():
    network = architecture["autoencoder"](classes=1, channels=3, size=16, width=2).train()
    task, split = completion(), images(SHOWN + 3)
    assert task.measures(network, split) == task.measures(network, split)
    assert network.training
    first, second = task.evidence(network, split), task.evidence(Shifted(0.3), split)
    assert torch.equal(first["holed"], second["holed"])
    assert torch.equal(first["truth"], split.images[:SHOWN])
    assert not torch.equal(first["completed"], second["completed"])
    assert {values.dtype for values in first.values()} == {torch.uint8}


def test_pixels_come_back_from_floats():
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_pixels(every.float() / 127.5 - 1), every)
    assert as_pixels(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_the_numbers_of_a_step_follow_from_seed_dataset_and_epoch_alone():
    one, other = (Batches(10, 4, 0, "birds", 3) for _ in range(2))
    later = other.numbers(7)  # asked for without the steps before
    assert torch.equal([one.numbers(step) for step in range(8)][7], later)
    assert later.shape == (4, 3)
    assert ((later >= 0) & (later < 1)).all()
    assert not torch.equal(later, Batches(10, 4, 1, "birds", 3).numbers(7))
    assert not torch.equal(later, Batches(10, 4, 0, "dogs", 3).numbers(7))
    epochs = torch.cat([one.numbers(step) for step in range(5)]).split(10)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_step_in_two_epochs_takes_numbers_from_both():
    batches = Batches(10, 4, 0, "birds", 2)
    epochs = Batches(10, 10, 0, "birds", 2)
    crossing = torch.cat([epochs.numbers(0)[8:], epochs.numbers(1)[:2]])
    assert torch.equal(batches.numbers(2), crossing)
