"""The step from the distances of one round to the weights of the next, and the scales of all rounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from jointnn.errors import UserError
from jointnn.irls import consistency
from jointnn.irls.split_halves import split_half_scales


@dataclass(frozen=True)
class Round:
    """The weights of a round and what they were found from.

    Attributes:
        weights: w_ijb, shape (B, n, n).
        sigma: shape (B,).
        delta: largest change of a weight since the round before; None in the first.
        converged: delta was at most the tolerance here or before; then the weights stay.
    """

    weights: Tensor
    sigma: Tensor
    delta: float | None
    converged: bool

    def to_json(self) -> dict[str, Any]:
        """Return the round as JSON; numbers keep every digit."""
        return {
            "weights": self.weights.tolist(),
            "sigma": self.sigma.tolist(),
            "delta": self.delta,
            "converged": self.converged,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Round":
        """Return the round that `to_json` gave."""
        return cls(
            weights=torch.tensor(value["weights"], dtype=torch.float64),
            sigma=torch.tensor(value["sigma"], dtype=torch.float64),
            delta=value["delta"],
            converged=value["converged"],
        )


def scales_of(distances_squared: Tensor, scale_factor: float) -> Tensor:
    """Return sigma_b from distances (B, n, n), shape (B,); infinite where the scale factor is infinite.

    Raises:
        UserError: in some block every network equals another one.
    """
    if math.isinf(scale_factor):
        return torch.full(distances_squared.shape[:1], torch.inf, dtype=torch.float64)
    try:
        return consistency.scales(distances_squared, scale_factor)
    except ValueError as error:
        raise UserError(str(error)) from error


def scales_of_halves(distances_squared: Tensor, scale_factor: float) -> Tensor:
    """Return sigma_b from distances of halves (B, 2N, 2N), shape (B,), instead of that of 4.2.1.

    Raises:
        UserError: in some block the halves of every dataset are equal.
    """
    if math.isinf(scale_factor):
        return torch.full(distances_squared.shape[:1], torch.inf, dtype=torch.float64)
    try:
        return split_half_scales(distances_squared, scale_factor)
    except ValueError as error:
        raise UserError(str(error)) from error


def next_round(
    distances_squared: Tensor, sigma: Tensor, before: Round | None, weighting: str, tolerance: float
) -> Round:
    """Return the round of weights (7) from distances (B, n, n).

    If IRLS has converged before (4.2.2), that round stays.
    """
    if before is not None and before.converged:
        return before
    weights = consistency.irls_weights(distances_squared, sigma, weighting)
    delta = None if before is None else consistency.largest_change(weights, before.weights)
    return Round(
        weights=weights,
        sigma=sigma,
        delta=delta,
        converged=delta is not None and delta <= tolerance,
    )


def block_names(layers: Sequence[str], membership: Tensor) -> list[str]:
    """Return a name for each block: its first and last layer, as in conv1-conv2."""
    members = [[layers[i] for i in row.nonzero().flatten().tolist()] for row in membership]
    return [names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}" for names in members]
