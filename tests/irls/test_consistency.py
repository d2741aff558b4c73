"""The formulas of consistency.py on hand-computed tensors, and how they follow scale and order."""

import math

import pytest
import torch
from helpers.tensor import random_layers, random_weights, real
from torch.testing import assert_close

from jointnn.irls import consistency
from jointnn.irls.consistency import (
    block_distances_squared,
    block_membership,
    geman_mcclure,
    irls_weights,
    largest_change,
    layer_distances_squared,
    layer_weights,
    lorentzian,
    metric_sizes,
    over_pairs,
    scales,
)

WEIGHTINGS = ["paper", "geman_mcclure", "welsch", "median"]
METRICS = ["sum_square", "mean_square"]
BLOCKS = ["adjacent", "single", "whole"]


def block_distances(layers, metric="sum_square", blocks="adjacent") -> torch.Tensor:
    membership = block_membership(len(layers), blocks)
    return block_distances_squared(layer_distances_squared(layers, metric), membership)


def test_block_distances_of_three_networks_are_those_computed_by_hand():
    layers = [
        real([0.0], [1.0], [3.0]),
        real([0.0, 0.0], [3.0, 4.0], [0.0, 1.0]),
        real([1.0], [1.0], [0.0]),
    ]
    by_layer = real(
        [[0, 1, 9], [1, 0, 4], [9, 4, 0]],
        [[0, 25, 1], [25, 0, 18], [1, 18, 0]],
        [[0, 0, 1], [0, 0, 1], [1, 1, 0]],
    )
    assert_close(layer_distances_squared(layers), by_layer)
    by_block = real([[0, 26, 10], [26, 0, 22], [10, 22, 0]], [[0, 25, 2], [25, 0, 19], [2, 19, 0]])
    assert_close(block_distances(layers), by_block)
    halved = by_layer / real(1, 2, 1)[:, None, None]
    assert_close(layer_distances_squared(layers, "mean_square"), halved)


def test_equation_6_equals_equation_8_with_couplings_computed_by_hand():
    # Two blocks of three one-parameter layers; lambda 10, weights 0.5 and 0.25.
    layers = [real([0.0], [1.0]), real([0.0], [2.0]), real([0.0], [3.0])]
    weights = real([[1, 0.5], [0.5, 1]], [[1, 0.25], [0.25, 1]])
    by_block = 10 * over_pairs(weights * block_distances(layers))
    assert by_block.item() == 10 * (0.5 * (1 + 4) + 0.25 * (4 + 9))
    couplings = 10 * layer_weights(weights, block_membership(3, "adjacent"))
    assert couplings[:, 0, 1].tolist() == [5, 7.5, 2.5]
    by_layer = over_pairs(couplings * layer_distances_squared(layers))
    assert by_layer == by_block


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_equation_6_equals_equation_8_with_couplings_from_7(blocks, metric, seed):
    layers = random_layers(seed)
    membership = block_membership(len(layers), blocks)
    weights = random_weights(seed, len(membership))
    by_block = over_pairs(weights * block_distances(layers, metric, blocks))
    couplings = layer_weights(weights, membership) / metric_sizes(layers, metric)[:, None, None]
    explicit = sum(
        couplings[layer, i, j] * (x[i] - x[j]).square().sum()
        for layer, x in enumerate(layers)
        for j in range(len(x))
        for i in range(j)
    )
    assert_close(explicit, by_block)
    assert couplings.diagonal(dim1=1, dim2=2).abs().max() == 0


def test_the_penalty_sums_over_pairs_i_less_than_j_once():
    assert over_pairs(real([[7, 1, 2], [1, 7, 3], [2, 3, 7]])).item() == 6


def test_distances_of_wide_layers_are_taken_in_pieces_without_a_difference(monkeypatch):
    layers = random_layers(0, sizes=(11,))
    whole = layer_distances_squared(layers)
    monkeypatch.setattr(consistency, "COLUMNS_AT_ONCE", 3)
    assert_close(layer_distances_squared(layers), whole)


def test_distances_of_near_networks_do_not_cancel():
    near = torch.tensor([[1e4, 1e4], [1e4 + 1e-2, 1e4]], dtype=torch.float32)
    expected = (near[1].double() - near[0].double()).square().sum()
    assert_close(layer_distances_squared([near])[0, 0, 1], expected)


