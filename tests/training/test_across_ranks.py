"""A run whose networks are shared by several processes has the numbers of one process, to the bit."""

from functools import partial

import numpy as np
import pytest
from helpers.ranks import in_group, trained

from jointnn.errors import DivergedError

pytestmark = pytest.mark.slow
VARIANTS = {
    "joint": ("joint", {"couple_batch_norm": True}),
    "adam, cosine and mix_every": (
        "joint",
        {"optimiser": "adam", "learning_rate": 0.01, "schedule": "cosine", "mix_every": 3},
    ),
    "block coordinate": ("joint", {"solver": "block_coordinate", "turn": "step", "momentum": 0.0}),
    "block coordinate, by gradient": (
        "fedamp",
        {"solver": "block_coordinate", "pull": "gradient", "strength": {"lambda": 0.1}},
    ),
    "one network, then each alone": ("finetune", {"couple_head": True}),
    "alone, a rate that stalls": ("isolated", {"schedule": "stalled", "patience": 1}),
    "mean squares, single blocks": ("joint", {"metric": "mean_square", "blocks": "single"}),
}


def all_variants() -> dict:
    """Return the results of every variant on a rank, in pieces of few bytes."""
    return {
        variant: trained(5, method, settings, bytes_at_once=1000)
        for variant, (method, settings) in VARIANTS.items()
    }


@pytest.fixture(scope="module")
def found() -> dict[int, list[dict]]:
    """Return the results of each rank, for groups of two and three."""
    return {size: in_group(size, all_variants) for size in (2, 3)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_and_three_ranks_train_the_networks_of_one_process(variant, found):
    method, settings = VARIANTS[variant]
    alone = trained(5, method, settings)
    for of_ranks in found.values():
        ranks = [of_rank[variant] for of_rank in of_ranks]
        networks = {name: arrays for rank in ranks for name, arrays in rank["networks"].items()}
        assert list(networks) == list(alone["networks"])
        for name, arrays in alone["networks"].items():
            for key, value in arrays.items():
                np.testing.assert_array_equal(networks[name][key], value, strict=True)
        for rank in ranks:
            assert rank["history"] == alone["history"]
            np.testing.assert_array_equal(rank["weights"], alone["weights"])
            assert rank["bytes"] < alone["bytes"], "a rank holds its own networks alone"


def test_every_rank_says_the_same_of_a_run_that_diverges():
    settings = {"learning_rate": 1e4}
    with pytest.raises(DivergedError) as alone:
        trained(3, "l2reg", settings)
    with pytest.raises(DivergedError) as ranks:
        in_group(2, partial(trained, 3, "l2reg", settings))
    assert str(ranks.value) == str(alone.value)
