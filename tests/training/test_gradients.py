"""The gradient of a step: whole batches and pieces of them."""

import pytest
import torch
from helpers.training import additive, mlps, parameters, regression, run
from torch.testing import assert_close

from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings


def linear_networks(**settings):
    truths = torch.randn(3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    splits = [regression(i, truth, size=23, noise=0.3) for i, truth in enumerate(truths)]
    return additive(splits, batch_size=10, steps=30, rounds=2, **settings)


@pytest.mark.parametrize("pieces", [2, 3, 10])
def test_a_batch_in_pieces_gives_the_gradient_of_the_whole_without_batch_norm(pieces):
    whole, parted = linear_networks(), linear_networks(accumulate=pieces)
    losses = [training.gradient(1, 5) for training in (whole, parted)]
    assert_close(*losses)
    for one, other in zip(whole.rows[1], parted.rows[1], strict=True):
        assert_close(one.grad, other.grad)
        assert one.grad.any()


@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_a_run_in_pieces_ends_where_that_of_whole_batches_ends(solver):
    whole, parted = (linear_networks(solver=solver, accumulate=pieces) for pieces in (1, 4))
    for training in (whole, parted):
        run(training, "joint")
    for one, other in zip(parameters(whole), parameters(parted), strict=True):
        assert_close(one, other)


def test_with_batch_norm_pieces_are_normalised_by_themselves():
    whole, parted = mlps(), mlps(accumulate=2)
    run(whole, "isolated")
    run(parted, "isolated")
    counts = [
        training.networks.modules["one"].first.norm.num_batches_tracked for training in (whole, parted)
    ]
    assert counts == [20, 40]


@pytest.mark.parametrize("numbers", [None, torch.arange(14.0).view(7, 2)])
def test_pieces_hold_every_image_once_with_what_belongs_to_it(numbers):
    split = Split(torch.arange(7.0)[:, None], torch.arange(7), numbers)
    pieces = split.pieces(3)
    assert [len(piece) for piece in pieces] == [3, 2, 2]
    assert torch.equal(torch.cat([piece.labels for piece in pieces]), split.labels)
    for piece in pieces:
        assert torch.equal(piece.images[:, 0].long(), piece.labels)
        assert numbers is None or torch.equal(piece.numbers[:, 0].long(), 2 * piece.labels)


def test_more_pieces_than_images_are_refused():
    with pytest.raises(ValueError, match="accumulate must be at most batch_size: each piece of a batch"):
        MethodSettings(batch_size=4, accumulate=5)
