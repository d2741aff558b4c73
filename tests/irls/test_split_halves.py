"""The null of split halves: theorems on a convex toy, in float64."""

import pytest
import torch

from jointnn.irls.consistency import irls_weights, layer_distances_squared
from jointnn.irls.split_halves import (
    between_datasets,
    split_half_ratios,
    split_half_scales,
    within_datasets,
)

SIZE, IMAGES, RUNS = 50, 40, 400
"""Parameters of a network, images of a dataset, datasets that are drawn anew."""


def means_of_halves(centres: torch.Tensor, spread: torch.Tensor, pull: float, seed: int) -> torch.Tensor:
    """Networks (2N, D) that minimise the sum of f_k(θ) = ½ mean ‖θ − x‖² over the halves of N datasets and
    an L2 penalty (5) on all pairs: means of the images of a half, drawn to their common mean."""
    generator = torch.Generator().manual_seed(seed)
    n, size = centres.shape
    noise = torch.randn(n, 2, IMAGES // 2, size, generator=generator, dtype=torch.float64)
    images = centres[:, None, None] + spread[:, None, None, None] * noise
    means = images.mean(dim=2).reshape(2 * n, size)
    return means.mean(dim=0) + (means - means.mean(dim=0)) / (1 + pull)


def ratios_of(centres: torch.Tensor, spread: list[float], pull: float = 0.0) -> torch.Tensor:
    """The ratios (N, N) on each of many draws of the same datasets, shape (RUNS, N, N)."""
    spreads = torch.tensor(spread, dtype=torch.float64)
    networks = [means_of_halves(centres, spreads, pull, seed) for seed in range(RUNS)]
    return split_half_ratios(layer_distances_squared(networks))


def centres_at(distance: float, n: int = 3) -> torch.Tensor:
    """Datasets whose first two are equal, the others apart by `distance`, in units of a half's chance."""
    centres = torch.zeros(n, SIZE, dtype=torch.float64)
    centres[2:, 0] = distance * (2 * SIZE / (IMAGES / 2)) ** 0.5
    return centres


@pytest.mark.parametrize("pull", [0.0, 3.0])
def test_the_expectation_is_one_where_problems_are_equal_however_hard_networks_are_pulled(pull):
    found = ratios_of(centres_at(0.0), [1.0, 1.0, 1.0], pull)
    pairs = found[:, [0, 0, 1], [1, 2, 2]]
    expected, error = 1 + 1 / (2 * SIZE - 2), pairs.std(dim=0) / RUNS**0.5
    assert ((pairs.mean(dim=0) - expected).abs() < 3.5 * error).all()
    assert (error < 0.01).all()


def test_datasets_of_unequal_noise_have_nulls_of_their_own():
    found = ratios_of(centres_at(0.0), [0.2, 1.0, 3.0])
    assert (found.mean(dim=0) - 1).abs().max() < 0.03


@pytest.mark.slow
def test_it_grows_with_the_difference_of_the_problems_by_its_square_in_units_of_chance():
    means = [ratios_of(centres_at(distance), [1.0] * 3).mean(dim=0) for distance in (0, 1, 2, 4)]
    for mean, distance in zip(means, (0, 1, 2, 4), strict=True):
        assert mean[0, 1] == pytest.approx(1, abs=0.03)
        assert mean[0, 2] == pytest.approx(1 + distance**2, rel=0.05)


def test_the_ratio_is_never_below_one_half_and_does_not_depend_on_units_or_on_the_order_of_halves():
    generator = torch.Generator().manual_seed(0)
    for size in (1, 2, 7):
        networks = torch.randn(8, size, generator=generator, dtype=torch.float64)
        ratios, scaled, swapped = split_half_ratios(
            layer_distances_squared([networks, 3 * networks, networks[[1, 0, 2, 3, 5, 4, 7, 6]]])
        )
        assert (ratios >= 0.5 - 1e-12).all()
        torch.testing.assert_close(scaled, ratios)
        torch.testing.assert_close(swapped, ratios)
        assert torch.equal(ratios.diagonal(), torch.ones(4, dtype=torch.float64))
        torch.testing.assert_close(ratios, ratios.T)


def test_distances_within_and_between_datasets_are_those_of_their_definition():
    networks = torch.arange(8.0, dtype=torch.float64).reshape(4, 2) ** 2
    (squared,) = layer_distances_squared([networks])
    assert within_datasets(squared).tolist() == [squared[0, 1], squared[2, 3]]
    assert (
        between_datasets(squared)[0, 1]
        == (squared[0, 2] + squared[0, 3] + squared[1, 2] + squared[1, 3]) / 4
    )


def test_equal_halves_have_no_ratio_and_no_scale():
    (squared,) = layer_distances_squared([torch.ones(6, 3)])
    off = ~torch.eye(3, dtype=torch.bool)
    assert split_half_ratios(squared)[off].isnan().all()
    with pytest.raises(ValueError, match=r"zero for blocks \[0\]: there the halves of every dataset are"):
        split_half_scales(squared[None])
    with pytest.raises(ValueError, match="two halves of each dataset, but there are 3 networks"):
        split_half_ratios(squared[:3, :3])


@pytest.mark.slow
def test_under_their_scale_networks_of_all_images_that_should_be_shared_have_a_weight_of_one_half():
    generator = torch.Generator().manual_seed(1)
    halves = torch.randn(30, 2, 4000, generator=generator, dtype=torch.float64)
    squared = layer_distances_squared([halves.flatten(0, 1)])
    whole = layer_distances_squared([halves.mean(dim=1)])
    weights = irls_weights(whole, split_half_scales(squared))
    pairs = weights[0][~torch.eye(30, dtype=torch.bool)]
    assert pairs.mean() == pytest.approx(0.5, abs=0.01)
    assert split_half_scales(squared, 3.0).item() == pytest.approx(3 * split_half_scales(squared).item())
