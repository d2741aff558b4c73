"""Groups read from weights, and what the last weights say about a run."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from jointnn.errors import UserError
from jointnn.irls.groups import (
    adjusted_rand_index,
    best_round,
    diagnosis,
    find_groups,
    inside_and_across,
    numbered,
    planted_labels,
    separation,
    upper_half,
    widest_ratio,
)

PLANTED = [0, 1, 0, 1, 1, 0]


def weights_of(labels, inside, across, blocks=4) -> np.ndarray:
    same = np.equal.outer(labels, labels)
    weights = np.where(same, inside, across).astype(float)
    np.fill_diagonal(weights, 1)
    return np.stack([weights] * blocks)


def noisy(weights, seed, size=0.1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, size, weights.shape)
    noisy = np.clip(weights + (noise + noise.swapaxes(1, 2)) / 2, 0.01, 0.99)
    noisy[:, range(6), range(6)] = 1
    return noisy


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, None])
def test_planted_groups_are_found_with_and_without_their_number(seed, count):
    labels = find_groups(noisy(weights_of(PLANTED, 0.8, 0.2), seed), count)
    assert labels == PLANTED
    assert adjusted_rand_index(labels, PLANTED) == 1


@pytest.mark.parametrize("seed", range(5))
def test_found_groups_follow_a_permutation_of_datasets(seed):
    weights = np.random.default_rng(seed).random((3, 6, 6))
    weights = (weights + weights.swapaxes(1, 2)) / 2
    order = np.random.default_rng(seed).permutation(6)
    permuted = find_groups(weights[:, order][:, :, order], 3)
    assert adjusted_rand_index(permuted, np.array(find_groups(weights, 3))[order]) == 1


def test_only_the_upper_half_of_the_blocks_decides():
    lower = weights_of([0, 0, 0, 1, 1, 1], 0.9, 0.1, blocks=2)
    upper = weights_of(PLANTED, 0.9, 0.1, blocks=3)
    weights = np.concatenate([lower, upper])
    np.testing.assert_allclose(upper_half(weights), upper[0])
    assert find_groups(weights, 2) == PLANTED


@pytest.mark.parametrize("count", range(1, 7))
def test_exactly_as_many_groups_are_found_as_asked_for_even_if_all_weights_tie(count):
    assert len(set(find_groups(weights_of(PLANTED, 0.5, 0.5), count))) == count


@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_the_tree_cut_at_their_number(seed, count):
    weights = np.random.default_rng(seed).random((1, 6, 6))
    tree = linkage(squareform(1 - upper_half(weights), checks=False), "average")
    assert find_groups(weights, count) == numbered(cut_tree(tree, count)[:, 0].tolist())


def test_without_a_gap_networks_are_one_group_if_they_share_and_alone_if_not():
    assert find_groups(weights_of(PLANTED, 0.97, 0.97), None) == [0] * 6
    assert find_groups(weights_of(PLANTED, 0.02, 0.02), None) == list(range(6))


def test_two_networks_and_one():
    assert find_groups(weights_of([0, 1], 1, 0.9), None) == [0, 0]
    assert find_groups(weights_of([0], 1, 1), None) == [0]


@pytest.mark.parametrize("count", [0, 7])
def test_an_impossible_number_of_groups_is_refused(count):
    with pytest.raises(ValueError, match=f"6 networks cannot form {count} groups"):
        find_groups(weights_of(PLANTED, 0.9, 0.1), count)


def test_inside_and_across_are_means_over_pairs_without_the_diagonal():
    weights = np.array([[1, 0.8, 0.1, 0.2], [0.8, 1, 0.3, 0.4], [0.1, 0.3, 1, 0.6], [0.2, 0.4, 0.6, 1]])
    inside, across = inside_and_across(weights, [0, 0, 1, 1])
    assert inside == pytest.approx(0.7)
    assert across == pytest.approx(0.25)
    assert separation(weights[None], [0, 0, 1, 1]) == pytest.approx(0.45)


@pytest.mark.parametrize("labels", [[0] * 6, range(6)])
def test_one_group_and_networks_alone_separate_nothing(labels):
    assert separation(weights_of(PLANTED, 0.9, 0.1), list(labels)) == 0


def test_the_best_round_separates_best_and_is_not_the_one_whose_weights_fell_to_zero():
    rounds = [weights_of(PLANTED, *pair) for pair in [(0.8, 0.6), (0.7, 0.2), (0.03, 0.001)]]
    assert best_round(rounds, 2) == 2


def test_planted_labels_stand_in_the_order_of_the_groups():
    assert planted_labels({"usual": ["a", "c"], "permuted": ["b"]}, ["a", "b", "c"]) == [0, 1, 0]


@pytest.mark.parametrize("groups", [{"usual": ["a"]}, {"usual": ["a", "b"], "permuted": ["b"]}])
def test_a_dataset_in_no_group_or_in_two_is_refused_by_name(groups):
    with pytest.raises(UserError, match="'b' stands in"):
        planted_labels(groups, ["a", "b"])


@pytest.mark.parametrize(
    ("rounds", "sentence"),
    [
        ([(0.9, 0.3), (0.04, 0.01)], None),
        ([(0.04, 0.03)], "joint degenerated to isolated training: after round 1 every weight is below"),
        ([(0.3, 0.2), (0.04, 0.01)], "joint degenerated to isolated training: after round 2"),
        ([(0.9, 0.2), (0.4, 0.3), (0.04, 0.03)], "joint released its networks: after round 3"),
        ([(0.9, 0.2), (0.99, 0.96)], "joint degenerated to L2: after round 2"),
        ([(0.04, 0.03), (0.9, 0.2)], None),
        ([], None),
    ],
)
def test_a_run_that_ends_in_a_corner_says_so_in_one_line(rounds, sentence):
    weights = [weights_of(PLANTED, *pair) for pair in rounds]
    if sentence is None and rounds and rounds[-1] == (0.04, 0.01):
        weights[-1][0, 0, 1] = 0.051  # one pair that is still coupled
    said = diagnosis(weights, "joint")
    assert (said is None) == (sentence is None)
    if said is not None:
        assert said.startswith(sentence)
        assert "\n" not in said


def test_a_ratio_between_blocks_is_no_ratio_between_pairs():
    weights = np.concatenate([weights_of(PLANTED, 0.9, 0.8, 1), weights_of(PLANTED, 0.1, 0.05, 1)])
    assert widest_ratio(weights) == pytest.approx(2)


def test_a_network_thrown_out_of_everything_is_named() -> None:
    weights = np.full((3, 4, 4), 0.8)
    weights[:, 2, :] = weights[:, :, 2] = 0.02
    said = diagnosis([weights], "joint", ["a", "b", "c", "d"])
    assert said is not None
    assert "expelled c" in said
    weights[0, 2, 3] = weights[0, 3, 2] = 0.5
    assert diagnosis([weights], "joint", ["a", "b", "c", "d"]) is None


def test_weights_that_underflow_to_zero_still_make_one_readable_line() -> None:
    early = np.full((2, 3, 3), 0.2)
    early[:, 0, 1] = early[:, 1, 0] = 0.0
    said = diagnosis([early, np.zeros((2, 3, 3))], "joint")
    assert said is not None
    assert "released" in said
    assert len(said) < 200
