"""Groups of networks, read from the weights of a round: which, and whether they are more than chance.

Also what a run's last weights say about it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jointnn.errors import UserError

Array = NDArray[np.float64]

ISOLATED_BELOW = 0.05
L2_ABOVE = 0.95
TOLD_APART = 3.0  # largest over smallest weight of a block
NO_GAP = 0.01  # weights that differ by less than IRLS's tolerance tell no groups apart
LEAST_ODDS = 2.0
"""Least ratio of the odds w/(1 - w) inside found groups to those across: under (7), of squared distances.

At 2 the centres of two groups lie as far from each other as two members of a group do.
"""
MOST_CHANCE = 0.05
NOT_TOLD_APART = "not told apart"
"""What tables say in the place of groups, before why."""
DRAWS = 499


def upper_half(weights: Array) -> Array:
    """Return weights averaged over the last ⌈B/2⌉ blocks, where the groups show.

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
    """Return groups of networks: average linkage on 1 - w, w averaged over the upper half of the blocks.

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
    tree[:, 2] = range(networks - 1)  # merges that tie would be cut together, and give fewer groups
    return numbered(fcluster(tree, networks - count - 0.5, criterion="distance").tolist())


def _count_at_largest_gap(heights: Array, mean: Array) -> int:
    gaps = np.diff(heights)
    if len(gaps) == 0 or gaps.max() < NO_GAP:
        return 1 if mean[_different(len(mean))].mean() >= 0.5 else len(mean)
    # Cut after k merges, n - k groups are left.
    return len(mean) - 1 - int(gaps.argmax())


def numbered(labels: Sequence[object]) -> list[int]:
    """Return the same partition with labels 0, 1, ... in the order of appearance."""
    order = list(dict.fromkeys(labels))
    return [order.index(label) for label in labels]


def planted_labels(groups: Mapping[str, Sequence[str]], datasets: Sequence[str]) -> list[int]:
    """Return the planted group of every dataset, numbered in the order of `groups`.

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


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups found in the mean over runs of the weights of a round, and what speaks against them.

    A clustering always finds something. So groups count as told apart only if they pass three tests, of
    which `doubt` names the first that fails. Weights inside and across are no corner of the method: some
    pair shares, and not all do. They differ, by `LEAST_ODDS`. And runs with other seeds agree: chance
    gives groups as clear in at most `MOST_CHANCE` of all cases.

    Attributes:
        weights: of the same round of every run, shape (S, n, n), averaged over the upper half of the
            blocks.
        count: number of groups, where it is known.
    """

    weights: Array
    count: int | None = None

    @classmethod
    def of(cls, runs: Sequence[Array], count: int | None) -> "Groups":
        """Return the groups of runs that differ in their seed alone.

        Args:
            runs: the weights of the same round of each, shape (B, n, n).
            count: as in `find_groups`.
        """
        return cls(np.stack([upper_half(weights) for weights in runs]), count)

    @cached_property
    def mean(self) -> Array:
        """Return the mean weights over runs, shape (n, n)."""
        return np.asarray(self.weights.mean(axis=0))

    @cached_property
    def labels(self) -> list[int]:
        """Return the group of every network, told apart or not."""
        return find_groups(self.mean[None], self.count)

    @cached_property
    def chance(self) -> float:
        """Return how often groups are as clear where it makes no difference which data a network learned.

        Then nothing ties a network of one run to that of the same dataset in another. So the datasets of
        each run but the first are shuffled, all weights of a dataset together, groups are found in the
        mean over runs, and compared by `_clearness`. Of one run nothing can be said: 1.
        """
        from scipy.stats import permutation_test

        runs, networks, _ = self.weights.shape
        if runs == 1 or networks < 3:
            return 1.0

        def clearness(*orders: Array) -> float:
            moved = [
                run[np.ix_(order.astype(int), order.astype(int))]
                for run, order in zip(self.weights[1:], orders, strict=True)
            ]
            mean = np.mean([self.weights[0], *moved], axis=0)
            return _clearness(mean, find_groups(mean[None], self.count))

        found = permutation_test(
            [np.arange(networks)] * (runs - 1),
            clearness,
            permutation_type="pairings",
            vectorized=False,
            n_resamples=DRAWS,
            alternative="greater",
            rng=np.random.default_rng(0),
        )
        return float(found.pvalue)

    @property
    def told_apart(self) -> bool:
        """Return whether the groups are more than chance gives."""
        return not self.doubt

    @cached_property
    def doubt(self) -> str:
        """Return why the groups are not told apart, as half a sentence; empty if they are."""
        runs, networks, _ = self.weights.shape
        if networks < 3:
            return "two datasets have one weight in each block, and none to compare it with"
        inside, across = (float(mean) for mean in inside_and_across(self.mean, self.labels))
        if math.isnan(inside) or math.isnan(across):
            return f"no gap divides the weights ({_range(self.mean)})"
        if inside < ISOLATED_BELOW:
            return f"even inside groups the mean weight is below {ISOLATED_BELOW}: nothing is shared"
        if across > L2_ABOVE:
            return f"even across groups the mean weight is above {L2_ABOVE}: all share"
        if _odds(inside) < LEAST_ODDS * _odds(across):
            return f"the mean weight inside groups, {inside:.2f}, is too near that across, {across:.2f}"
        if runs == 1:
            return "one seed cannot tell groups from chance"
        if self.chance > MOST_CHANCE:
            return f"chance gives groups as clear in {100 * self.chance:.0f} of 100 cases with {runs} seeds"
        return ""


def _range(mean: Array) -> str:
    pairs = mean[_different(len(mean))]
    return f"{pairs.min():.2f} to {pairs.max():.2f}"


def _odds(weight: float) -> float:
    return weight / max(1 - weight, 1e-12)


def _clearness(mean: Array, labels: Sequence[int]) -> float:
    """Return the part of the variance of weights over pairs that groups explain; negative if across is
    larger.

    The separation alone would be largest for one pair and all others alone.
    """
    same = np.equal.outer(labels, labels)[_different(len(labels))].mean()
    gap = separation(mean[None], labels)
    return float(gap * abs(gap) * same * (1 - same))


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
    """Return how well a round separates groups: mean weight inside minus mean weight across.

    Of the upper half of the blocks. A difference and no silhouette, since a round whose weights all
    fall towards 0 keeps its silhouettes but no longer shares anything.

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
    """Return the round, from 1, whose found groups separate best; the first of equals."""
    scores = [separation(weights, find_groups(weights, count)) for weights in weights_of_rounds]
    return 1 + int(np.argmax(scores))


def adjusted_rand_index(labels: Sequence[int], others: Sequence[int]) -> float:
    """Return the agreement of two partitions: 1 if they are equal, near 0 if unrelated."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(others, labels))


def diagnosis(
    weights_of_rounds: Sequence[Array], datasets: Sequence[str] = (), method: str = "joint"
) -> str | None:
    """Return one line on a run that ended at one of its corners; None for a run that did not.

    Args:
        weights_of_rounds: rounds 1..K in order, each of shape (B, n, n). Weights of a network with
            itself do not count.
        datasets: names of the networks, to name one that was expelled: all its weights have fallen,
            while others are still coupled.
        method: whose run it was.
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
    """Return the largest over smallest weight between different networks, within the block where it is
    widest.

    Within a block, as blocks of unlike scale differ even where no pair is told from another.
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
