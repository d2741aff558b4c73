"""The state of a training: all that changes while n networks are trained, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from jointnn.errors import UserError
from jointnn.irls.rounds import Round
from jointnn.methods.settings import Training
from jointnn.models.stacked import StackedNetworks
from jointnn.training.optimizer import Optimizer
from jointnn.training.schedule import Schedule

Row = tuple[int, str, str, str, float]
"""A record: step, split, dataset, metric, value."""
NETWORKS, OPTIMIZER, AVERAGE, GLIMPSES, ROUNDS = "networks", "optimizer", "average", "glimpses", "rounds"
"""Beginnings of the names of saved tensors."""


@dataclass
class RunningMean:
    """The mean of stacked parameters over steps, between which distances are taken.

    Attributes:
        layers: the mean of each coupled layer, shape (n, D_l).
        count: how many steps it is of; while there are none, `layers` mean nothing.
    """

    layers: list[Tensor]
    count: int = 0

    def clear(self) -> None:
        """Begin anew."""
        self.count = 0

    def add(self, layers: Sequence[Tensor]) -> None:
        """Take the present parameters into the mean."""
        self.count += 1
        torch._foreach_lerp_(self.layers, [layer.data for layer in layers], 1 / self.count)


@dataclass
class State:
    """All that changes while n networks are trained.

    Attributes:
        networks: with parameters, on the device or in files.
        optimizer: over all that they own.
        schedule: the learning rate so far.
        average: of parameters over the second half of the present phase.
        step: steps taken, counted from the start of the method.
        sigma: scales of the blocks, shape (B,), once they are known.
        rounds: the weights of every round begun so far.
        history: records of this job.
        glimpses: a few images by dataset and step, uint8.
        alarms: alarms of the task about trained networks, by dataset.
        diverged: sentence on a run that diverged and is kept (`Task.keeps_diverged`); usually empty.
    """

    networks: StackedNetworks
    optimizer: Optimizer
    schedule: Schedule
    average: RunningMean
    step: int = 0
    sigma: Tensor | None = None
    rounds: list[Round] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    glimpses: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    alarms: dict[str, str] = field(default_factory=dict)
    diverged: str = ""

    @classmethod
    def of(cls, networks: StackedNetworks, settings: Training) -> "State":
        """Return the state of networks before their first step."""
        means = [
            networks.home.keep(torch.zeros_like(layer.data), f"average-{k}")
            for k, layer in enumerate(networks.coupled)
        ]
        return cls(
            networks,
            Optimizer(networks, settings),
            Schedule(settings),
            RunningMean(means),
            glimpses={name: {} for name in networks.names},
        )

    @property
    def converged(self) -> bool:
        """Return whether the weights of the last round stay."""
        return bool(self.rounds) and self.rounds[-1].converged

    @property
    def layers(self) -> Sequence[Tensor]:
        """Return the layers between which distances are taken, averaged where there is an average."""
        # What was averaged in a run that diverged went astray after its last record.
        return self.average.layers if self.average.count and not self.diverged else self.networks.coupled

    @contextmanager
    def at_work(self, index: int) -> Iterator[None]:
        """Hold network `index` on the device: always, unless the others are on disk."""
        with self.networks.at_work(index), self.optimizer.at_work(index):
            yield

    def put(self, start: Mapping[str, Tensor]) -> None:
        """Put saved networks in the place of those that are there; their optimizer begins anew.

        Raises:
            UserError: a tensor is missing, unknown or of another shape.
        """
        for index, (name, module) in enumerate(self.networks.modules.items()):
            put_module(module, within(start, f"{NETWORKS}/{name}"), name)
            self.optimizer.put_states(index, {})

    def tensors(self, *, optimizer: bool = True) -> dict[str, Tensor]:
        """Return all tensors, by name; the states of the optimizer only where asked for."""
        found: dict[str, Tensor] = {}
        for index, (name, module) in enumerate(self.networks.modules.items()):
            found |= {f"{NETWORKS}/{name}/{key}": value for key, value in module.state_dict().items()}
            if optimizer:
                found |= {f"{OPTIMIZER}/{name}/{key}": v for key, v in self._states_of(index).items()}
            found |= {f"{GLIMPSES}/{name}/{step}": value for step, value in self.glimpses[name].items()}
        if self.average.count:
            layers = zip(self.networks.layers, self.average.layers, strict=True)
            found |= {f"{AVERAGE}/{layer}": value for layer, value in layers}
        if self.sigma is not None:
            found["sigma"] = self.sigma
        return found | {f"{ROUNDS}/{k}": found.weights for k, found in enumerate(self.rounds)}

    def numbers(self) -> dict[str, Any]:
        """Return all else, as JSON."""
        return {
            "step": self.step,
            "averaged": self.average.count,
            "schedule": self.schedule.state(),
            "rounds": [(r.delta, r.converged) for r in self.rounds],
            "history": self.history,
            "diverged": self.diverged,
            "alarms": self.alarms,
        }

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Become the state of which these are tensors and numbers.

        Raises:
            UserError: a tensor is missing, unknown or of another shape.
        """
        self.put(tensors)
        for index, name in enumerate(self.networks.names):
            self._put_states(index, within(tensors, f"{OPTIMIZER}/{name}"))
            glimpses = within(tensors, f"{GLIMPSES}/{name}")
            self.glimpses[name] = {int(step): glimpses[step] for step in sorted(glimpses, key=int)}
        self.average.count = numbers.get("averaged", 0)
        if self.average.count:
            for layer, value in zip(self.networks.layers, self.average.layers, strict=True):
                value.copy_(tensors[f"{AVERAGE}/{layer}"])
        self.step = numbers.get("step", 0)
        self.schedule.go_on(numbers.get("schedule", {}))
        self.sigma = tensors.get("sigma")
        self.rounds = [
            Round(tensors[f"{ROUNDS}/{k}"], tensors["sigma"], *numbers_of_round)
            for k, numbers_of_round in enumerate(numbers.get("rounds", []))
        ]
        self.history = [tuple(row) for row in numbers.get("history", [])]
        self.diverged, self.alarms = numbers.get("diverged", ""), dict(numbers.get("alarms", {}))

    def _states_of(self, index: int) -> dict[str, Tensor]:
        """Return a network's optimizer states by parameter. A single number for all stays as it is."""
        found: dict[str, Tensor] = {}
        for state, rows in self.optimizer.states(index).items():
            if rows[0].dim() == 0:
                found[state] = rows[0]
            else:
                of_parameters = self.networks.split(self.networks.names[index], rows)
                found |= {f"{state}/{name}": value for name, value in of_parameters.items()}
        return found

    def _put_states(self, index: int, saved: Mapping[str, Tensor]) -> None:
        name, rows = self.networks.names[index], self.networks.rows[index]
        states: dict[str, list[Tensor]] = {}
        for state in sorted({key.split("/")[0] for key in saved}):
            if state in saved:
                states[state] = [saved[state].clone() for _ in rows]
                continue
            states[state] = [torch.zeros_like(row) for row in rows]
            for key, view in self.networks.split(name, states[state]).items():
                view.copy_(saved[f"{state}/{key}"])
        self.optimizer.put_states(index, states)


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`/, by the rest of their names."""
    start = f"{prefix}/"
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def put_module(module: torch.nn.Module, saved: Mapping[str, Tensor], dataset: str) -> None:
    """Copy saved parameters and buffers into a module.

    Raises:
        UserError: one is missing, unknown or of another shape.
    """
    own = module.state_dict()
    for name in sorted(own.keys() | saved.keys()):
        there, here = saved.get(name), own.get(name)
        if there is None or here is None or there.shape != here.shape:
            raise UserError(
                f"the network of {dataset} has another architecture: {name!r} is "
                f"{'missing' if there is None else tuple(there.shape)} there and "
                f"{'unknown' if here is None else tuple(here.shape)} in this job's network."
            )
        here.copy_(there)
