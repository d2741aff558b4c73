"""The couplings (6) of a phase, from its weights and the settings of its method."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jointnn.errors import UserError
from jointnn.irls import consistency
from jointnn.irls.rounds import Round
from jointnn.methods.plan import Phase, Plan
from jointnn.methods.settings import MethodSettings


@dataclass(frozen=True)
class Couplings:
    """c_ijl = strength_l weights_ijl: weights (L, n, n) with a zero diagonal, strength (L,)."""

    weights: Tensor
    strength: Tensor


def scales_of(distances_squared: Tensor, settings: MethodSettings) -> Tensor:
    """sigma_b, shape (B,). Infinite in the corners that need none: s infinite (L2), half-life 0.

    Raises:
        UserError: in some block every network equals another one.
    """
    if math.isinf(settings.scale_factor) or settings.strength.half_life == 0:
        return torch.full(distances_squared.shape[:1], torch.inf, dtype=torch.float64)
    try:
        return consistency.scales(distances_squared, settings.scale_factor)
    except ValueError as error:
        raise UserError(str(error)) from error


def base_strength(layers: Sequence[Tensor], settings: MethodSettings) -> float:
    """lambda of the experiment, from the half-life at the base learning rate, or as given."""
    if settings.strength.lambda_ is not None:
        return settings.strength.lambda_
    assert settings.strength.half_life is not None
    size = consistency.metric_sizes(layers, settings.metric).quantile(0.5, interpolation="nearest")
    return consistency.strength_of_half_life(
        settings.strength.half_life,
        effective_step(settings, settings.learning_rate),
        len(layers[0]),
        float(size),
    )


def descends_an_objective(settings: MethodSettings) -> bool:
    """Whether couplings are those of (4): not with Adam or a strength that falls."""
    return settings.optimiser == "sgd" and settings.strength_decay == 0


def effective_step(settings: MethodSettings, learning_rate: float) -> float:
    """tau: lr / (1 - momentum) for SGD (departure 5); the learning rate itself for Adam."""
    return learning_rate / (1 - settings.momentum if settings.optimiser == "sgd" else 1)


def couplings_of(
    phase: Phase,
    plan: Plan,
    found: Round | None,
    layers: Sequence[Tensor],
    settings: MethodSettings,
) -> Couplings:
    """The couplings (6) of a phase: its own weights, or those found for the round."""
    n, count = len(layers[0]), len(layers)
    if phase.one_network:
        ones = torch.ones(count, n, n, dtype=torch.float64) - torch.eye(n, dtype=torch.float64)
        return Couplings(ones, torch.full((count,), torch.inf, dtype=torch.float64))
    membership = membership_of(plan)
    weights = found.weights if found is not None else torch.from_numpy(np.asarray(phase.weights))
    by_layer = consistency.layer_weights(weights, membership)
    factors = [consistency.layer_factors(of_part, plan.strength_decay) for of_part in plan.layers]
    if phase.first_layers is not None:
        for factor, first in zip(factors, phase.first_layers, strict=True):
            factor[first:] = 0
    by_layer *= torch.cat(factors)[:, None, None]
    sizes = consistency.metric_sizes(layers, settings.metric)
    strength = base_strength(layers, settings) if bool(by_layer.any()) else 0.0
    return Couplings(by_layer, strength / sizes)


def membership_of(plan: Plan) -> Tensor:
    """`consistency.block_membership` of each part, refused as a user's mistake: no block crosses parts."""
    try:
        of_parts = [consistency.block_membership(count, plan.blocks) for count in plan.layers]
    except ValueError as error:
        raise UserError(str(error)) from error
    membership: Tensor = torch.block_diag(*of_parts)
    return membership
