"""Reconstruction and transfer: what is learned, measured and shown of networks of branches."""

import math
from collections import OrderedDict

import pytest
import torch
from helpers.branched import TWO, made
from helpers.training import training_of_networks
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from jointnn.data.sampling import UNLABELLED, with_labels
from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.tasks.measures import ACCURACY, ERROR, LOSS
from jointnn.tasks.reconstruction import reconstruction, scaled, transfer


def split_of(size: int = 30, classes: int = 3, seed: int = 0) -> Split:
    """Noise of 8 x 8 pixels, whose classes take turns."""
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (size, 1, 8, 8), dtype=torch.uint8, generator=random)
    return Split(pixels, torch.arange(size) % classes)


def batch_of(split: Split) -> Split:
    return Split(as_float(split.images), split.labels)


def test_the_loss_is_the_squared_error_of_images_in_0_to_1():
    network, split = made(), split_of()
    images = split.images.float() / 255
    wanted = functional.mse_loss(network(images)["image"], images)
    assert_close(reconstruction().loss(network, batch_of(split)), wanted)
    measured = reconstruction().measures(network, split)
    assert measured[ERROR] == measured[LOSS]
    assert measured[ERROR] == pytest.approx(wanted.item(), rel=1e-5)


def test_pixels_are_scaled_to_0_to_1():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert_close(scaled(as_float(pixels)), torch.tensor([0.0, 0.2, 1.0]))


@pytest.mark.parametrize("weight", [0.0, 0.25, 4.0])
def test_transfer_adds_the_cross_entropy_of_labelled_images(weight):
    network, split = made(), split_of()
    batch = batch_of(split)
    batch.labels[10:] = UNLABELLED
    found = network(scaled(batch.images))
    wanted = weight * functional.mse_loss(found["image"], scaled(batch.images))
    wanted += functional.cross_entropy(found["classes"][:10], batch.labels[:10])
    assert_close(transfer(weight).loss(network, batch), wanted)


def test_without_labels_transfer_is_reconstruction():
    network, batch = made(), batch_of(split_of())
    batch.labels[:] = UNLABELLED
    assert_close(transfer(1.0).loss(network, batch), reconstruction().loss(network, batch))


def test_transfer_measures_accuracy_error_and_its_loss():
    network, split = made(), split_of()
    measured = transfer(4.0).measures(network, split)
    found = network(scaled(as_float(split.images)))
    right = (found["classes"].argmax(1) == split.labels).double().mean().item()
    assert measured[ACCURACY] == right
    wanted = transfer(4.0).loss(network, batch_of(split)).item()
    assert measured[LOSS] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("task", [reconstruction(), transfer(1.0)])
def test_evidence_holds_what_each_branch_alone_makes_of_an_image(task):
    network, split = made(), split_of(20)
    shown = task.evidence(network, split)
    assert torch.equal(shown["truth"], split.images[:12])
    assert {key for key in shown if key.startswith("alone.")} == {"alone.private", "alone.shared"}
    codes = network.encoded(scaled(as_float(split.images)))
    silent = {**codes, "private": torch.zeros_like(codes["private"])}
    wanted = (network.decoded(silent)["image"][:12].clamp(0, 1) * 255).round()
    assert (shown["alone.shared"].float() - wanted).abs().max() <= 1
    assert_close(shown["code.shared"], codes["shared"])
    assert torch.equal(shown["code_label"], split.labels)
    assert ("predicted" in shown) == isinstance(task, transfer)


def test_a_plain_auto_encoder_has_no_branches_to_tell_apart():
    plain = made({"plain": ["dense 5"], "image": {"of": ["plain"], "layers": ["image"]}})
    shown = reconstruction().evidence(plain, split_of())
    assert not any(key.startswith("alone.") for key in shown)
    assert shown["code.plain"].shape == (30, 5)


