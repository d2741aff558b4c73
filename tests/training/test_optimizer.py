"""The optimizer takes the very steps of torch's, for all networks, one, or a part of one."""

import pytest
import torch
from torch import nn

from jointnn.methods.settings import Training
from jointnn.models.stacked import StackedNetworks
from jointnn.training.optimizer import Optimizer

STEPS = 5
TORCHS = {
    "sgd": lambda rows, of: torch.optim.SGD(
        rows, lr=1.0, momentum=of.momentum, weight_decay=of.weight_decay, foreach=True
    ),
    "adam": lambda rows, of: torch.optim.Adam(
        rows, lr=1.0, betas=(of.momentum, 0.999), weight_decay=of.weight_decay, foreach=True
    ),
}


def networks() -> StackedNetworks:
    torch.manual_seed(0)
    modules = {name: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)) for name in "ab"}
    return StackedNetworks(modules, couple_head=False, couple_batch_norm=False)


@pytest.mark.slow  # torch's own import its compiler
@pytest.mark.parametrize(
    "settings",
    [
        Training(optimiser=name, momentum=momentum, weight_decay=decay)
        for name in TORCHS
        for momentum in (0.0, 0.9)
        for decay in (0.0, 0.1)
    ],
    ids=lambda of: f"{of.optimiser}-{of.momentum}-{of.weight_decay}",
)
def test_steps_and_states_are_those_of_torch_to_the_bit(settings):
    ours, theirs = networks(), networks()
    optimizer = Optimizer(ours, settings)
    rows = [row for of in ours.rows for row in of]
    expected = [row for of in theirs.rows for row in of]
    torchs = TORCHS[settings.optimiser](expected, settings)
    for step in range(STEPS):
        for one, other in zip(rows, expected, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        (group,) = torchs.param_groups
        group["lr"] = 0.1 / (step + 1)
        torchs.step()
        optimizer.step_all(0.1 / (step + 1))
    assert all(torch.equal(one, other) for one, other in zip(rows, expected, strict=True))
    for index, of in enumerate(theirs.rows):
        found = optimizer.states(index)
        wanted = [{name: v for name, v in torchs.state[row].items() if v is not None} for row in of]
        assert all(found.keys() == state.keys() for state in wanted)
        assert all(
            torch.equal(found[name][k], state[name]) for k, state in enumerate(wanted) for name in state
        )


def test_a_network_that_begins_anew_has_no_states_and_the_others_keep_theirs():
    stacked = networks()
    optimizer = Optimizer(stacked, Training(momentum=0.9))
    for row in stacked.rows[0] + stacked.rows[1]:
        row.grad = torch.ones_like(row)
    optimizer.step_all(0.1)
    optimizer.put_states(0, {})
    assert optimizer.states(0) == {}
    assert set(optimizer.states(1)) == {"momentum_buffer"}
