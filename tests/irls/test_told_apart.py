"""Whether found groups are more than chance: planted ones are, exchangeable weights are not."""

import numpy as np
import pytest

from jointnn.irls.groups import numbered
from jointnn.irls.told_apart import MOST_CHANCE, Groups

PLANTED = {4: [0, 0, 1, 1], 5: [0, 1, 0, 1, 1], 6: [0, 1, 0, 1, 1, 0]}


def drawn(seed: int, labels, inside: float, across: float, runs: int, noise=0.05, wander=0.0) -> Groups:
    """The groups of `runs` of three blocks, with noise of each pair and of networks that wander off."""
    generator = np.random.default_rng(seed)
    count = len(labels)
    found = []
    for _ in range(runs):
        weights = np.where(np.equal.outer(labels, labels), inside, across)
        pairs = np.triu(generator.normal(0, noise, (count, count)), 1)
        alone = generator.normal(0, wander, count)
        weights = np.clip(weights + pairs + pairs.T + alone[:, None] + alone, 0.01, 0.99)
        np.fill_diagonal(weights, 1)
        found.append(np.stack([weights] * 3))
    return Groups.of(found, None)


@pytest.mark.slow
@pytest.mark.parametrize(("networks", "runs"), [(4, 4), (5, 3), (6, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_planted_groups_are_told_apart_and_right(networks, runs, seed):
    groups = drawn(seed, PLANTED[networks], 0.7, 0.3, runs)
    assert groups.doubt == ""
    assert groups.told_apart
    assert groups.labels == numbered(PLANTED[networks])


@pytest.mark.slow
@pytest.mark.parametrize("wander", [0.0, 0.1], ids=["pairs", "networks"])
@pytest.mark.parametrize("networks", [4, 6])
def test_where_datasets_are_exchangeable_chance_is_exceeded_no_more_often_than_it_says(networks, wander):
    chances = [drawn(seed, [0] * networks, 0.5, 0.5, 4, 0.15, wander).chance for seed in range(100, 140)]
    # Of 40 at 5 per cent more than 6 come about once in 300 times; seeds are fixed, so it is once for all.
    assert sum(chance <= MOST_CHANCE for chance in chances) <= 6
    assert np.mean(chances) > 0.3


@pytest.mark.parametrize(
    ("inside", "across", "runs", "doubt"),
    [
        (0.52, 0.48, 3, "the mean weight inside groups, 0.52, is too near that across, 0.48"),
        (0.04, 0.011, 3, "even inside groups the mean weight is below 0.05: nothing is shared"),
        (0.99, 0.97, 3, "even across groups the mean weight is above 0.95: all share"),
        (0.8, 0.2, 1, "one seed cannot tell groups from chance"),
        (0.5, 0.5, 3, "no gap divides the weights (0.50 to 0.50)"),
        (0.01, 0.01, 3, "every mean weight is below 0.05: nothing is shared"),
        (0.98, 0.98, 3, "every mean weight is above 0.95: all share"),
    ],
)
def test_groups_that_are_none_say_why(inside, across, runs, doubt):
    assert drawn(0, PLANTED[6], inside, across, runs, noise=1e-4).doubt == doubt


@pytest.mark.slow
def test_weights_that_differ_clearly_but_otherwise_in_each_seed_are_chance():
    runs = [drawn(0, np.roll(PLANTED[6], k).tolist(), 0.8, 0.2, 1).weights[0] for k in (0, 1, 2)]
    groups = Groups(np.stack([*runs, *runs[::-1]]), 2)
    assert groups.chance > MOST_CHANCE
    assert not groups.told_apart


@pytest.mark.slow
@pytest.mark.parametrize(("networks", "runs", "chance"), [(3, 3, 1 / 9), (3, 4, 1 / 27), (4, 3, 1 / 9)])
def test_of_few_datasets_chance_gives_the_same_groups_in_all_seeds_as_often_as_one_counts(
    networks, runs, chance
):
    labels = [0, 0, 1] if networks == 3 else PLANTED[4]
    assert drawn(0, labels, 0.8, 0.2, runs, noise=1e-9).chance == pytest.approx(chance)


def test_two_datasets_have_no_groups():
    assert drawn(0, [0, 1], 0.5, 0.5, 5).doubt.startswith("two datasets have one weight in each block")


@pytest.mark.slow
def test_small_differences_of_small_weights_count_where_the_odds_differ():
    # As on the digits: 0.1 inside, 0.002 across.
    assert drawn(0, PLANTED[6], 0.1, 0.012, 3, noise=1e-3).told_apart


@pytest.mark.slow
def test_the_same_weights_give_the_same_chance():
    assert drawn(1, PLANTED[6], 0.6, 0.4, 3).chance == drawn(1, PLANTED[6], 0.6, 0.4, 3).chance
