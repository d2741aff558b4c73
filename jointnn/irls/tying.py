"""The bridge from IRLS to tied layers: which layers the weights that it found would tie."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def mean_weights(weights: NDArray[np.float64], membership: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean weight of each layer, over the blocks that hold it and over pairs, shape (L,).

    Args:
        weights: w_ijb of a round, shape (B, N, N).
        membership: which layers form which block, shape (B, L).
    """
    i, j = np.triu_indices(weights.shape[-1], k=1)
    of_blocks = weights[:, i, j].mean(axis=1)
    means: NDArray[np.float64] = membership.T @ of_blocks / membership.sum(axis=0)
    return means


def layers_to_tie(weights: Mapping[str, float]) -> Sequence[str]:
    """Return the half of the layers with the largest weights, in order: rounded down, at least one."""
    count = max(1, math.floor(len(weights) / 2))
    largest = sorted(weights, key=lambda name: -weights[name])[:count]
    return [name for name in weights if name in largest]
