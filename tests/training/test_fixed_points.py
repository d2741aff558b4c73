"""Departure 5, the solver: its fixed point is that of (6), its limits are one network and isolated ones."""

import pytest
import torch
from helpers.departures import MOMENTA, Quadratics, batches_of, shrinkage, toy, without_pull_of_data
from helpers.tensor import random_weights
from helpers.training import additive, mlp, mlps, parameters, run, scores
from pydantic import ValidationError
from torch.testing import assert_close

from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.irls.consistency import block_membership, layer_weights
from jointnn.methods.settings import MethodSettings
from jointnn.training import updates as descent
from jointnn.training.couplings import Couplings


def weights_of(seed: int, networks: int) -> torch.Tensor:
    return layer_weights(random_weights(seed, 2, networks), block_membership(3, "adjacent"))


def fixed_point(problem: Quadratics, weights: torch.Tensor, **settings) -> torch.Tensor:
    """Where training under c = 0.1 w ends, shape (n, D)."""
    momentum = settings.setdefault("momentum", 0.0)
    base = {"learning_rate": 0.1, "steps": 550} if momentum else {"learning_rate": 0.5, "steps": 120}
    training = additive(problem.splits, **{**base, **settings})
    couplings = Couplings(weights, torch.full((3,), 0.1, dtype=torch.float64))
    training.descend(couplings, 0, training.settings.steps)
    return torch.cat([layer.detach() for layer in training.networks.coupled], dim=1)


SOLVERS = {
    "proximal": {"solver": "proximal"},
    "block coordinate": {"solver": "block_coordinate", "turn": "step"},
    "gradient": {"solver": "block_coordinate", "pull": "gradient"},
}


@pytest.mark.slow
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.departure(number=5)
def test_the_fixed_point_of_every_solver_is_that_of_equation_6(solver, momentum):
    problem, weights = toy(1, 3), weights_of(1, 3)
    found = fixed_point(problem, weights, momentum=momentum, **SOLVERS[solver])
    assert_close(found, problem.minimiser(0.1 * weights), rtol=0, atol=1e-8)
    assert (found - problem.minimiser(0.09 * weights)).abs().max() > 1e-3, "the test tells strengths apart"


@pytest.mark.slow
@pytest.mark.departure(number=5)
def test_a_step_size_without_momentum_would_miss_the_fixed_point(monkeypatch):
    problem, weights = toy(1, 3), weights_of(1, 3)
    monkeypatch.setattr(descent, "effective_step", lambda _, rate: rate)
    found = fixed_point(problem, weights, momentum=0.9)
    assert (found - problem.minimiser(0.1 * weights)).abs().max() > 1e-2
    # It is that of a lambda ten times smaller.
    assert_close(found, problem.minimiser(0.01 * weights), rtol=0, atol=1e-8)


@pytest.mark.slow
@pytest.mark.departure(number=5)
def test_mixing_less_often_solves_equation_6_to_the_order_of_the_step():
    problem, weights = toy(1, 3), weights_of(1, 3)
    exact = problem.minimiser(0.1 * weights)
    errors = [
        (fixed_point(problem, weights, mix_every=4, learning_rate=rate, steps=int(24 / rate)) - exact)
        for rate in (0.1, 0.05)
    ]
    first, second = (error.abs().max() for error in errors)
    assert 1e-3 < first < 0.2
    assert second / first == pytest.approx(0.5, abs=0.1)


def trained_alone(training, decay: float) -> list[torch.Tensor]:
    """Each network in a loop of its own, with torch's own optimiser and no package code."""
    result = []
    for index in range(len(training.names)):
        network = mlp()
        optimiser = torch.optim.SGD(
            network.parameters(), 0.05, momentum=training.settings.momentum, weight_decay=decay
        )
        for step in range(training.settings.steps):
            optimiser.zero_grad()
            scores().loss(network, batches_of(training, index, step)).backward()
            optimiser.step()
        result += [value.detach() for value in network.state_dict().values()]
    return result


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("method", ["isolated", "l2reg", "joint"])
@pytest.mark.departure(number=5)
def test_without_coupling_every_network_is_trained_alone(method, momentum):
    settings = {"strength": {"half_life": "inf"}, "momentum": momentum, "weight_decay": 0.01}
    training = mlps(**settings)
    expected = trained_alone(mlps(**settings), 0.01)
    run(training, method)
    assert_close(parameters(training), expected, rtol=0, atol=1e-13)


