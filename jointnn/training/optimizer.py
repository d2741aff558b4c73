"""One optimizer over all that n networks own, which steps all of them, one, or one part of one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from jointnn.methods.settings import Training
from jointnn.models.offloading import Memory
from jointnn.models.stacked import StackedNetworks


class Optimizer:
    """A torch optimizer over the rows of stacked networks; which of them take a step is said at each step.

    Args:
        networks: whose rows it steps.
        settings: which optimizer, and its settings.
    """

    def __init__(self, networks: StackedNetworks, settings: Training) -> None:
        self.networks = networks
        self._all = list(chain.from_iterable(networks.rows))
        self._of_parts = [
            {
                part: [row for row, its in zip(rows, parts, strict=True) if its == part]
                for part in dict.fromkeys(parts)
            }
            for rows, parts in ((rows, networks.parts_of_rows(i)) for i, rows in enumerate(networks.rows))
        ]
        self._torch = make_optimizer(self._all, settings)
        self._files: dict[tuple[int, int, str], Tensor] = {}

    def step_all(self, learning_rate: float) -> None:
        """Take a step of every network: one call for all takes less time than one for each."""
        self._step(self._all, learning_rate)

    def step(self, index: int, part: str, learning_rate: float) -> None:
        """Take a step of one part of a network."""
        self._step(self._of_parts[index][part], learning_rate)

    def _step(self, rows: list[nn.Parameter], learning_rate: float) -> None:
        (group,) = self._torch.param_groups
        group["params"], group["lr"] = rows, learning_rate
        self._torch.step()

    def states(self, index: int) -> dict[str, list[Tensor]]:
        """Return each state of a network, such as momentum_buffer, with a tensor for each of its rows."""
        rows, state = self.networks.rows[index], self._torch.state
        names = [name for name, value in state[rows[0]].items() if value is not None]
        return {name: [state[row][name] for row in rows] for name in sorted(names)}

    def put_states(self, index: int, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Put the states of a network in the place of those that are there; none: it begins anew."""
        for position, row in enumerate(self.networks.rows[index]):
            self._torch.state.pop(row, None)
            for name, values in states.items():
                self._torch.state[row][name] = values[position]

    @contextmanager
    def at_work(self, index: int) -> Iterator[None]:
        """Hold the states of a network on its device; afterwards they are in files.

        States of networks in memory are always there.
        """
        home = self.networks.home
        if isinstance(home, Memory):
            yield
            return
        for _, state, name in self._of_network(index):
            state[name] = state[name].to(home.device, copy=True)
        try:
            yield
        finally:
            for position, state, name in self._of_network(index):
                place = index, position, name
                if place not in self._files:
                    self._files[place] = home.keep(state[name].cpu(), "-".join(map(str, place)))
                self._files[place].copy_(state[name])
                state[name] = self._files[place]

    def _of_network(self, index: int) -> Iterator[tuple[int, dict[str, Tensor], str]]:
        """Yield row, state and name of every tensor of a network that is as large as its row."""
        for position, row in enumerate(self.networks.rows[index]):
            state = self._torch.state.get(row, {})
            for name, value in list(state.items()):
                if isinstance(value, Tensor) and value.dim():
                    yield position, state, name


def make_optimizer(rows: list[nn.Parameter], settings: Training) -> torch.optim.Optimizer:
    """Return the torch optimizer of settings, over rows of the stacked parameters."""
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
