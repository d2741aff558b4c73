"""A method as a plan: the phases of its training, what is coupled in each, and how weights are found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Problem:
    """What a plan depends on: n datasets, their coupled layers, and, for `oracle` alone, planted groups.

    Attributes:
        layers: number of coupled layers of each part of a network; most networks are one part.
    """

    datasets: Sequence[str]
    layers: Sequence[int]
    groups: Sequence[Sequence[str]] = ()
    shared_blocks: int = 2

    def everywhere(self, value: float, blocks: int) -> np.ndarray:
        """One weight for all pairs and blocks, shape (B, n, n)."""
        n = len(self.datasets)
        return np.full((blocks, n, n), value)


@dataclass(frozen=True)
class Phase:
    """A stretch of training under fixed weights.

    Attributes:
        name: the folder of its job, for `joint`.
        steps: gradient steps per network.
        weights: w_ijb, shape (B, n, n); None: found by IRLS from the networks before it.
        first_layers: couple only so many layers of each part; None: all.
        one_network: lambda is infinite, so that coupled layers are one.
        restart: begin again from the common start.
        start: first step of the phase, counted from the start of the method.
    """

    name: str
    steps: int
    weights: np.ndarray | None
    first_layers: Sequence[int] | None = None
    one_network: bool = False
    restart: bool = False
    start: int = 0

    @property
    def end(self) -> int:
        """The step after its last."""
        return self.start + self.steps


@dataclass(frozen=True)
class Plan:
    """The phases of a method in order, and how blocks are formed, weights found and layers coupled.

    Attributes:
        strength_decay: by how much the strength falls from the first to the last coupled layer of a part.
        layers: number of coupled layers of each part.
    """

    phases: Sequence[Phase]
    blocks: str = "adjacent"
    weighting: str = "paper"
    strength_decay: float = 0.0
    layers: Sequence[int] = ()
