"""A method as a plan: the phases of its training, what is coupled in each, and how weights are found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Problem:
    """The problem that a plan is for: n datasets, their coupled layers and, for `oracle`, planted groups.

    Attributes:
        layers: number of coupled layers of each part of a network; most networks are one part.
    """

    datasets: Sequence[str]
    layers: Sequence[int]
    groups: Sequence[Sequence[str]] = ()
    shared_blocks: int = 2

    def everywhere(self, value: float, blocks: int) -> np.ndarray:
        """Return `value` as the weight of all pairs in all blocks, shape (B, n, n)."""
        n = len(self.datasets)
        return np.full((blocks, n, n), value)


@dataclass(frozen=True)
class Fixed:
    """Weights that are given.

    Attributes:
        weights: w_ijb, shape (B, n, n).
        first_layers: couple only so many layers of each part; None: all.
    """

    weights: np.ndarray
    first_layers: Sequence[int] | None = None


@dataclass(frozen=True)
class Reweighted:
    """Weights (7) that are found by IRLS, from the networks at the end of the phase before."""


@dataclass(frozen=True)
class OneNetwork:
    """An infinite strength: coupled layers are one."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training under weights that stay.

    Attributes:
        name: the folder of its job, where the phases of a method are jobs of their own.
        steps: gradient steps per network.
        coupling: where its weights come from.
        restarts: whether it begins again from the common start.
        start: its first step, counted from the start of the method.
    """

    name: str
    steps: int
    coupling: Fixed | Reweighted | OneNetwork
    restarts: bool = False
    start: int = 0

    @property
    def end(self) -> int:
        """Return the step after its last step."""
        return self.start + self.steps

    @property
    def reweights(self) -> bool:
        """Return whether it is an IRLS round, which finds weights before it trains."""
        return isinstance(self.coupling, Reweighted)

    @property
    def average_from(self) -> int:
        """Return the first step of its second half, where averaging of the parameters begins."""
        return self.start + self.steps // 2


@dataclass(frozen=True)
class Plan:
    """The phases of a method in order, and how blocks are formed, weights found and layers coupled.

    Attributes:
        blocks: `adjacent` as in (3), `single` or `whole`, as `consistency.block_membership` has them.
        weighting: how distances become weights, as `consistency.irls_weights` has it.
        strength_decay: by how much the strength falls from the first to the last coupled layer of a part.
        layers: number of coupled layers of each part.
        metric: of distances, as `consistency.layer_distances_squared` has it.
        scale_factor: s of sigma, 4.2.1; infinite where no scale is needed.
        tolerance: the largest change of a weight at which IRLS counts as converged.
        stops: whether training ends there (4.2.2), instead of at the end of the budget.
        averages: whether distances are taken between parameters averaged over the last half of a phase.
    """

    phases: Sequence[Phase]
    blocks: str = "adjacent"
    weighting: str = "paper"
    strength_decay: float = 0.0
    layers: Sequence[int] = ()
    metric: str = "sum_square"
    scale_factor: float = 1.0
    tolerance: float = 0.01
    stops: bool = False
    averages: bool = False

    def end_of(self, name: str) -> int:
        """Return the step after the last one of a named phase; "" is the whole plan.

        Raises:
            KeyError: no phase has this name.
        """
        return {phase.name: phase.end for phase in self.phases}[name] if name else self.phases[-1].end
