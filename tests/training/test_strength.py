"""Departures 1 and 2: what is counted once, and how strong a coupling is."""

import math

import pytest
import torch
from helpers.departures import MOMENTA, shrinkage, without_pull_of_data
from helpers.tensor import real
from helpers.training import additive, plan_of

from jointnn.data.splits import Split
from jointnn.irls.consistency import block_membership, layer_distances_squared, over_pairs
from jointnn.training.couplings import base_strength, couplings_of


@pytest.mark.departure(number=1)
def test_blocks_are_the_pairs_of_adjacent_layers_and_an_end_layer_stands_in_one():
    membership = block_membership(4, "adjacent")
    assert membership.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert membership.sum(0).tolist() == [1, 2, 2, 1]


@pytest.mark.departure(number=1)
def test_the_l2_start_counts_each_pair_and_lambda_once():
    training = additive(
        [Split(torch.zeros(4, 9).double(), torch.zeros(4).double())] * 3, strength={"lambda": 5}
    )
    phase = plan_of(training, "l2reg").phases[0]
    couplings = couplings_of(
        phase,
        plan_of(training, "l2reg"),
        [],
        training.networks.coupled,
        training.setup.strength,
        training.settings,
    )
    values = couplings.strength[:, None, None] * couplings.weights
    # c of (6): 5 for an end layer, 10 for an inner one, once for each pair i < j.
    assert [layer.unique().tolist() for layer in values] == [[0, 5], [0, 10], [0, 5]]
    layers = [real([0.0], [1.0], [2.0])] * 3
    penalty = over_pairs(values * layer_distances_squared(layers))
    assert penalty.item() == (5 + 10 + 5) * (1 + 1 + 4)


@pytest.mark.parametrize("half_life", [1, 3, 7])
@pytest.mark.parametrize("networks", [2, 5])
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("metric", ["sum_square", "mean_square"])
@pytest.mark.departure(number=2)
def test_the_difference_of_two_coupled_networks_halves_in_a_half_life(
    half_life, networks, momentum, metric
):
    training = without_pull_of_data(
        networks,
        sizes=(2, 3, 4),  # the inner layer has the median size
        steps=half_life,
        strength={"half_life": half_life},
        momentum=momentum,
        metric=metric,
    )
    factors = shrinkage(training)
    assert factors[1] == pytest.approx(0.5, abs=1e-12)
    per_step = 2 ** (1 / half_life) - 1  # 2 tau n c of the inner layer; c of an end layer is half of it
    sizes = {"sum_square": (1, 1, 1), "mean_square": (2, 3, 4)}[metric]
    ends = [(1 + per_step / 2 * sizes[1] / size) ** -half_life for size in sizes]
    assert (factors[0], factors[2]) == (pytest.approx(ends[0]), pytest.approx(ends[2]))


@pytest.mark.departure(number=2)
def test_with_mean_square_small_layers_are_coupled_more():
    equal = shrinkage(without_pull_of_data(sizes=(5, 5, 5), steps=3, metric="mean_square"))
    unequal = shrinkage(without_pull_of_data(sizes=(2, 5, 8), steps=3, metric="mean_square"))
    assert unequal[0] < equal[0] and unequal[1] == pytest.approx(equal[1]) and unequal[2] > equal[2]


@pytest.mark.departure(number=2)
def test_lambda_can_be_given_as_in_the_paper():
    training = without_pull_of_data(steps=1, strength={"lambda": 10}, learning_rate=0.01, momentum=0.0)
    assert base_strength(training.networks.coupled, training.settings) == 10
    assert shrinkage(training)[1] == pytest.approx(1 / (1 + 2 * 0.01 * 3 * 2 * 10))


@pytest.mark.departure(number=2)
def test_when_the_learning_rate_decays_the_step_follows_it_and_lambda_stays():
    steps, rate, given = 10, 0.05, 2.0
    training = without_pull_of_data(
        steps=steps, strength={"lambda": given}, learning_rate=rate, schedule="cosine", momentum=0.5
    )
    rates = [rate * (1 + math.cos(math.pi * t / steps)) / 2 for t in range(steps)]
    expected = math.prod(1 / (1 + 2 * (r / (1 - 0.5)) * 3 * 2 * given) for r in rates)
    assert shrinkage(training)[1] == pytest.approx(expected, rel=1e-10)
    constant = without_pull_of_data(strength={"half_life": 3}, schedule="constant")
    decaying = without_pull_of_data(strength={"half_life": 3}, schedule="cosine")
    strengths = [base_strength(t.networks.coupled, t.settings) for t in (constant, decaying)]
    assert strengths[0] == strengths[1]
