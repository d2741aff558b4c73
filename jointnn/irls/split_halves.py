"""The null of split halves: how far apart networks come to lie by chance, and so what a distance is worth.

Pure functions of tensors. Each of N datasets is cut into two halves, and each half teaches a network of its
own, all 2N of them under one L2 start (5). Networks 2k and 2k + 1 are the halves of dataset k. The two
halves of *one* dataset should be shared: what lies between them is chance. So their distance says what the
distances between datasets are to be measured by, per layer, in every architecture, without a search. The
paper has no such null; docs/method.md says what a ratio means and what it does not.
"""

import torch
from torch import Tensor


def within_datasets(distances_squared: Tensor) -> Tensor:
    """Return the squared distance between the two halves of each dataset, ‖θ_i − θ_i'‖².

    Args:
        distances_squared: between halves, of each layer or block, shape (..., 2N, 2N).

    Returns:
        Shape (..., N), in squared parameter units.
    """
    between = _by_halves(distances_squared)[..., :, 0, :, 1]
    return between.diagonal(dim1=-2, dim2=-1)


def between_datasets(distances_squared: Tensor) -> Tensor:
    """Return the mean squared distance of datasets i and j over their four pairings of halves.

    Args:
        distances_squared: between halves, of each layer or block, shape (..., 2N, 2N).

    Returns:
        Shape (..., N, N), in squared parameter units. The diagonal means nothing.
    """
    return _by_halves(distances_squared).mean(dim=(-3, -1))


def split_half_ratios(distances_squared: Tensor) -> Tensor:
    """Return the distances of datasets in units of chance: r_ij = d²_ij / n_ij.

    d²_ij is the mean of the four squared distances between a half of i and a half of j. The null n_ij is
    the mean of the two squared distances within i and within j. Let a half of dataset k give the network
    μ_k + ε, with independent ε of mean 0 and variance v_k in each of D parameters. Then

        E d²_ij = ‖μ_i − μ_j‖² + D (v_i + v_j)    and    E n_ij = D (v_i + v_j),

    whatever the two variances are. So the ratio is about 1 where the data do not tell the two networks
    apart (for normal ε of equal variance its expectation is 1 + 1 / (2D − 2)), and r − 1 is what lies
    between them, in units of chance. It cannot fall below 1/2.

    Args:
        distances_squared: between halves, of each layer or block, shape (..., 2N, 2N).

    Returns:
        Shape (..., N, N), no unit. The diagonal is 1. NaN where halves of both datasets are equal, as under
        a half-life of 0.
    """
    within = within_datasets(distances_squared)
    null = (within[..., :, None] + within[..., None, :]) / 2
    ratios = between_datasets(distances_squared) / null
    ratios = torch.where(null > 0, ratios, torch.nan)
    return ratios.masked_fill(torch.eye(within.shape[-1], dtype=torch.bool, device=within.device), 1.0)


def split_half_scales(distances_squared: Tensor, scale_factor: float = 1.0) -> Tensor:
    """Return sigma_b from chance instead of 4.2.1: σ² = s² · mean over i of ‖θ_i − θ_i'‖² / 2.

    It is halved, since the networks that are weighted learn from all images of a dataset, in batches twice
    as large: the variance that chance gives them is half of that of a network of one half. So a pair that
    should be shared has d² = σ² in expectation, and under s = 1 the weight (7) of 1/2.

    Args:
        distances_squared: of each block, between halves, shape (B, 2N, 2N).
        scale_factor: s.

    Returns:
        Shape (B,), in parameter units, positive.

    Raises:
        ValueError: a scale is zero: in some block the halves of every dataset are equal.
    """
    sigma = scale_factor * (within_datasets(distances_squared).mean(dim=-1) / 2).sqrt()
    if blocks := (~(sigma > 0)).nonzero().flatten().tolist():
        raise ValueError(
            f"sigma must be positive, but is zero for blocks {blocks}: there the halves of every dataset "
            "are equal. Train them with a smaller lambda or a longer L2 start."
        )
    return sigma


def _by_halves(distances_squared: Tensor) -> Tensor:
    """Return distances with an index for the dataset and one for the half: (..., N, 2, N, 2)."""
    *first, count, _ = distances_squared.shape
    if count % 2:
        raise ValueError(f"There must be two halves of each dataset, but there are {count} networks.")
    return distances_squared.reshape(*first, count // 2, 2, count // 2, 2)
