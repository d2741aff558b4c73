"""The optimisers of n networks: of all at once, of each, and of each part that takes its turn."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import nn

from jointnn.methods.settings import Training


class Optimisers:
    """Optimisers over the same rows with the same states: whichever takes a step, the others know.

    Args:
        rows: what each network owns of the stacked parameters.
        parts: the part that each of those rows belongs to, in the same order.
        settings: which optimiser, and its settings.

    Attributes:
        together: over all rows: one call takes less time than one for each network.
        of_networks: of each network, over its rows.
        of_parts: of each network, by part, over the rows of that part.
    """

    def __init__(
        self, rows: Sequence[list[nn.Parameter]], parts: Sequence[Sequence[str]], settings: Training
    ) -> None:
        self.settings = settings
        self.together = make_optimiser(list(chain.from_iterable(rows)), settings)
        self.of_networks = [self._sharing(own) for own in rows]
        self.of_parts = [
            {
                part: self._sharing([row for row, its in zip(own, of_rows, strict=True) if its == part])
                for part in dict.fromkeys(of_rows)
            }
            for own, of_rows in zip(rows, parts, strict=True)
        ]

    def _sharing(self, rows: list[nn.Parameter]) -> torch.optim.Optimizer:
        made = make_optimiser(rows, self.settings)
        made.state = self.together.state
        return made

    def step_all(self, learning_rate: float) -> None:
        """A step of every network."""
        _step(self.together, learning_rate)

    def step(self, index: int, part: str, learning_rate: float) -> None:
        """A step of one part of a network."""
        _step(self.of_parts[index][part], learning_rate)


def _step(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.step()


def make_optimiser(rows: list[nn.Parameter], settings: Training) -> torch.optim.Optimizer:
    """The optimiser of settings, over rows of the stacked parameters."""
    if settings.optimiser == "adam":
        return torch.optim.Adam(
            rows,
            lr=settings.learning_rate,
            betas=(settings.momentum, 0.999),
            weight_decay=settings.weight_decay,
            foreach=True,
        )
    return torch.optim.SGD(
        rows,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        foreach=True,
    )
