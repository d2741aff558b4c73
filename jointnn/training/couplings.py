"""The couplings (6) of a phase, from its weights and the settings of its method."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from jointnn.errors import UserError
from jointnn.irls import consistency, solvers
from jointnn.irls.rounds import Round
from jointnn.methods.plan import OneNetwork, Phase, Plan, Reweighted
from jointnn.methods.settings import MethodSettings


@dataclass(frozen=True)
class Couplings:
    """c_ijl = strength_l weights_ijl, and the proximal step that solves the coupling term.

    Attributes:
        weights: of each layer and pair, shape (L, n, n), with a zero diagonal.
        strength: of each layer, shape (L,).
    """

    weights: Tensor
    strength: Tensor

    @property
    def finite(self) -> bool:
        """Return whether networks can be taken one at a time. Under an infinite strength all are one."""
        return not solvers.is_infinite(self.strength)

    @property
    def values(self) -> Tensor:
        """Return c_ijl, shape (L, n, n)."""
        return self.strength[:, None, None] * self.weights

    @cached_property
    def mixer(self) -> solvers.Mixer:
        """Return the mixer that solves the coupling term exactly."""
        return solvers.Mixer(self.weights, self.strength)


def couplings_of(
    phase: Phase,
    plan: Plan,
    rounds: Sequence[Round],
    layers: Sequence[Tensor],
    strength: float,
    settings: MethodSettings,
) -> Couplings:
    """Return the couplings (6) of a phase.

    Args:
        rounds: found so far; the last one gives the weights of a phase that reweights.
        layers: the coupled ones, stacked, (n, D_l) each.
        strength: lambda, of `base_strength`.

    Raises:
        UserError: a pull by gradient would diverge.
    """
    n, count = len(layers[0]), len(layers)
    if isinstance(phase.coupling, OneNetwork):
        ones = torch.ones(count, n, n, dtype=torch.float64) - torch.eye(n, dtype=torch.float64)
        return Couplings(ones, torch.full((count,), torch.inf, dtype=torch.float64))
    factors = [consistency.layer_factors(of_part, plan.strength_decay) for of_part in plan.layers]
    if isinstance(phase.coupling, Reweighted):
        weights = rounds[-1].weights
    else:
        weights = torch.from_numpy(phase.coupling.weights)
        if phase.coupling.first_layers is not None:
            for factor, first in zip(factors, phase.coupling.first_layers, strict=True):
                factor[first:] = 0
    by_layer = consistency.layer_weights(weights, membership_of(plan))
    by_layer *= torch.cat(factors)[:, None, None]
    # An infinite strength of nothing is none.
    made = Couplings(
        by_layer, (strength if by_layer.any() else 0.0) / consistency.metric_sizes(layers, settings.metric)
    )
    if settings.pull == "gradient" and made.finite:
        try:
            solvers.check_gradient_pull(made.values, settings.learning_rate, settings.momentum)
        except ValueError as error:
            raise UserError(str(error)) from error
    return made


def base_strength(layers: Sequence[Tensor], settings: MethodSettings) -> float:
    """Return lambda as it is given, or from the half-life at the base learning rate."""
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
    """Return whether couplings are those of (4): not with Adam or a strength that falls."""
    return settings.optimiser == "sgd" and settings.strength_decay == 0


def effective_step(settings: MethodSettings, learning_rate: float) -> float:
    """Return tau: lr / (1 - momentum) for SGD (departure 5), the learning rate itself for Adam."""
    return learning_rate / (1 - settings.momentum if settings.optimiser == "sgd" else 1)


def membership_of(plan: Plan) -> Tensor:
    """Return the layers of each block as zeros and ones, (B, L). No block crosses parts.

    Raises:
        UserError: there is no block, since a layer has no neighbour.
    """
    try:
        of_parts = [consistency.block_membership(count, plan.blocks) for count in plan.layers]
    except ValueError as error:
        raise UserError(str(error)) from error
    membership: Tensor = torch.block_diag(*of_parts)
    return membership
