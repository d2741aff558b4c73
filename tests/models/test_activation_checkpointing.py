"""Activations computed again: the same gradients and statistics to the last bit, from less memory."""

from collections import OrderedDict

import pytest
import torch
from helpers.training import (
    Additive,
    assert_views,
    labelled,
    mlps,
    parameters,
    run,
    scores,
    training_of_networks,
)
from torch import nn

from jointnn.errors import UserError
from jointnn.models.activation_checkpointing import Recomputed, kept_buffers


def network(seed: int = 0) -> nn.Module:
    """Batch norm and dropout; layers with and without parameters."""
    torch.manual_seed(seed)
    first = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True))
    return nn.Sequential(
        OrderedDict(first=first, dropout=nn.Dropout(), second=nn.Linear(8, 8), relu=nn.ReLU())
        | {"norm": nn.BatchNorm1d(8), "last": nn.Dropout(0.3), "head": nn.Linear(8, 3)}
    ).double()


def saved_elements(module: nn.Module, values: torch.Tensor) -> int:
    """How many numbers a forward pass keeps for the backward pass."""
    kept: list[int] = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(values)
    return sum(kept)


def test_gradients_and_statistics_are_the_same_to_the_last_bit():
    kept, again = network(), network()
    values = torch.randn(6, 5, dtype=torch.float64)
    for module, computing in [(kept, kept), (again, Recomputed(again))]:
        for step in range(3):
            torch.manual_seed(step)  # for dropout
            computing(values).square().sum().backward()
        assert module.first[1].num_batches_tracked == 3
    for one, other in zip(kept.parameters(), again.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad) and other.grad.any()
    assert all(map(torch.equal, kept.buffers(), again.buffers()))


def test_what_has_no_parameters_belongs_to_the_layer_before_it():
    assert [len(group) for group in Recomputed(network()).groups] == [2, 2, 2, 1]


def test_less_is_kept():
    deep = nn.Sequential(*(nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4)) for _ in range(4)))
    values = torch.randn(50, 4, requires_grad=True)
    assert saved_elements(deep, values) > 4 * 50 * 64
    # What `checkpoint` keeps does not pass by outer hooks: inputs alone, one per group.
    assert saved_elements(Recomputed(deep), values) <= 4 * 50 * 4


@pytest.mark.slow
@pytest.mark.parametrize("method", ["isolated", "joint"])
def test_a_whole_run_is_the_same_to_the_last_bit(method):
    splits = [labelled(seed) for seed in range(3)]
    settings = {"batch_size": 8, "steps": 12, "record_every": 4, "rounds": 2, "learning_rate": 0.05}
    trainings = [
        training_of_networks(
            [network() for _ in splits], splits, scores(), checkpoint_activations=value, **settings
        )
        for value in (False, True)
    ]
    for training in trainings:
        run(training, method)
        assert_views(training)
    kept, again = trainings
    assert all(map(torch.equal, parameters(kept), parameters(again)))
    assert kept.history == again.history


def test_buffers_are_put_back_after_a_failure_too():
    norm = nn.BatchNorm1d(2)

    def fails():
        with kept_buffers(norm):
            norm(torch.randn(5, 2))
            assert norm.num_batches_tracked == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert norm.num_batches_tracked == 0 and torch.equal(norm.running_mean, torch.zeros(2))


def test_a_network_that_is_no_sequence_is_refused():
    with pytest.raises(UserError, match=r"sequence of its layers \(nn.Sequential\), and Additive is none"):
        Recomputed(Additive())
    with pytest.raises(UserError, match="Set it to false"):
        splits = [labelled(0), labelled(1)]
        training_of_networks([Additive(), Additive()], splits, scores(), checkpoint_activations=True)


@pytest.mark.slow
def test_mlps_of_other_tests_take_it_too():
    kept, again = mlps(accumulate=2), mlps(checkpoint_activations=True, accumulate=2)
    for training in (kept, again):
        run(training, "l2reg")
    assert all(map(torch.equal, parameters(kept), parameters(again)))
