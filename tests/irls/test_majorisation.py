"""Departures 3 and 4: which objective a weighting descends, and when a pair stays coupled."""

import math
from itertools import pairwise

import pytest
import torch
from helpers.departures import toy
from helpers.tensor import real
from helpers.training import additive, run

from jointnn.irls.consistency import (
    block_distances_squared,
    block_membership,
    geman_mcclure,
    irls_weights,
    layer_distances_squared,
    layer_weights,
    lorentzian,
    over_pairs,
    scales,
    welsch,
)
from jointnn.irls.groups import diagnosis


@pytest.mark.departure(number=3)
def test_each_weighting_touches_and_majorises_its_own_penalty():
    sigma, distances = real(0.7), torch.linspace(0, 6, 301, dtype=torch.float64)
    for weighting, penalty in {
        "paper": lorentzian,
        "geman_mcclure": geman_mcclure,
        "welsch": welsch,
    }.items():
        at = penalty(distances.square()[:, None, None], sigma).flatten()
        for k in range(1, len(distances), 7):
            touching = distances[k]
            weight = irls_weights(touching.square().view(1, 1, 1), sigma, weighting).item()
            quadratic = at[k] + weight * (distances.square() - touching.square())
            assert (quadratic >= at - 1e-12).all()
            assert quadratic[k] == at[k]
            # Tangent there: half the slope of the penalty over the distance is the weight.
            x = touching.clone().requires_grad_()
            (slope,) = torch.autograd.grad(penalty(x.square().view(1, 1, 1), sigma).sum(), x)
            assert (slope / (2 * touching)).item() == pytest.approx(weight)


@pytest.mark.departure(number=3)
def test_the_weight_as_printed_does_not_majorise_the_penalty_of_equation_3():
    sigma, touching = real(1.0), 2.0
    weight = irls_weights(real([[touching**2]]), sigma, "paper").item()
    below = [
        geman_mcclure(real([[touching**2]]), sigma).item() + weight * (x * x - touching**2)
        < geman_mcclure(real([[x * x]]), sigma).item() - 1e-3
        for x in (0.5, 1.0, 1.5)
    ]
    assert any(below)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weighting", "penalty"), [("paper", lorentzian), ("geman_mcclure", geman_mcclure), ("welsch", welsch)]
)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.departure(number=3)
def test_each_irls_round_descends_its_objective(weighting, penalty, seed):
    problem, membership, given = toy(seed), block_membership(3, "adjacent"), 0.02

    def distances(theta):
        return block_distances_squared(layer_distances_squared(problem.layers(theta)), membership)

    def objective(theta):
        return (problem.loss(theta) + given * over_pairs(penalty(distances(theta), sigma))).item()

    ones = torch.ones(2, 4, 4, dtype=torch.float64)
    theta = problem.minimiser(given * layer_weights(ones, membership))
    sigma = scales(distances(theta), 1.5)
    values = [objective(theta)]
    for _ in range(12):
        weights = irls_weights(distances(theta), sigma, weighting)
        theta = problem.minimiser(given * layer_weights(weights, membership))
        values.append(objective(theta))
    assert all(after <= before + 1e-12 for before, after in pairwise(values))
    assert values[-1] < values[0] - 1e-4


@pytest.mark.departure(number=3)
def test_both_objectives_are_recorded_and_are_loss_plus_lambda_times_penalty():
    problem = toy(0)
    training = additive(problem.splits, steps=20, record_every=1, strength={"lambda": 0.1}, rounds=2)
    sigma_of = {}

    def look():
        layers = [layer.detach() for layer in training.networks.coupled]
        sigma_of[training.step] = block_distances_squared(
            layer_distances_squared(layers), block_membership(3, "adjacent")
        )

    progress = run(training, "joint", look)
    rows = {(row[0], row[3]): row[4] for row in training.history if row[1:3] == ("train", "all")}
    loss = sum(row[4] for row in training.history if row[:2] == (20, "train") and row[3] == "loss")
    rho = over_pairs(geman_mcclure(sigma_of[20], progress.sigma)).item()
    log = over_pairs(lorentzian(sigma_of[20], progress.sigma)).item()
    assert rows[20, "consistency_loss"] == pytest.approx(rho)
    assert rows[20, "objective_geman_mcclure"] == pytest.approx(loss + 0.1 * rho)
    assert rows[20, "objective_lorentzian"] == pytest.approx(loss + 0.1 * log)
    assert (6, "objective_lorentzian") not in rows, "there is no sigma during the L2 start"


def coupled_pair(kappa: float, weighting: str, rounds: int = 3000, stiffness: float = 1e9) -> float:
    """The weight at which two stiffly coupled networks end, with data terms (theta - t)^2 / 2 apart by 1.

    At equilibrium under coupling c = w * stiffness they are 1 / (1 + 4 c) apart.
    """
    start = real([[0.0, (1 / (1 + 4 * stiffness)) ** 2], [(1 / (1 + 4 * stiffness)) ** 2, 0.0]])
    sigma = scales(start, scale_factor=1 / kappa)  # for two networks d0 / (s d0)
    weight = 1.0
    for _ in range(rounds):
        distance = 1 / (1 + 4 * stiffness * weight)
        weight = irls_weights(real([[distance**2]]), sigma, weighting).item()
    return weight


@pytest.mark.parametrize("kappa", [0.05, 0.3, 0.45, 0.499])
@pytest.mark.departure(number=4)
def test_a_pair_with_kappa_below_one_half_ends_at_the_root_of_its_equation(kappa):
    weight = coupled_pair(kappa, "paper")
    assert weight**2 - weight + kappa**2 == pytest.approx(0, abs=1e-6)
    assert weight == pytest.approx((1 + math.sqrt(1 - 4 * kappa**2)) / 2, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weighting", "limit"),
    [("paper", 0.5), ("geman_mcclure", math.sqrt(27 / 256)), ("welsch", math.exp(-0.5) * math.sqrt(0.5))],
)
@pytest.mark.departure(number=4)
def test_a_pair_stays_coupled_only_below_the_critical_kappa(weighting, limit):
    assert coupled_pair(0.99 * limit, weighting) > 0.5
    assert coupled_pair(1.01 * limit, weighting) < 1e-6
    assert coupled_pair(1.0, weighting) < 1e-6, "with the paper's sigma, s = 1, a pair lets go"
    assert limit == pytest.approx(
        {"paper": 0.5, "geman_mcclure": 0.325, "welsch": 0.429}[weighting], abs=5e-4
    )


@pytest.mark.departure(number=4)
def test_after_the_collapse_the_weight_is_that_of_networks_trained_apart():
    kappa, stiffness = 1.0, 50.0
    sigma_squared = (1 / (1 + 4 * stiffness)) ** 2
    weight = coupled_pair(kappa, "paper", stiffness=stiffness)
    assert weight == pytest.approx(sigma_squared / (sigma_squared + 1), rel=0.02)


@pytest.mark.parametrize(
    ("scale_factor", "said"), [(1e-3, "degenerated to isolated training"), (1e3, "degenerated to L2")]
)
@pytest.mark.departure(number=4)
def test_a_run_that_degenerates_says_so(scale_factor, said):
    training = additive(toy(0).splits, steps=60, scale_factor=scale_factor, rounds=2)
    progress = run(training, "joint")
    assert said in diagnosis([progress.rounds[-1].weights.numpy()], "joint")