def test_evidence_holds_codes_of_at_most_500_images():
    shown = reconstruction().evidence(made(), split_of(600))
    assert len(shown["code.private"]) == len(shown["code_label"]) == 500


def test_networks_without_the_outputs_that_are_read_are_refused_before_they_are_trained():
    def training_for(network, task):
        return training_of_networks([network], [split_of()], task, batch_size=10)

    plain = nn.Sequential(OrderedDict(layer=nn.Linear(64, 2), head=nn.Linear(2, 2)))
    with pytest.raises(UserError, match="gives image, but Sequential has no such outputs"):
        training_for(plain, reconstruction())
    chosen = made({"code": ["dense 4"], "image": {"of": ["code"], "layers": ["image"]}})
    training_for(chosen, reconstruction())
    with pytest.raises(UserError, match=r"transfer needs .* gives classes, but Branched has image"):
        training_for(chosen, transfer())


def test_a_negative_weight_is_refused():
    with pytest.raises(UserError, match="weight: -1 must be at least 0"):
        transfer(-1)


def test_labels_are_told_of_as_many_images_as_asked_for_and_repeated():
    split = split_of(300)
    told = with_labels(split, 30)
    labelled = told.labels != UNLABELLED
    # Half of an epoch has labels: 30 images ten times, and the other 270.
    assert labelled.sum() == 300
    assert (~labelled).sum() == 270
    distinct = {told.images[i].numpy().tobytes() for i in labelled.nonzero().flatten().tolist()}
    assert len(distinct) == 30
    counts = torch.bincount(told.labels[labelled])
    assert counts.tolist() == [100, 100, 100]


@pytest.mark.parametrize("count", [0, 300])
def test_none_or_all_labels_repeat_no_image(count):
    told = with_labels(split_of(300), count)
    assert len(told) == 300
    assert (told.labels != UNLABELLED).sum() == count


def test_the_split_itself_keeps_its_labels():
    split = split_of(300)
    with_labels(split, 10)
    assert split.labels.min() == 0


def test_more_labels_than_images_are_refused():
    with pytest.raises(UserError, match="labelled: 31 labelled images are asked for, but there are 30"):
        with_labels(split_of(30), 31)


def test_large_images_are_not_copied(monkeypatch):
    monkeypatch.setattr("jointnn.data.splits.LARGE", 100)
    told = with_labels(split_of(300), 30)
    assert told.images.shape[0] == 300
    assert len(told) == 570
    assert torch.equal(told.take(torch.tensor([0, 300])), told.images[[0, 0]])


@pytest.mark.slow
def test_an_auto_encoder_learns_to_give_images_back():
    torch.manual_seed(0)
    network, split = made(TWO), split_of(8)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    first = reconstruction().measures(network, split)[ERROR]
    for _ in range(150):
        optimiser.zero_grad()
        reconstruction().loss(network, batch_of(split)).backward()
        optimiser.step()
    assert reconstruction().measures(network, split)[ERROR] < first / 2
    assert math.isfinite(first)


@pytest.mark.parametrize("task", [reconstruction(), transfer(4.0)])
def test_the_gradient_of_every_task_reaches_the_shared_branch_and_its_own_private_one(task):
    networks, splits = [made() for _ in range(2)], [split_of(seed=seed) for seed in range(2)]
    training = training_of_networks(
        networks, splits, task, tied=["shared"], couple_head=True, batch_size=10, steps=1
    )
    first, second = training.networks.modules.values()
    assert first.shared.dense1[1].weight.data_ptr() == second.shared.dense1[1].weight.data_ptr()
    training.gradient(0, 0)
    of_first = first.shared.dense1[1].weight.grad.clone()
    assert of_first.abs().max() > 0 and first.private.dense1[1].weight.grad.abs().max() > 0
    assert not second.private.dense1[1].weight.grad.any()
    training.gradient(1, 0)
    assert not torch.equal(second.shared.dense1[1].weight.grad, of_first)
    assert second.private.dense1[1].weight.grad.abs().max() > 0
