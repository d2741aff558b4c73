"""The robust consistency penalty and its IRLS weights: the mathematics of the paper, one function each.

Pure functions of tensors. N networks of one architecture have L coupled layers; layer l of all networks
is one stacked tensor of shape (N, D_l). Equation numbers are those of "Joint learning of neural networks
via iterative reweighted least squares"; where the code departs from them, docs/method.md says why.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from jointnn.irls import many_networks

COLUMNS_AT_ONCE = 1 << 20


def block_membership(layers: int, blocks: str) -> Tensor:
    """Return the layers of each block, as zeros and ones of shape (B, L).

    Args:
        layers: L, the number of coupled layers.
        blocks: `adjacent`, the pairs (b, b + 1) of (3), so B = L - 1; `single`, each layer alone, as the
            authors' code has it; `whole`, one block of all layers, as FedAMP has it.

    Raises:
        ValueError: there is no block, since one layer has no neighbour.
    """
    if blocks == "whole":
        return torch.ones(1, layers, dtype=torch.float64)
    identity = torch.eye(layers, dtype=torch.float64)
    if blocks == "single":
        return identity
    if layers < 2:
        raise ValueError(
            f"Blocks of adjacent layers need two coupled layers, but there is {layers}. "
            "Couple more layers, or set blocks: single."
        )
    return identity[:-1] + identity[1:]


def layer_distances_squared(layers: Sequence[Tensor], metric: str = "sum_square") -> Tensor:
    """Return the squared distances between all pairs of networks by layer, (L, N, N), in float64.

    Args:
        layers: stacked parameters, shape (N, D_l) each.
        metric: `sum_square` as in (3); `mean_square` divides each by D_l (departure 2).
    """
    return torch.stack([_pairwise(layer) / metric_sizes([layer], metric) for layer in layers])


def _pairwise(layer: Tensor) -> Tensor:
    """Return the squared distances between rows, (N, N).

    They come from differences: with products, those of near pairs would cancel.
    """
    n = len(layer)
    result = torch.zeros(n, n, dtype=torch.float64)
    for columns in torch.split(layer.detach(), columns_measured_at_once(n), dim=1):
        if many_networks.are_many(n):
            result += many_networks.distances_squared(columns).triu()
        else:
            for i, row in enumerate(columns[:-1]):
                gaps = (columns[i + 1 :] - row).square().sum(dim=1, dtype=torch.float64).cpu()
                result[i, i + 1 :] += gaps
    return result + result.T


def columns_measured_at_once(networks: int) -> int:
    """Return how many columns of a layer are measured at a time.

    Sums over such pieces always have the same bits.
    """
    if many_networks.are_many(networks):
        return many_networks.columns_gathered_at_once(networks)
    return COLUMNS_AT_ONCE


def metric_sizes(layers: Sequence[Tensor], metric: str) -> Tensor:
    """Return the divisors of the squared distances, shape (L,): 1, or the number of parameters D_l."""
    sizes = [layer.shape[1] if metric == "mean_square" else 1 for layer in layers]
    return torch.tensor(sizes, dtype=torch.float64)


def block_distances_squared(layer_squared: Tensor, membership: Tensor) -> Tensor:
    """Return d_ijb squared, shape (B, N, N): the sum over the layers of block b, (3)."""
    return torch.einsum("bl,lij->bij", membership, layer_squared)


def scales(distances_squared: Tensor, scale_factor: float = 1.0) -> Tensor:
    """Return sigma_b, Section 4.2.1: s times the mean distance of a network to its nearest other one.

    Args:
        distances_squared: at the L2 start, shape (B, N, N).
        scale_factor: s, 1 in the paper (departure 4).

    Returns:
        Shape (B,), in parameter units, positive.

    Raises:
        ValueError: a scale is zero: in some block every network equals another one.
    """
    n = distances_squared.shape[-1]
    alone = torch.eye(n, dtype=torch.bool).expand_as(distances_squared)
    nearest = distances_squared.masked_fill(alone, torch.inf).amin(dim=-1).sqrt()
    sigma = scale_factor * nearest.mean(dim=-1)
    if blocks := (~(sigma > 0)).nonzero().flatten().tolist():
        raise ValueError(
            f"sigma must be positive, but is zero for blocks {blocks}: there every network equals "
            "another one. Start from networks trained with a smaller lambda or a longer L2 start."
        )
    return sigma


def irls_weights(distances_squared: Tensor, sigma: Tensor, weighting: str = "paper") -> Tensor:
    """Return IRLS weights w_ijb, near 1 for similar pairs and near 0 for dissimilar ones.

    Args:
        distances_squared: of each block and pair, shape (B, N, N), in squared parameter units.
        sigma: the scales, shape (B,), in parameter units, positive.
        weighting: `paper`, w = s2/(s2 + d2), eq. (7); `geman_mcclure`, its square, the weight that
            descends (4) (departure 3); `welsch`, exp(-d2/s2), the weight of the Welsch penalty
            s2 (1 - exp(-d2/s2)), which is FedAMP's attention too (Huang et al. 2021); `median`, 1 below
            the median distance, 1/2 at it, 0 above, as the authors' code has it (sigma is not read).

    Returns:
        Weights in [0, 1], shape (B, N, N), no unit. The diagonal is 1.
    """
    sigma_squared = sigma.square()[:, None, None]
    if weighting == "median":
        return _median_weights(distances_squared)
    if weighting == "welsch":
        return torch.exp(-distances_squared / sigma_squared)
    # s2 / (s2 + d2), in a form that holds for an infinite sigma too (the corner L2).
    weights = 1 / (1 + distances_squared / sigma_squared)
    return weights.square() if weighting == "geman_mcclure" else weights


def _median_weights(distances_squared: Tensor) -> Tensor:
    """Return weights as in the authors' code: 1, 1/2 or 0 by the median distance of a block's pairs."""
    n = distances_squared.shape[-1]
    i, j = torch.triu_indices(n, n, offset=1)
    median = distances_squared[:, i, j].quantile(0.5, dim=1)[:, None, None]
    weights = 0.5 * (1 + torch.sign(median - distances_squared))
    return torch.where(torch.eye(n, dtype=torch.bool), torch.ones_like(weights), weights)


def layer_weights(weights: Tensor, membership: Tensor) -> Tensor:
    """Return the weight of each pair in each layer, shape (L, N, N), that makes (6) equal to (8).

    A squared block distance is the sum of its layers' squared distances, so layer l collects the weights
    of the blocks that hold it: c_ijl = lambda (w_ij,l-1 + w_ij,l), an end layer one term. This is c_ijl
    over lambda. The diagonal is zero.
    """
    collected = torch.einsum("bl,bij->lij", membership, weights)
    return collected * (1 - torch.eye(weights.shape[-1], dtype=weights.dtype))


def layer_factors(layers: int, strength_decay: float) -> Tensor:
    """Return the factors of the strength by layer, (L,): 1 - decay (l - 1) / (L - 1), l = 1..L.

    It falls linearly from 1 at the first layer to 1 - decay at the last; a layer alone keeps 1.
    """
    return 1 - strength_decay * torch.linspace(0, 1, layers, dtype=torch.float64)


def geman_mcclure(distances_squared: Tensor, sigma: Tensor) -> Tensor:
    """Return rho(d, sigma) = s2 d2 / (s2 + d2) of (3), shape (B, N, N)."""
    sigma_squared = sigma.square()[:, None, None]
    return distances_squared / (1 + distances_squared / sigma_squared)


def lorentzian(distances_squared: Tensor, sigma: Tensor) -> Tensor:
    """Return s2 log(1 + d2/s2), shape (B, N, N): the penalty that (7) as printed majorises.

    This is departure 3.
    """
    sigma_squared = sigma.square()[:, None, None]
    logarithm = sigma_squared * torch.log1p(distances_squared / sigma_squared)
    return torch.where(sigma_squared.isinf(), distances_squared, logarithm)


def welsch(distances_squared: Tensor, sigma: Tensor) -> Tensor:
    """Return s2 (1 - exp(-d2/s2)), the penalty that the weighting `welsch` majorises, shape (B, N, N)."""
    sigma_squared = sigma.square()[:, None, None]
    bounded = -sigma_squared * torch.expm1(-distances_squared / sigma_squared)
    return torch.where(sigma_squared.isinf(), distances_squared, bounded)


def over_pairs(values: Tensor) -> Tensor:
    """Return the sum over blocks and pairs i < j of (..., N, N), as in (3)."""
    return values.triu(diagonal=1).sum()


def largest_change(weights: Tensor, previous: Tensor) -> float:
    """Return delta = max |w - w_previous|, Section 4.2.2. IRLS has converged at 0.01 and below."""
    return float((weights - previous).abs().max())


def strength_of_half_life(half_life: float, step_size: float, networks: int, size: float = 1.0) -> float:
    """Return the lambda that halves the difference of two fully coupled networks in `half_life` steps.

    An inner layer with all weights 1 has c = 2 lambda / size, and one proximal step divides every
    difference by 1 + 2 tau N c. So lambda solves (1 + 4 tau N lambda / size)^-h = 1/2 (departure 2).

    Args:
        half_life: h, in steps: 0 gives infinity (one network), infinity gives 0 (isolated networks). A
            thousandth of a step and less is 0: its lambda is beyond what a number holds.
        step_size: tau, the optimiser's effective step at the base learning rate.
        networks: N.
        size: divisor of the metric, for the layer of median size.
    """
    if half_life <= 1e-3:
        return math.inf
    return math.expm1(math.log(2) / half_life) * size / (4 * step_size * networks)