def trained_as_one(training) -> list[torch.Tensor]:
    """One trunk on the mean of the losses; batch norm and head of each dataset on its own loss."""
    settings, networks = training.settings, [mlp() for _ in training.names]
    trunk = [networks[0].first.linear, networks[0].second, networks[0].third]
    shared = [p for layer in trunk for p in layer.parameters()]
    own = [p for n in networks for part in (n.first.norm, n.head) for p in part.parameters()]
    optimisers = [torch.optim.SGD(group, 0.05, momentum=settings.momentum) for group in (shared, own)]
    for step in range(settings.steps):
        losses = []
        for index, network in enumerate(networks):
            batch = batches_of(training, index, step)
            hidden = torch.relu(network.first.norm(trunk[0](batch.images)))
            output = network.head(trunk[2](trunk[1](hidden)))
            losses.append(torch.nn.functional.cross_entropy(output, batch.labels))
        for optimiser in optimisers:
            optimiser.zero_grad()
        sum(losses).backward()
        for parameter in shared:
            parameter.grad /= len(losses)
        for optimiser in optimisers:
            optimiser.step()
    for network in networks[1:]:
        network.first.linear, network.second, network.third = trunk
    return [value.detach() for network in networks for value in network.state_dict().values()]


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize(
    ("method", "strength"),
    [
        ("shareall", None),
        ("l2reg", {"half_life": 0}),
        ("joint", {"half_life": 0}),
        ("l2reg", {"lambda": 1e13}),
    ],
)
@pytest.mark.departure(number=5)
def test_with_weights_1_and_an_infinite_lambda_all_is_one_network(method, strength, momentum):
    settings = {"momentum": momentum} | ({"strength": strength} if strength else {})
    training = mlps(**settings)
    expected = trained_as_one(mlps(**settings))
    run(training, method)
    assert_close(parameters(training), expected, rtol=0, atol=1e-9)


@pytest.mark.departure(number=5)
def test_a_pull_by_gradient_that_would_diverge_is_refused():
    blank = Split(torch.zeros(4, 9).double(), torch.zeros(4).double())
    settings = {"solver": "block_coordinate", "pull": "gradient", "learning_rate": 0.1, "momentum": 0.5}
    # 2 lr sum(c) = 2 * 0.1 * (2 networks * 2 lambda) = 0.8 lambda, against 2 (1 + 0.5) = 3.
    run(additive([blank] * 3, strength={"lambda": 3.7}, steps=2, **settings), "l2reg")
    with pytest.raises(UserError, match="pull: gradient diverges here"):
        run(additive([blank] * 3, strength={"lambda": 3.8}, steps=2, **settings), "l2reg")


@pytest.mark.departure(number=5)
def test_with_adam_the_strength_must_be_a_half_life_and_no_objective_is_claimed():
    with pytest.raises(ValidationError, match="with adam, strength must be a half_life"):
        MethodSettings.model_validate({"optimiser": "adam", "strength": {"lambda": 1}})
    training = without_pull_of_data(
        steps=3, strength={"half_life": 3}, optimiser="adam", learning_rate=1e-3
    )
    assert shrinkage(training)[1] == pytest.approx(0.5, abs=1e-9)
    training = mlps(optimiser="adam", rounds=2)
    run(training, "joint")
    recorded = {row[3] for row in training.history}
    assert "consistency_loss" in recorded and not any(name.startswith("objective") for name in recorded)
