"""Many networks: the distances and the mixing of few, in forms whose time and memory grow less with n.

The rule stands here alone: from `MANY` networks on these forms are taken, below it never. Their sums run in
another order than those of few networks, so results differ by rounding. Which form mixes a layer follows
from its weights, never from a time that was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

MANY = 32
ENTRIES_AT_ONCE = 1 << 18
"""Numbers taken at a time: so many columns of all networks as stay in the processor's cache."""
GATHERED_AT_ONCE = 1 << 24
"""Numbers that are brought together at a time, where networks lie apart: 64 MiB of float32."""
MOST_COLUMNS = 1 << 14
"""Columns taken at a time at most. A piece of so many is cut as a whole layer is, to the same bits."""


def are_many(networks: int) -> bool:
    """Return whether so many networks are measured and mixed as in this module."""
    return networks >= MANY


def columns_at_once(networks: int) -> int:
    """Return how many columns of so many networks are taken at a time, a power of 2."""
    return min(MOST_COLUMNS, _power_of_two(ENTRIES_AT_ONCE // networks))


def columns_gathered_at_once(networks: int) -> int:
    """Return how many columns of so many networks are brought together at a time, a power of 2."""
    return _power_of_two(GATHERED_AT_ONCE // networks)


def _power_of_two(most: int) -> int:
    return 1 << max(most, 1).bit_length() - 1


def distances_squared(layer: Tensor) -> Tensor:
    """Return the squared distances (N, N) between the rows of (N, D), in float64.

    Each is a sum of squared differences: products, as in a Gram matrix, would cancel for near pairs.
    """
    n = len(layer)
    pairs = torch.zeros(n * (n - 1) // 2, dtype=torch.float64)
    for columns in torch.split(layer.detach(), columns_at_once(n), dim=1):
        pairs += torch.nn.functional.pdist(columns.double()).square().cpu()
    result = torch.zeros(n, n, dtype=torch.float64)
    result[tuple(torch.triu_indices(n, n, offset=1))] = pairs
    return result + result.T


@dataclass(frozen=True)
class Component:
    """Networks of a layer that weights connect, in steps or at once; no other network moves them.

    Attributes:
        networks: their rows, shape (k,), in order, k at least 2.
        alike: every pair of them has the same weight, so that each moves to their mean.
    """

    networks: Tensor
    alike: bool


def components_of(weights: Tensor) -> list[Component]:
    """Return the connected components of the graph of weights (N, N) that are not 0.

    A network without a weight is in none: it stays as it is.
    """
    from scipy.sparse.csgraph import connected_components

    count, labels = connected_components((weights != 0).numpy(), directed=False)
    found = []
    for label in range(count):
        networks = torch.from_numpy((labels == label).nonzero()[0])
        if (k := len(networks)) > 1:
            inside = weights[networks][:, networks][~torch.eye(k, dtype=torch.bool)]
            found.append(Component(networks, bool((inside == inside[0]).all())))
    return found


@dataclass(frozen=True)
class Mixing:
    """The mixing matrix of a layer, cut into what moves together: M is block diagonal in its components.

    Attributes:
        components: of the layer's weights.
        moves: of each component its part of M, shape (k, k). Where pairs are alike, that is
            (1 - m) I + m 11'/k, and m alone is kept, shape (): the part of the way to the mean.
    """

    components: Sequence[Component]
    moves: Sequence[Tensor]

    @classmethod
    def of(cls, matrix: Tensor, components: Sequence[Component]) -> "Mixing":
        """Return the mixing of a matrix (N, N), cut into the components of its weights."""
        moves = []
        for component in components:
            inside = matrix[component.networks][:, component.networks]
            moves.append(len(inside) * inside[0, 1] if component.alike else inside)
        return cls(components, moves)

    def to(self, target: torch.dtype | torch.device) -> "Mixing":
        """Return the mixing in another type or on another device."""
        components = self.components
        if isinstance(target, torch.device):
            components = [replace(one, networks=one.networks.to(target)) for one in components]
        return Mixing(components, [move.to(target) for move in self.moves])

    def mix_(self, layer: Tensor) -> None:
        """Set theta <- M theta in place, of a layer (N, D)."""
        for component, move in zip(self.components, self.moves, strict=True):
            networks = component.networks
            for columns in torch.split(layer, columns_at_once(len(networks)), dim=1):
                # All networks, the usual case, need no copy that picks them.
                rows = columns if len(networks) == len(layer) else columns[networks]
                mixed = rows.lerp(rows.mean(dim=0), move) if component.alike else move @ rows
                if rows is columns:
                    columns.copy_(mixed)
                else:
                    columns[networks] = mixed
