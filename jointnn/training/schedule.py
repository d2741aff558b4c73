"""The learning rate at each step of a method's whole budget."""

import math
from collections.abc import Mapping
from typing import Any

from jointnn.methods.settings import Training


class Schedule:
    """The learning rate: a function of the step, and, where it is `stalled`, of what was reached before.

    Args:
        settings: the base learning rate, and how it goes.

    Attributes:
        best: the lowest mean validation loss of a record.
        waited: records since then, or since the rate was halved, not counting those at the ends of phases.
        halvings: how often it was.
    """

    def __init__(self, settings: Training) -> None:
        self.settings = settings
        self.best, self.waited, self.halvings = math.inf, 0, 0

    def rate(self, step: int) -> float:
        """Return the learning rate at a step."""
        base, name = self.settings.learning_rate, self.settings.schedule
        if name == "staircase":
            return base * 0.1 ** (step // self.settings.decay_every)
        if name == "cosine":
            return base * 0.5 * (1 + math.cos(math.pi * step / self.settings.steps))
        return base * 0.5**self.halvings if name == "stalled" else base

    def record(self, loss: float) -> None:
        """Take note of the mean validation loss, every `record_every` steps: halve a rate that stalls."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.settings.patience:
            self.halvings, self.waited = self.halvings + 1, 0

    def state(self) -> dict[str, Any]:
        """Return all that a job that goes on must know."""
        return {"best": self.best, "waited": self.waited, "halvings": self.halvings}

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state; from an empty one, begin."""
        self.best = state.get("best", math.inf)
        self.waited, self.halvings = state.get("waited", 0), state.get("halvings", 0)
