"""Draws of images and the order of batches: pure functions of what they depend on."""

import numpy as np
import pytest
import torch
from helpers.training import mlps

from jointnn.data import splits as data
from jointnn.data.sampling import Batches, draw, generator, halves
from jointnn.data.splits import Split, check_labels
from jointnn.errors import UserError


def test_batches_are_a_pure_function_of_seed_dataset_and_step():
    order = [Batches(10, 4, 0, "one").at(step).tolist() for step in (7, 0, 3)]
    ahead = Batches(10, 4, 0, "one")
    forward = [ahead.at(step).tolist() for step in range(8)]
    assert order == [forward[step] for step in (7, 0, 3)]
    assert order == [ahead.at(step).tolist() for step in (7, 0, 3)], "asked for again"
    for other in (Batches(10, 4, 1, "one"), Batches(10, 4, 0, "two")):
        assert [other.at(step).tolist() for step in (7, 0, 3)] != order


@pytest.mark.parametrize(("size", "batch_size"), [(10, 4), (7, 7), (3, 8), (60, 32)])
def test_every_epoch_holds_every_image_once_in_a_fresh_order_and_every_batch_is_full(size, batch_size):
    batches = Batches(size, batch_size, 0, "one")
    sequence = [batches.at(step) for step in range(5 * size)]
    assert {len(batch) for batch in sequence} == {batch_size}
    epochs = torch.cat(sequence).split(size)[: 5 * batch_size]
    assert all(sorted(epoch.tolist()) == list(range(size)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1


LABELS = np.array([0] * 30 + [1] * 12 + [2] * 18)


@pytest.mark.parametrize("seed", range(3))
def test_draws_are_disjoint_and_balanced(seed):
    train_, validation = draw(LABELS, seed, "one", 18, 12)
    assert len(train_) == 18 and len(validation) == 12
    assert not set(train_.tolist()) & set(validation.tolist())
    assert np.bincount(LABELS[validation]).tolist() == [4, 4, 4]
    assert np.bincount(LABELS[train_]).tolist() == [6, 6, 6]


def test_draws_differ_by_seed_and_dataset_and_validation_does_not_depend_on_the_training_images():
    draws = {key: draw(LABELS, *key, 18, 12)[0].tolist() for key in [(0, "one"), (1, "one"), (0, "two")]}
    assert len(set(map(tuple, draws.values()))) == 3
    few, many = draw(LABELS, 0, "one", 6, 12), draw(LABELS, 0, "one", None, 12)
    assert torch.equal(few[1], many[1])
    assert len(many[0]) == 60 - 12 and torch.equal(many[0][:6], few[0])


@pytest.mark.parametrize("seed", range(3))
def test_images_of_one_picture_are_drawn_together(seed):
    pictures = torch.arange(60) // 2  # the last of each class, and its neighbour, are of one class
    train_, validation = draw(LABELS, seed, "one", None, 12, pictures)
    assert len(validation) == 12 and len(train_) == 48
    assert not set(pictures[train_].tolist()) & set(pictures[validation].tolist())
    order = torch.cat([validation, train_])
    assert sorted(order.tolist()) == list(range(60))
    train_, validation = draw(np.zeros(60), seed, "one", None, 13, pictures)
    assert len(set(pictures[validation].tolist())) == 7, "six pairs, and one image without its other"
    assert len(train_) == 46 and not set(pictures[train_].tolist()) & set(pictures[validation].tolist())
    with pytest.raises(UserError, match=r"47 for training and 13 for validation"):
        draw(np.zeros(60), seed, "one", 47, 13, pictures)


@pytest.mark.parametrize("seed", range(3))
def test_halves_are_disjoint_and_hold_each_class_alike(seed):
    first, second = halves(LABELS, seed, "one")
    assert sorted(torch.cat([first, second]).tolist()) == list(range(60))
    assert np.bincount(LABELS[first]).tolist() == np.bincount(LABELS[second]).tolist() == [15, 6, 9]
    odd, even = halves(LABELS[:45], seed, "one")
    counts = np.array([np.bincount(LABELS[half], minlength=3) for half in (odd, even)])
    assert abs(len(odd) - len(even)) == 1 and (np.ptp(counts, axis=0) <= 1).all()
    others = [halves(LABELS, *key)[0].tolist() for key in ((seed + 1, "one"), (seed, "two"))]
    assert first.tolist() not in others and halves(LABELS, seed, "one")[0].equal(first)


def test_images_of_one_picture_are_in_one_half():
    pictures = torch.arange(60) // 3
    first, second = halves(LABELS, 0, "one", pictures)
    assert len(first) == len(second) == 30
    assert not set(pictures[first].tolist()) & set(pictures[second].tolist())
    with pytest.raises(UserError, match="one has too few training images for two halves"):
        halves(LABELS[:2], 0, "one", torch.zeros(2))


def test_more_images_than_there_are_cannot_be_drawn():
    with pytest.raises(
        UserError, match=r"one has 60 images to draw from, but .* 50 for training and 12 for"
    ):
        draw(LABELS, 0, "one", 50, 12)


def test_a_label_without_an_output_is_refused():
    with pytest.raises(UserError, match="one has the label 3, but names 3 classes"):
        check_labels([0, 2, 3], 3, "one")
    check_labels([0, 2], 3, "one")


def test_a_random_generator_is_a_pure_function_of_its_key():
    values = {
        key: torch.rand(1, generator=generator(*key)).item() for key in [(0, "a"), (1, "a"), (0, "b")]
    }
    assert len(set(values.values())) == 3
    assert torch.rand(1, generator=generator(0, "a")).item() == values[0, "a"]


def test_methods_see_the_same_batches_whatever_their_settings():
    first, second = mlps(strength={"half_life": 1}), mlps(momentum=0.1, solver="block_coordinate")
    for one, other in zip(first.setup.batches, second.setup.batches, strict=True):
        assert torch.equal(one.at(11), other.at(11))


def numbered(count: int = 10) -> Split:
    """Images that show their number, as do their labels."""
    return Split(
        torch.arange(count).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous(), torch.arange(count)
    )


@pytest.mark.parametrize("large", [False, True])
def test_a_part_of_a_split_shows_the_images_that_were_chosen_large_or_not(large, monkeypatch):
    if large:
        monkeypatch.setattr(data, "LARGE", 100)
    whole = numbered()
    part = whole.part(torch.tensor([7, 2, 5, 3])).to(torch.device("cpu"))
    assert len(part) == 4 and part.labels.tolist() == [7, 2, 5, 3]
    assert (part.images is whole.images) is large
    assert part.take(torch.tensor([3, 0, 3]))[:, 0, 0, 0].tolist() == [3, 7, 3]
    assert part.part(torch.tensor([1, 2])).take(torch.arange(2))[:, 2, 3, 3].tolist() == [2, 5]


@pytest.mark.parametrize("large", [False, True])
def test_batches_for_measuring_hold_all_images_in_order_and_few_large_ones(large, monkeypatch):
    monkeypatch.setattr(data, "VALUES_MEASURED", 48 * 3 + 1)
    if large:
        monkeypatch.setattr(data, "LARGE", 100)
    part = numbered().part(torch.arange(9, 1, -1))
    part = Split(part.images, part.labels, torch.arange(16.0).view(8, 2), part.places)
    for most, sizes in {512: [3, 3, 2], 2: [2, 2, 2, 2]}.items():
        batches = list(part.batches(most))
        assert [len(batch) for batch in batches] == sizes
        assert torch.cat([batch.images[:, 1, 2, 2] for batch in batches]).tolist() == list(range(9, 1, -1))
        assert torch.cat([batch.labels for batch in batches]).tolist() == list(range(9, 1, -1))
        assert torch.equal(torch.cat([batch.numbers for batch in batches]), part.numbers)
