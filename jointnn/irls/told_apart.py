"""Whether groups found from weights are more than chance: what figures and tables ask before they name any.

A file apart from `groups`, which training reads: a word on a picture trains nothing again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jointnn.irls.groups import (
    ISOLATED_BELOW,
    L2_ABOVE,
    find_groups,
    inside_and_across,
    separation,
    upper_half,
)

Array = NDArray[np.float64]

LEAST_ODDS = 2.0
"""Least ratio of the odds w/(1 - w) inside found groups to those across: under (7), of squared distances.

At 2 the centres of two groups lie as far from each other as two members of a group do.
"""
MOST_CHANCE = 0.05
DRAWS = 599
"""Shuffles that are tried: all, where there are no more, as of four datasets and three seeds."""
NOT_TOLD_APART = "not told apart"
"""Beginning of the sentence that tables have in the place of groups."""


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
        """Return the groups of runs that differ in their seeds alone.

        Args:
            runs: the weights of the same round of each, shape (B, n, n).
            count: as in `find_groups`.
        """
        return cls(np.stack([upper_half(weights) for weights in runs]), count)

    @cached_property
    def mean(self) -> Array:
        """Return the mean of the weights over runs, shape (n, n)."""
        return np.asarray(self.weights.mean(axis=0))

    @cached_property
    def labels(self) -> list[int]:
        """Return the group of every network, told apart or not."""
        return find_groups(self.mean[None], self.count)

    @cached_property
    def chance(self) -> float:
        """Return the chance of groups as clear where it makes no difference which data a network learned.

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
            return _even(self.mean)
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


def _even(mean: Array) -> str:
    """Return the reason why weights without a gap make no groups."""
    pairs = mean[~np.eye(len(mean), dtype=bool)]
    if pairs.max() < ISOLATED_BELOW:
        return f"every mean weight is below {ISOLATED_BELOW}: nothing is shared"
    if pairs.min() > L2_ABOVE:
        return f"every mean weight is above {L2_ABOVE}: all share"
    return f"no gap divides the weights ({pairs.min():.2f} to {pairs.max():.2f})"


def _odds(weight: float) -> float:
    return weight / max(1 - weight, 1e-12)


def _clearness(mean: Array, labels: Sequence[int]) -> float:
    """Return the between-group variance of weights over pairs; negative if across is larger.

    The separation alone would be largest for one pair and all others alone.
    """
    same = np.equal.outer(labels, labels)[~np.eye(len(labels), dtype=bool)].mean()
    gap = separation(mean[None], labels)
    return float(gap * abs(gap) * same * (1 - same))
