"""Groups of networks, read from the weights of a round; what a run's last weights say about it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jointnn.errors import UserError

Array = NDArray[np.float64]

ISOLATED_BELOW = 0.05
L2_ABOVE = 0.95
TOLD_APART = 3.0  # largest over smallest weight of a block
NO_GAP = 0.01  # weights that differ by less than IRLS's tolerance tell no groups apart


def upper_half(weights: Array) -> Array:
    """Return the mean of the weights over the last ⌈B/2⌉ blocks, where the groups show.

    Args:
        weights: of every block and pair, shape (B, n, n), in [0, 1].

    Returns:
        Shape (n, n), symmetric, with a diagonal of ones.
    """
    mean: Array = np.asarray(weights, float)[len(weights) // 2 :].mean(axis=0)
    mean = (mean + mean.T) / 2
    np.fill_diagonal(mean, 1.0)
    return mean


def find_groups(weights: Array, count: int | None) -> list[int]:
    """Return the groups of networks, by average linkage on 1 - w.

    w is the mean over the upper half of the blocks.

    Args:
        weights: of one round, shape (B, n, n), in [0, 1].
        count: number of groups; None cuts at the largest gap between two merges. Without a gap all
            networks are one group if the mean weight is at least 1/2, else each is its own.

    Returns:
        A label per network, numbered 0, 1, ... as they first appear.

    Raises:
        ValueError: `count` is not between 1 and n.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    mean = upper_half(weights)
    networks = len(mean)
    if count is not None and not 1 <= count <= networks:
        raise ValueError(f"{networks} networks cannot form {count} groups.")
    if networks == 1:
        return [0]
    tree = linkage(squareform(1 - mean, checks=False), method="average")
    if count is None:
        count = _count_at_largest_gap(tree[:, 2], mean)
    # By the number of merges: by their heights fcluster gives fewer groups than asked for when merges tie.
    merges = np.arange(networks - 1.0)
    return numbered(fcluster(tree, count, "maxclust_monocrit", monocrit=merges).tolist())


def _count_at_largest_gap(heights: Array, mean: Array) -> int:
    gaps = np.diff(heights)
    if len(gaps) == 0 or gaps.max() < NO_GAP:
        return 1 if mean[_different(len(mean))].mean() >= 0.5 else len(mean)
    # Cut after k merges, n - k groups are left.
    return len(mean) - 1 - int(gaps.argmax())


def numbered(labels: Sequence[object]) -> list[int]:
    """Return the partition with its labels renamed to 0, 1, ... in the order of appearance."""
    order = list(dict.fromkeys(labels))
    return [order.index(label) for label in labels]


def planted_labels(groups: Mapping[str, Sequence[str]], datasets: Sequence[str]) -> list[int]:
    """Return the planted group of each dataset, numbered in the order of `groups`.

    Raises:
        UserError: a dataset stands in no group or in several.
    """
    labels = []
    for dataset in datasets:
        homes = [index for index, members in enumerate(groups.values()) if dataset in members]
        if len(homes) != 1:
            raise UserError(
                f"Dataset {dataset!r} stands in {len(homes)} of the planted groups "
                f"{', '.join(groups)}. Name it in exactly one."
            )
        labels += homes
    return labels


def inside_and_across(weights: Array, labels: Sequence[int]) -> tuple[Array, Array]:
    """Return the mean weight of pairs inside a group and of pairs across groups.

    Args:
        weights: shape (..., n, n).
        labels: a group per network.

    Returns:
        Two arrays of shape (...); NaN where there is no such pair.
    """
    same = np.equal.outer(labels, labels)
    different = _different(len(labels))
    return _mean(weights, same & different), _mean(weights, ~same)


def separation(weights: Array, labels: Sequence[int]) -> float:
    """Return the mean weight inside groups minus that across, in the upper half of the blocks.

    It is a difference and no silhouette, since a round whose weights all fall towards 0 keeps its
    silhouettes but no longer shares anything.

    Args:
        weights: of one round, shape (B, n, n).
        labels: a group per network, found (`find_groups`) or planted.

    Returns:
        In [-1, 1]; 0 when all networks are in one group or each in its own.
    """
    inside, across = inside_and_across(upper_half(weights), labels)
    gap = float(inside - across)
    return 0.0 if math.isnan(gap) else gap


def best_round(weights_of_rounds: Sequence[Array], count: int | None) -> int:
    """Return the round, counted from 1, whose found groups separate best; the first of equal ones."""
    scores = [separation(weights, find_groups(weights, count)) for weights in weights_of_rounds]
    return 1 + int(np.argmax(scores))


def adjusted_rand_index(labels: Sequence[int], others: Sequence[int]) -> float:
    """Return the agreement of two partitions: 1 if they are equal, near 0 if unrelated."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(others, labels))


def diagnosis(weights_of_rounds: Sequence[Array], method: str, datasets: Sequence[str] = ()) -> str | None:
    """Return one line on a run that ended at one of its corners; None for any other run.

    Args:
        weights_of_rounds: rounds 1..K in order, each of shape (B, n, n). Weights of a network with
            itself do not count.
        method: whose run it was.
        datasets: names of the networks, to name one that was expelled: all its weights have fallen,
            while others are still coupled.
    """
    if not weights_of_rounds:
        return None
    *earlier, last = (np.asarray(weights, float) for weights in weights_of_rounds)
    pairs = last[:, _different(last.shape[-1])]
    end = f"after round {len(weights_of_rounds)}"
    if pairs.size == 0:
        return None
    if (pairs > L2_ABOVE).all():
        return (
            f"{method} degenerated to L2: {end} every weight is above {L2_ABOVE} "
            f"(the smallest is {pairs.min():.3f})."
        )
    if not (pairs < ISOLATED_BELOW).all():
        alone = [
            name for name, row in zip(datasets, _strongest(last), strict=False) if row < ISOLATED_BELOW
        ]
        if not alone:
            return None
        return f"{method} expelled {', '.join(alone)}: {end} all its weights are below {ISOLATED_BELOW}."
    isolated = f"{end} every weight is below {ISOLATED_BELOW} (the largest is {pairs.max():.3f})"
    ratios = [widest_ratio(weights) for weights in earlier]
    if ratios and max(ratios) > TOLD_APART:
        return (
            f"{method} released its networks: {isolated}, but in round {1 + int(np.argmax(ratios))} "
            f"the weights told pairs apart (largest over smallest {max(ratios):.3g})."
        )
    return f"{method} degenerated to isolated training: {isolated}."


def _strongest(weights: Array) -> Array:
    """Return the largest weight of each network with another one, shape (n,)."""
    others = np.where(_different(weights.shape[-1]), weights, 0.0)
    return np.asarray(others.max(axis=(0, 2)))


def widest_ratio(weights: Array) -> float:
    """Return the largest weight over the smallest, between different networks of one block.

    The block is the one where that is largest. Blocks of unlike scale differ even where no pair is told
    from another.
    """
    pairs = np.asarray(weights, float)[:, _different(weights.shape[-1])]
    smallest = np.maximum(pairs.min(axis=1), 1e-12)
    return float((pairs.max(axis=1) / smallest).max())


def _different(networks: int) -> NDArray[np.bool_]:
    return ~np.eye(networks, dtype=bool)


def _mean(weights: Array, pairs: NDArray[np.bool_]) -> Array:
    if not pairs.any():
        return np.full(weights.shape[:-2], np.nan)
    return np.asarray(np.asarray(weights, float)[..., pairs].mean(axis=-1))
