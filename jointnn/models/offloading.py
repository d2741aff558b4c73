"""Networks that wait in files while one is at work: a device then holds one network, not all.

Stacked parameters, averages and the states of optimisers are memory-mapped files; the operating system
keeps of them what the computer's memory has room for. The network at work has copies on the device, and
the only gradient.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from jointnn.models.stacked import Networks


class Waiting:
    """Takes one network after the other to the device and back.

    Args:
        networks: made with a folder, for their files.
        rows: what each network owns of them.
        optimisers: of each network, over its rows.
        device: where networks work.
    """

    def __init__(
        self,
        networks: Networks,
        rows: Sequence[Sequence[nn.Parameter]],
        optimisers: Sequence[torch.optim.Optimizer],
        device: torch.device,
    ) -> None:
        self.networks, self.rows, self.optimisers, self.device = networks, rows, optimisers, device
        self.homes: dict[tuple[int, int, str], Tensor] = {}

    @contextmanager
    def at_work(self, index: int) -> Iterator[None]:
        """Network `index` on the device, with a gradient; afterwards what it learned is in its files."""
        rows = self.rows[index]
        homes = [row.data for row in rows]
        for row in rows:
            row.data = row.data.to(self.device, copy=True)
            row.grad = torch.zeros_like(row.data)
        self._attach(index, self.device)
        self._take_states(index)
        try:
            yield
        finally:
            for row, home in zip(rows, homes, strict=True):
                home.copy_(row.data)
                row.grad = None
                row.data = home
            self._attach(index, torch.device("cpu"))
            self._bring_states(index)

    def _attach(self, index: int, device: torch.device) -> None:
        """Make the parameters of a module views of its rows, and move what is in no row with them."""
        name, module = list(self.networks.modules.items())[index]
        places, rows = self.networks.places[name], self.rows[index]
        views = self.networks.split(name, [row.data for row in rows])
        gradients = [row.grad for row in rows if row.grad is not None]
        slopes = self.networks.split(name, gradients) if gradients else {}
        for key, view in views.items():
            parameter = module.get_parameter(key)
            parameter.grad = None
            parameter.data = view
            parameter.grad = slopes.get(key)
        frozen = (value for key, value in module.named_parameters() if key not in places)
        for value in chain(module.buffers(), frozen):
            value.data = value.data.to(device)

    def _take_states(self, index: int) -> None:
        for _, state, key in self._states(index):
            state[key] = state[key].to(self.device, copy=True)

    def _bring_states(self, index: int) -> None:
        for position, state, key in self._states(index):
            place = index, position, key
            if place not in self.homes:
                self.homes[place] = self.networks.kept(state[key].cpu(), "-".join(map(str, place)))
            self.homes[place].copy_(state[key])
            state[key] = self.homes[place]

    def _states(self, index: int) -> Iterator[tuple[int, dict[str, Tensor], str]]:
        """Row, state and name of every tensor that an optimiser keeps of a network."""
        states = self.optimisers[index].state
        for position, row in enumerate(self.rows[index]):
            state = states.get(row, {})
            for key, value in list(state.items()):
                if isinstance(value, Tensor) and value.dim():
                    yield position, state, key
