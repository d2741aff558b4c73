"""Exchanges between the ranks of a group: pieces of layers, whole and back, and small values."""

from functools import partial

import pytest
import torch
from helpers.ranks import in_group
from torch import Tensor

from jointnn.irls import consistency, solvers
from jointnn.ranks import group as groups
from jointnn.ranks.group import Group
from jointnn.training.across_ranks import distances_squared, mix_

NAMES = ("one", "two", "three", "four", "five")
SIZES = (3, 2 * solvers.COLUMNS_AT_ONCE + 5, 1, 40)
WEIGHTS = torch.rand(len(SIZES), 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
STRENGTH = torch.tensor([1.0, 0.3, 0.0, torch.inf], dtype=torch.float64)


def layers(sizes=SIZES, dtype=torch.float32) -> list[Tensor]:
    """Layers of five networks, (5, D) each."""
    random = torch.Generator().manual_seed(1)
    return [torch.randn(len(NAMES), size, generator=random).to(dtype) for size in sizes]


def mixer() -> solvers.Mixer:
    """The third layer is not coupled, the last one is one for all."""
    weights = WEIGHTS + WEIGHTS.mT
    return solvers.Mixer(weights - torch.diag_embed(weights.diagonal(dim1=1, dim2=2)), STRENGTH)


def of_share(whole: list[Tensor]) -> tuple[Group, list[Tensor]]:
    group = Group.of(NAMES)
    return group, [layer[group.share.start : group.share.stop].clone() for layer in whole]


CASES = [(dtype, most) for dtype in (torch.float32, torch.float64) for most in (1, groups.BYTES_AT_ONCE)]


def mixed_by_a_rank() -> list[list[Tensor]]:
    """Return the mixed layers of a rank in each case: pieces one by one, and many at once."""
    made = []
    for dtype, groups.BYTES_AT_ONCE in CASES:
        group, own = of_share(layers(dtype=dtype))
        mix_(own, mixer(), 0.1, group)
        made.append([layer.numpy() for layer in own])
    return made


def squared_by_a_rank(sizes: tuple[int, ...]) -> dict[str, Tensor]:
    group, own = of_share(layers(sizes))
    metrics = ("sum_square", "mean_square")
    return {metric: distances_squared(own, metric, group).numpy() for metric in metrics}


def told_by_a_rank() -> dict:
    group, own = of_share(layers((3,)))
    at_first = group.at_first({f"{name}/x": own[0][k] for k, name in enumerate(group.own)})
    return {
        "own": group.own,
        "joined": group.joined([name.upper() for name in group.own]),
        "at first": [{key: value.tolist() for key, value in of.items()} for of in at_first],
        "rows": [None if (found := group.rows_at(k, own[0])) is None else found.tolist() for k in range(5)],
    }


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_the_networks_in_order_and_differ_by_one_at_most(size):
    shares = Group(NAMES, 0, size).shares
    assert [place for share in shares for place in share] == list(range(5))
    assert {len(share) for share in shares} <= {5 // size, 5 // size + 1}


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_networks_on_several_ranks_are_mixed_to_the_same_bits(size):
    of_ranks = in_group(size, mixed_by_a_rank)
    for case, (dtype, _) in enumerate(CASES):
        expected = layers(dtype=dtype)
        mixer().mix_(expected, 0.1)
        assert not torch.equal(expected[0], layers(dtype=dtype)[0])
        for place, layer in enumerate(expected):
            found = torch.cat([torch.from_numpy(made[case][place]) for made in of_ranks])
            assert torch.equal(found, layer)


@pytest.mark.slow
def test_distances_between_networks_on_several_ranks_have_the_same_bits_on_each():
    sizes = (7, consistency.COLUMNS_AT_ONCE + 11, 40)
    for of_rank in in_group(2, partial(squared_by_a_rank, sizes)):
        for metric, found in of_rank.items():
            expected = consistency.layer_distances_squared(layers(sizes), metric)
            assert torch.equal(torch.from_numpy(found), expected)


@pytest.mark.slow
def test_values_of_all_networks_are_in_their_order_and_tensors_come_to_the_first_rank():
    first, second, third = in_group(3, told_by_a_rank)
    assert [of["own"] for of in (first, second, third)] == [["one", "two"], ["three", "four"], ["five"]]
    rows = layers((3,))[0].tolist()
    for place, told in enumerate((first, second, third)):
        assert told["joined"] == [name.upper() for name in NAMES]
        assert [found is not None for found in told["rows"]] == [name in told["own"] for name in NAMES]
        assert all(found in (None, rows) for found in told["rows"])
        assert bool(told["at first"]) == (place == 0)
    assert {key: value for of in first["at first"] for key, value in of.items()} == {
        f"{name}/x": row for name, row in zip(NAMES, rows, strict=True)
    }
