"""One optimizer over all that n networks own, which steps all of them, one, or one part of one.

The steps are torch's functions. Its classes import its compiler, which takes as long as torch itself: too
long for a job that trains one round of a small network.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from jointnn.methods.settings import Training
from jointnn.models.offloading import Memory
from jointnn.models.stacked import StackedNetworks

States = dict[nn.Parameter, dict[str, Tensor]]
"""States that an optimizer keeps of each row, such as its momentum_buffer, by torch's names."""
Step = Callable[[list[nn.Parameter], States, float], None]
"""Steps rows that have gradients, at a learning rate, and updates their states."""


class Optimizer:
    """SGD or Adam over the rows of stacked networks; which of them take a step is said at each step.

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
        self._update = step_of(settings)
        self._states: States = {row: {} for row in self._all}
        self._files: dict[tuple[int, int, str], Tensor] = {}

    def step_all(self, learning_rate: float) -> None:
        """Take a step of every network: one call for all takes less time than one for each."""
        self._step(self._all, learning_rate)

    def step(self, index: int, part: str, learning_rate: float) -> None:
        """Take a step of one part of a network."""
        self._step(self._of_parts[index][part], learning_rate)

    def _step(self, rows: list[nn.Parameter], learning_rate: float) -> None:
        self._update([row for row in rows if row.grad is not None], self._states, learning_rate)

    def states(self, index: int) -> dict[str, list[Tensor]]:
        """Return each state of a network, such as momentum_buffer, as a tensor for each of its rows."""
        rows = self.networks.rows[index]
        names = sorted(self._states[rows[0]])
        return {name: [self._states[row][name] for row in rows] for name in names}

    def put_states(self, index: int, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Put the states of a network in the place of those that are there; none: it begins anew."""
        for position, row in enumerate(self.networks.rows[index]):
            self._states[row] = {name: values[position] for name, values in states.items()}

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
            state = self._states[row]
            for name, value in list(state.items()):
                if value.dim():
                    yield position, state, name


def step_of(settings: Training) -> Step:
    """Return the step function of the settings' optimizer, over rows of the stacked parameters."""

    @torch.no_grad()
    def step_of_sgd(rows: list[nn.Parameter], states: States, learning_rate: float) -> None:
        buffers = [states[row].get("momentum_buffer") for row in rows]
        sgd(
            list(rows),
            gradients_of(rows),
            buffers,
            foreach=True,
            lr=learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        if settings.momentum:  # the first step makes the buffers
            for row, buffer in zip(rows, buffers, strict=True):
                assert buffer is not None
                states[row]["momentum_buffer"] = buffer

    @torch.no_grad()
    def step_of_adam(rows: list[nn.Parameter], states: States, learning_rate: float) -> None:
        for row in rows:
            if not states[row]:
                states[row] |= {
                    "step": torch.tensor(0.0),
                    "exp_avg": torch.zeros_like(row),
                    "exp_avg_sq": torch.zeros_like(row),
                }
        adam(
            list(rows),
            gradients_of(rows),
            [states[row]["exp_avg"] for row in rows],
            [states[row]["exp_avg_sq"] for row in rows],
            [],
            [states[row]["step"] for row in rows],
            foreach=True,
            lr=learning_rate,
            beta1=settings.momentum,
            beta2=0.999,
            eps=1e-8,
            weight_decay=settings.weight_decay,
            amsgrad=False,
            maximize=False,
        )

    return step_of_adam if settings.optimiser == "adam" else step_of_sgd


def gradients_of(rows: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the gradients of parameters that have one."""
    return [row.grad for row in rows if row.grad is not None]