def test_sigma_is_the_mean_distance_to_the_nearest_other_network():
    squared = real([[0, 4, 9], [4, 0, 1], [9, 1, 0]])
    assert_close(scales(squared), real((2 + 1 + 1) / 3))
    assert_close(scales(squared, scale_factor=1.5), real(2.0))


@pytest.mark.parametrize("broken", [0.0, math.nan])
def test_a_sigma_of_zero_is_refused_with_the_block_and_a_remedy(broken):
    squared = torch.ones(2, 3, 3, dtype=torch.float64)
    squared[1] = broken
    with pytest.raises(ValueError, match=r"zero for blocks \[1\].*smaller lambda or a longer L2 start"):
        scales(squared)


def test_one_coupled_layer_forms_no_adjacent_block():
    with pytest.raises(ValueError, match="need two coupled layers, but there is 1"):
        block_membership(1, "adjacent")
    assert block_membership(1, "single").tolist() == [[1]]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_sigma_and_weights_follow_a_permutation_of_the_datasets(weighting, seed):
    layers, order = random_layers(seed), torch.tensor([3, 0, 4, 1, 2])
    squared, permuted = block_distances(layers), block_distances([x[order] for x in layers])
    assert_close(scales(permuted), scales(squared))
    weights = irls_weights(squared, scales(squared), weighting)
    assert_close(irls_weights(permuted, scales(permuted), weighting), weights[:, order][:, :, order])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("factor", [1e-6, 0.3, 1e5])
def test_sigma_scales_with_the_parameters_and_weights_do_not(weighting, factor):
    layers = random_layers(0)
    squared, scaled = block_distances(layers), block_distances([factor * x for x in layers])
    assert_close(scales(scaled), factor * scales(squared))
    weights = irls_weights(squared, scales(squared), weighting)
    assert_close(irls_weights(scaled, scales(scaled), weighting), weights)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_weights_are_symmetric_between_0_and_1_with_a_diagonal_of_1(weighting, seed):
    squared = block_distances(random_layers(seed))
    weights = irls_weights(squared, scales(squared), weighting)
    assert torch.equal(weights, weights.mT)
    assert weights.min() >= 0 and weights.max() <= 1
    assert (weights.diagonal(dim1=1, dim2=2) == 1).all()
    if weighting != "median":
        assert weights.min() > 0
        i, j = torch.triu_indices(5, 5, offset=1)
        for w, d in zip(weights[:, i, j], squared[:, i, j], strict=True):
            assert (w[d.argsort()].diff() < 0).all(), "a larger distance has a smaller weight"


def test_weights_of_equation_7_are_those_computed_by_hand():
    squared, sigma = real([[0, 4], [4, 0]]), real(1.0)
    for weighting, expected in {
        "paper": 1 / 5,
        "geman_mcclure": 1 / 25,
        "welsch": math.exp(-4),
    }.items():
        assert irls_weights(squared, sigma, weighting)[0, 0, 1].item() == pytest.approx(expected)


def test_an_infinite_sigma_gives_l2():
    squared, sigma = block_distances(random_layers(0)), torch.full((3,), torch.inf, dtype=torch.float64)
    for weighting in ("paper", "geman_mcclure", "welsch"):
        assert (irls_weights(squared, sigma, weighting) == 1).all()
    assert_close(geman_mcclure(squared, sigma), squared)
    assert_close(lorentzian(squared, sigma), squared)


def test_fedamps_weight_is_the_derivative_of_its_attention():
    squared, sigma = real([[[2.5]]]).requires_grad_(), real(1.3)
    # Per unit of squared distance, times sigma2: A' of A(x) = 1 - exp(-x / sigma2).
    attention = 1 - torch.exp(-squared / sigma.square())
    (slope,) = torch.autograd.grad(attention.sum(), squared)
    assert_close(sigma.square() * slope, irls_weights(squared.detach(), sigma, "welsch"))


def test_delta_is_the_largest_change_of_a_weight():
    before = torch.ones(2, 3, 3, dtype=torch.float64)
    after = before.clone()
    after[1, 0, 2], after[0, 1, 2] = 0.6, 0.9
    assert largest_change(after, before) == pytest.approx(0.4)
    assert largest_change(before, after) == pytest.approx(0.4)
