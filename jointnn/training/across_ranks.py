"""Operations over all networks of a run that lie on several ranks: mixing, distances, losses.

Pieces of layers go to one rank each, whole, and are those that one process works on: so every sum over
networks has the same terms in the same order, and the same bits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from jointnn.irls import consistency, solvers
from jointnn.ranks.group import Group


def shapes_of(layers: Sequence[Tensor], group: Group) -> list[Tensor]:
    """Return the coupled layers of all networks as tensors without content, (n, D_l) each."""
    return [torch.empty(len(group.names), layer.shape[1], device="meta") for layer in layers]


def mix_(layers: Sequence[Tensor], mixer: solvers.Mixer, step_size: float, group: Group) -> None:
    """Take the coupling's part of a step on every coupled layer, in place.

    Args:
        layers: of this rank's networks, (n_r, D_l) each.
        step_size: tau.
    """
    if group.size == 1:
        mixer.mix_(layers, step_size)
        return
    placed = [
        (columns, mixing)
        for layer, mixing in zip(layers, mixer.placed(layers, step_size), strict=True)
        if mixing is not None
        for columns in layer.split(solvers.COLUMNS_AT_ONCE, dim=1)
    ]
    for place, whole in group.whole_pieces([columns for columns, _ in placed], back=True):
        solvers.mix_(whole, placed[place][1])


def distances_squared(layers: Sequence[Tensor], metric: str, group: Group) -> Tensor:
    """Return the squared distances between all pairs of networks by layer, (L, n, n), in float64.

    Args:
        layers: of this rank's networks, (n_r, D_l) each.
        metric: as `consistency.layer_distances_squared` has it.
    """
    if group.size == 1:
        return consistency.layer_distances_squared(layers, metric)
    n = len(group.names)
    width = consistency.columns_measured_at_once(n)
    placed = [
        (columns, k) for k, layer in enumerate(layers) for columns in layer.detach().split(width, dim=1)
    ]
    of_pieces = torch.zeros(len(placed), n, n, dtype=torch.float64)
    for place, whole in group.whole_pieces([columns for columns, _ in placed]):
        of_pieces[place] = consistency.layer_distances_squared([whole])[0]
    group.add_(of_pieces)
    found = torch.zeros(len(layers), n, n, dtype=torch.float64)
    for (_, k), squared in zip(placed, of_pieces, strict=True):
        found[k] += squared
    return found / consistency.metric_sizes(layers, metric)[:, None, None]


def losses_of_all(losses: Tensor, group: Group) -> Tensor:
    """Return the losses of all networks, (T, n), from this rank's losses (T, n_r), on the CPU."""
    return losses if group.size == 1 else torch.stack(group.joined(list(losses.T)), dim=1)
