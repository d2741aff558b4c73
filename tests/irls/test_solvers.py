"""The coupling's part of a step: an exact solution, its limits, and where a gradient would diverge."""

import pytest
import torch
from helpers.tensor import random_layers, random_weights, real
from torch.testing import assert_close

from jointnn.irls import solvers
from jointnn.irls.consistency import over_pairs
from jointnn.irls.solvers import (
    Mixer,
    check_gradient_pull,
    coupling_gradient,
    laplacian,
    mix_,
    pulled_to_others,
)

STRENGTHS = [1e-9, 0.3, 10.0, 1e6, 1e15]


def couplings_of(seed: int, layers: int = 4) -> torch.Tensor:
    weights = random_weights(seed, layers)
    return weights * (1 - torch.eye(5, dtype=torch.float64))


def strength_of(value: float, layers: int = 4) -> torch.Tensor:
    return torch.full((layers,), value, dtype=torch.float64)


def test_the_laplacian_is_half_the_gradient_of_the_coupling_term():
    theta = random_layers(0)[2].requires_grad_()
    c = couplings_of(0)[0]
    term = over_pairs(c * (theta[:, None] - theta).square().sum(-1))
    (gradient,) = torch.autograd.grad(term, theta)
    assert_close(gradient, 2 * laplacian(c) @ theta.detach())


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("step_size", [0.02, 0.5])
def test_the_proximal_step_solves_its_linear_system(strength, step_size):
    weights, layers = couplings_of(1), random_layers(1)
    mixed = [layer.clone() for layer in layers]
    Mixer(weights, strength_of(strength)).mix_(mixed, step_size)
    for w, before, after in zip(weights, layers, mixed, strict=True):
        system = torch.eye(5, dtype=torch.float64) + 2 * step_size * strength * laplacian(w)
        # Scaled by the stiffness, since a stiff system magnifies the rounding of its solution.
        scale = 1 + 2 * step_size * strength
        assert_close(system @ after / scale, before / scale, rtol=0, atol=1e-13)


def test_the_proximal_step_minimises_its_objective():
    weights, before = couplings_of(2)[:1], random_layers(2)[2]
    after = before.clone()
    Mixer(weights, strength_of(0.7, 1)).mix_([after], step_size=0.3)
    after.requires_grad_()
    pulled = 0.7 * over_pairs(weights[0] * (after[:, None] - after).square().sum(-1))
    (gradient,) = torch.autograd.grad((after - before).square().sum() / (2 * 0.3) + pulled, after)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("strength", [*STRENGTHS, torch.inf])
def test_the_proximal_step_keeps_the_mean_and_is_stable_for_every_strength(strength):
    layers = random_layers(3)
    mixed = [layer.clone() for layer in layers]
    mixer = Mixer(couplings_of(3), strength_of(strength))
    for _ in range(200):
        mixer.mix_(mixed, 0.1)
    for before, after in zip(layers, mixed, strict=True):
        assert_close(after.mean(0), before.mean(0), rtol=0, atol=1e-11)
        spread_before, spread_after = (x - x.mean(0) for x in (before, after))
        assert spread_after.norm() <= spread_before.norm() * (1 + 1e-12)


def test_without_weights_nothing_is_touched():
    layers = random_layers(4)
    mixed = [layer.clone() for layer in layers]
    Mixer(torch.zeros(4, 5, 5), strength_of(torch.inf)).mix_(mixed, 0.1)
    Mixer(couplings_of(4), strength_of(0.0)).mix_(mixed, 0.1)
    assert all(map(torch.equal, mixed, layers))


def test_an_infinite_strength_makes_connected_networks_their_mean_and_no_others():
    weights = torch.zeros(1, 5, 5, dtype=torch.float64)
    for i, j in [(0, 2), (2, 4), (1, 3)]:
        weights[0, i, j] = weights[0, j, i] = 0.3
    layer = random_layers(5)[2]
    mixed = layer.clone()
    Mixer(weights, strength_of(torch.inf, 1)).mix_([mixed], 0.1)
    for group in ([0, 2, 4], [1, 3]):
        assert_close(mixed[group], layer[group].mean(0).expand(len(group), -1), rtol=0, atol=1e-14)


