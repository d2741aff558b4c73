"""Tied layers: the same tensors for all networks, which the gradient of every task reaches."""

import pytest
import torch
from helpers.training import (
    additive,
    labelled,
    mlp,
    mlps,
    names,
    plan_of,
    regression,
    run,
    scores,
    training_of_networks,
)
from torch.testing import assert_close

from jointnn.errors import UserError
from jointnn.models.stacked import StackedNetworks

TIED = ["first", "second"]
SGD = {"batch_size": 24, "steps": 30, "record_every": 10, "momentum": 0.0, "couple_head": True}


def networks_of(count: int = 3, **given) -> StackedNetworks:
    modules = {name: mlp(seed=7) for name in names(count)}
    return StackedNetworks(modules, couple_head=True, couple_batch_norm=False, **given)


def tied_training(count: int = 3, **settings):
    splits = [labelled(seed) for seed in range(count)]
    return training_of_networks([mlp(seed=7) for _ in splits], splits, scores(), **{**SGD, **settings})


def test_tied_layers_are_the_same_tensors_and_others_are_not():
    networks = networks_of(tied=TIED)
    modules = list(networks.modules.values())
    assert networks.tied == TIED
    assert networks.layers == ["third", "head"]
    for name in ("first.linear.weight", "second.bias"):
        places = {module.get_parameter(name).data_ptr() for module in modules}
        assert len(places) == 1
    assert len({module.get_parameter("third.weight").data_ptr() for module in modules}) == 3
    # Batch norm is never in common, unless it is coupled.
    assert len({module.get_parameter("first.norm.weight").data_ptr() for module in modules}) == 3


def test_the_gradient_of_each_task_reaches_tied_layers_and_only_its_own_private_ones():
    training = tied_training(tied=TIED)
    modules = list(training.networks.modules.values())
    alone = []
    for index, module in enumerate(modules):
        tied = module.get_parameter("second.weight").grad
        before = tied.clone()
        others = {k: modules[k].get_parameter("third.weight").grad.clone() for k in range(3) if k != index}
        training.gradient(index, 0)
        alone.append(tied - before if index else tied.clone())
        assert alone[-1].abs().max() > 0
        assert module.get_parameter("third.weight").grad.abs().max() > 0
        for k, value in others.items():
            assert torch.equal(modules[k].get_parameter("third.weight").grad, value)
    # After a round of all networks, the tied layers hold the sum.
    assert_close(modules[0].get_parameter("second.weight").grad, sum(alone))
    assert not torch.allclose(alone[0], alone[1])


def test_tied_layers_follow_the_gradient_of_the_sum_of_all_losses():
    training, loose = tied_training(tied=TIED, steps=10), tied_training(tied=TIED, steps=10)
    run(training, "jae")
    # The same by plain torch: one descent on the sum, over distinct parameters.
    modules = list(loose.networks.modules.values())
    parameters = {p.data_ptr(): p for m in modules for p in m.parameters()}
    values = {pointer: p.detach().clone() for pointer, p in parameters.items()}
    for step in range(10):
        for index in range(3):
            loose.gradient(index, step)
        for pointer, value in values.items():
            value.sub_(loose.settings.learning_rate * parameters[pointer].grad)
            parameters[pointer].data.copy_(value)
    for module, other in zip(training.networks.modules.values(), modules, strict=True):
        for name, value in module.named_parameters():
            assert_close(value, other.get_parameter(name), msg=name)


def test_where_all_is_tied_that_learns_it_is_shareall_at_a_rate_as_many_times_larger():
    """`shareall` descends the mean of the losses, tied layers their sum."""
    splits = [regression(seed, torch.arange(9.0, dtype=torch.float64)) for seed in range(3)]
    for split in splits:
        split.images[:, 5:] = 0  # the private layer, which reads them, learns nothing
    common = {"momentum": 0.9, "steps": 40}
    tied = additive(splits, tied=["layer1", "layer2"], learning_rate=0.01, **common)
    one = additive(splits, learning_rate=0.03, **common)
    start = tied.networks.modules["one"].layer1.weight.clone()
    run(tied, "jae")
    run(one, "shareall")
    for name in ("layer1.weight", "layer2.weight"):
        assert_close(
            tied.networks.modules["two"].get_parameter(name),
            one.networks.modules["two"].get_parameter(name),
        )
    assert not torch.allclose(start, tied.networks.modules["one"].layer1.weight)


def test_without_tied_layers_it_is_isolated_training():
    training, apart = tied_training(), tied_training()
    run(training, "jae")
    run(apart, "isolated")
    for a, b in zip(training.networks.tensors, apart.networks.tensors, strict=True):
        assert torch.equal(a, b)


def test_the_order_of_networks_makes_no_difference_to_tied_layers():
    splits = [labelled(seed) for seed in range(2)]
    found = []
    for order in (splits, splits[::-1]):
        training = training_of_networks([mlp(seed=7) for _ in order], order, scores(), tied=TIED, **SGD)
        run(training, "jae")
        found.append(training.networks.modules["one"].get_parameter("second.weight").clone())
    assert_close(found[0], found[1])


@pytest.mark.parametrize(
    ("tied", "message"),
    [
        (
            ["fourth"],
            "tied: 'fourth' holds no layer that can be coupled; there are first, second, third",
        ),
        (["first", "second", "third", "head"], "no layer to couple besides its head.* tie fewer layers"),
    ],
)
def test_ties_that_cannot_be_are_refused(tied, message):
    with pytest.raises(UserError, match=message):
        networks_of(tied=tied)


def test_tied_layers_of_other_shapes_are_refused():
    modules = {"one": mlp(3), "two": mlp(4)}
    with pytest.raises(UserError, match="Layer 'head' has other shapes for two than for one"):
        StackedNetworks(modules, True, False, tied=["head"])


@pytest.mark.parametrize("settings", [{"others_on_disk": True}, {"solver": "block_coordinate"}])
def test_solvers_that_work_on_one_network_at_a_time_are_refused(settings):
    with pytest.raises(ValueError, match="tied layers belong to all networks at once"):
        mlps(tied=["first"], **settings)


def test_a_plan_of_tied_layers_couples_nothing():
    training = tied_training(tied=TIED)
    (phase,) = plan_of(training, "jae").phases
    assert not phase.coupling.weights.any()
    assert phase.steps == training.settings.steps


def test_joint_weighs_the_layers_that_are_not_tied():
    training = tied_training(tied=TIED, strength={"half_life": 5}, rounds=2, blocks="single")
    rounds = run(training, "joint").rounds
    assert [found.weights.shape for found in rounds] == [(2, 3, 3)] * 2, "third and head alone"
    modules = list(training.networks.modules.values())
    first, other = (module.get_parameter("second.weight") for module in modules[:2])
    assert first.data_ptr() == other.data_ptr()
    assert not torch.equal(*(module.get_parameter("third.weight") for module in modules[:2]))
    untied = tied_training(strength={"half_life": 5}, rounds=2, blocks="single")
    assert run(untied, "joint").rounds[-1].weights.shape == (4, 3, 3)
