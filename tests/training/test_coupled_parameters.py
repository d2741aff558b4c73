"""Departure 6: what is coupled."""

import pytest
import torch
from helpers.training import labelled, mlp, mlps, run, scores, training_of_networks

from jointnn.errors import UserError


def coupled_names(training) -> set[str]:
    return {
        name
        for name, place in training.networks.places["one"].items()
        if place.slot < len(training.networks.layers)
    }


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("head", [False, True])
@pytest.mark.departure(number=6)
def test_batch_norm_and_head_are_coupled_where_asked_for_and_its_statistics_never(batch_norm, head):
    training = mlps(couple_batch_norm=batch_norm, couple_head=head)
    run(training, "shareall")
    first, second, _ = training.networks.modules.values()
    others = second.state_dict()
    equal = {
        name for name, value in first.state_dict().items() if torch.allclose(value, others[name], 0, 1e-14)
    }
    trunk = {
        f"{layer}.{kind}" for layer in ("first.linear", "second", "third") for kind in ("weight", "bias")
    }
    expected = trunk | ({"first.norm.weight", "first.norm.bias"} if batch_norm else set())
    expected |= {"head.weight", "head.bias"} if head else set()
    assert coupled_names(training) == expected
    assert equal == expected | {"first.norm.num_batches_tracked"}


@pytest.mark.departure(number=6)
def test_heads_of_different_classes_are_not_coupled_and_refused_where_that_is_asked_for():
    splits, networks = [labelled(0, 3), labelled(1, 4)], [mlp(3), mlp(4)]
    run(training_of_networks(networks, splits, scores(), steps=4, batch_size=8), "shareall")
    with pytest.raises(
        UserError, match=r"Layer 'head' has other shapes for two than for one.*couple_head: false"
    ):
        training_of_networks([mlp(3), mlp(4)], splits, scores(), couple_head=True)


@pytest.mark.departure(number=6)
def test_a_frozen_layer_is_not_coupled():
    networks = [mlp(), mlp()]
    for network in networks:
        network.second.requires_grad_(False)
    training = training_of_networks(networks, [labelled(0), labelled(1)], scores(), steps=4, batch_size=8)
    assert training.networks.layers == ["first", "third"]
    before = networks[0].second.weight.clone()
    run(training, "l2reg")
    assert torch.equal(networks[0].second.weight, before)