def test_a_mixer_follows_a_step_size_that_changes():
    layer, weights = random_layers(6)[2], couplings_of(6)[:1]
    mixer, mixed = Mixer(weights, strength_of(1.0, 1)), layer.clone()
    for step_size in (0.1, 0.1, 0.02):
        mixer.mix_([mixed], step_size)
    expected = layer
    for step_size in (0.1, 0.1, 0.02):
        system = torch.eye(5, dtype=torch.float64) + 2 * step_size * laplacian(weights[0])
        expected = torch.linalg.solve(system, expected)
    assert_close(mixed, expected)


def test_wide_layers_are_mixed_in_pieces_without_a_difference(monkeypatch):
    layer, matrix = random_layers(0, sizes=(11,))[0], torch.rand(5, 5, dtype=torch.float64)
    expected = matrix @ layer
    monkeypatch.setattr(solvers, "COLUMNS_AT_ONCE", 3)
    mix_(layer, matrix)
    assert_close(layer, expected)


@pytest.mark.parametrize("strength", [1e-3, 0.3, 10.0, 1e4])
def test_equation_9_is_the_minimiser_of_the_block_step(strength):
    layer, couplings = random_layers(7)[2], strength * couplings_of(7)[0, 1]
    own = layer[1] + 0.1
    found = pulled_to_others(own, layer, couplings, step_size=0.2).requires_grad_()
    term = (couplings[:, None] * (found - layer).square()).sum()
    (gradient,) = torch.autograd.grad((found - own).square().sum() / (2 * 0.2) + term, found)
    assert gradient.abs().max() < 1e-10 * (1 + strength)
    hessian = 1 / 0.2 + 2 * couplings.sum()
    closed = (own / 0.2 + 2 * (couplings[:, None] * layer).sum(0)) / hessian
    assert_close(found.detach(), closed)


def test_the_pull_by_gradient_is_the_gradient_of_equation_6():
    layer, couplings = random_layers(8)[2], couplings_of(8)[0, 1]
    own = layer[1].clone().requires_grad_()
    term = (couplings[:, None] * (own - layer).square()).sum()
    (gradient,) = torch.autograd.grad(term, own)
    assert_close(coupling_gradient(own.detach(), layer, couplings), gradient)


def stiffness(total: float, networks: int = 3) -> torch.Tensor:
    """Couplings of one layer whose largest sum over a network's pairs is `total`."""
    c = torch.full((1, networks, networks), total / (networks - 1), dtype=torch.float64)
    return c * (1 - torch.eye(networks, dtype=torch.float64))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("factor", "diverges"), [(0.99, False), (1.01, True)])
def test_a_pull_by_gradient_is_refused_exactly_where_it_diverges(momentum, factor, diverges):
    rate = 0.1
    total = factor * (1 + momentum) / rate  # 2 lr sum(c) = factor * 2 (1 + momentum)
    if diverges:
        with pytest.raises(ValueError, match=r"pull: gradient diverges here.*Set pull: exact"):
            check_gradient_pull(stiffness(total), rate, momentum)
    else:
        check_gradient_pull(stiffness(total), rate, momentum)
    # One network against the others, fixed at 0, by torch's own optimiser.
    own = torch.nn.Parameter(real(1.0))
    optimiser = torch.optim.SGD([own], lr=rate, momentum=momentum)
    others, couplings = torch.zeros(3, 1, dtype=torch.float64), stiffness(total)[0, 0]
    for _ in range(2000):
        own.grad = coupling_gradient(own.detach(), others, couplings)
        optimiser.step()
    assert (own.abs().item() > 0.9) == diverges


def test_the_refusal_looks_at_the_stiffest_layer_and_network():
    couplings = torch.zeros(2, 3, 3, dtype=torch.float64)
    couplings[1, 2, 0] = couplings[1, 0, 2] = 6.0
    couplings[1, 1, 2] = couplings[1, 2, 1] = 5.0  # network 2 of layer 1: 11 in all
    with pytest.raises(ValueError, match=r"is 2\.2, and must stay below 2 \(1 \+ momentum\) = 2\."):
        check_gradient_pull(couplings, 0.1, 0.0)
