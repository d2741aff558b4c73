"""Training n networks under given couplings: steps, learning rate, records, divergence.

Every method runs through `Trainer.run`; only the couplings differ.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import fmean

import torch
from torch import Tensor

from jointnn.data.augmentations import Augmentation
from jointnn.data.splits import Split
from jointnn.errors import DivergedError
from jointnn.irls import consistency
from jointnn.methods.settings import MethodSettings
from jointnn.models.offloading import Waiting
from jointnn.models.stacked import Networks
from jointnn.tasks.base import Task, named
from jointnn.training.couplings import Couplings, base_strength, descends_an_objective
from jointnn.training.gradients import Gradients
from jointnn.training.optimizer import Optimisers
from jointnn.training.schedule import Schedule
from jointnn.training.updates import Descent

Row = tuple[int, str, str, str, float]
"""A record: step, split, dataset, metric, value."""


@dataclass(frozen=True)
class Data:
    """The splits of one dataset; the test split only where its curve is wanted."""

    train: Split
    validation: Split
    test: Split | None = None


@dataclass
class Trainer:
    """n networks, their data and their optimisers, at some step.

    Args:
        method: for messages.
        networks: with parameters, on the device; or in files, with a folder.
        data: by dataset name, in the networks' order, on the device.
        task: the data term and its measures.
        settings: of the method.
        seed: decides the order of the batches, with the dataset's name.
        membership: which layers form which block, (B, L), for the consistency loss.
        averages: whether distances are taken between parameters averaged over the last half of a phase.
        augmentation: what is done to the pixels of a batch, if anything.

    Attributes:
        diverged: what happened to a run that diverged and is kept (`Task.keeps_diverged`); usually empty.
    """

    method: str
    networks: Networks
    data: Mapping[str, Data]
    task: Task
    settings: MethodSettings
    seed: int
    step: int = 0
    history: list[Row] = field(default_factory=list)
    membership: Tensor = field(default_factory=lambda: torch.zeros(0))
    averages: bool = False
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.settings)
        self.glimpses: dict[str, dict[int, Tensor]] = {name: {} for name in self.data}
        self.rows = [self.networks.rows(index) for index in range(len(self.data))]
        self.gradients = Gradients(self)
        self.batches = self.gradients.batches
        parts = [self.networks.parts_of_rows(index) for index in range(len(self.data))]
        self.optimisers = Optimisers(self.rows, parts, self.settings)
        self.average = [
            self.networks.kept(torch.zeros_like(layer.data), f"average-{k}")
            for k, layer in enumerate(self.networks.coupled)
        ]
        self.averaged = 0
        self.diverged = ""
        self.alarms: dict[str, str] = {}
        self.waiting = None
        if self.networks.folder is not None:
            device = next(iter(self.data.values())).train.labels.device
            self.waiting = Waiting(self.networks, self.rows, self.optimisers.of_networks, device)

    def at_work(self, index: int) -> AbstractContextManager[None]:
        """Within it, network `index` is on the device: always, unless the others wait on disk."""
        return self.waiting.at_work(index) if self.waiting else nullcontext()

    def run(
        self,
        couplings: Couplings,
        start: int,
        end: int,
        on_record: Callable[[], None] = lambda: None,
        sigma: Tensor | None = None,
    ) -> None:
        """Train every network from the present step to `end`, under couplings that stay fixed.

        Args:
            couplings: of (6).
            start: first step of the phase; parameters are averaged over its last half.
            end: the step after its last.
            on_record: called after each record of the history, with the trainer in a state from which
                training goes on to the same bytes.
            sigma: scales of the consistency loss (3), recorded where they are known.

        Raises:
            DivergedError: a loss became NaN or exploded.
        """
        self.gradients.choose_form()
        descent = Descent(self, couplings)
        middle = start + (end - start) // 2
        if self.step == start:
            self.averaged = 0
        while self.step < end:
            stop = min(end, (self.step // self.settings.record_every + 1) * self.settings.record_every)
            losses = descent.steps(self.step, stop, middle)
            self._check(losses, self.step)
            self.step = stop
            self._record(losses.mean(dim=0), sigma)
            on_record()

    def step_of_all(self, step: int, learning_rate: float) -> list[Tensor]:
        """One step of every network on its data term; returns the losses of their batches."""
        networks = range(len(self.rows))
        if self.waiting:
            return [self._step_at_work(index, step, learning_rate) for index in networks]
        if len(self.gradients.turns) > 1:
            return [self.gradient_step(index, step, learning_rate) for index in networks]
        losses = [self.gradients.at(index, step) for index in networks]
        self.optimisers.step_all(learning_rate)
        return losses

    def _step_at_work(self, index: int, step: int, learning_rate: float) -> Tensor:
        with self.at_work(index):
            return self.gradient_step(index, step, learning_rate)

    def gradient_step(
        self, index: int, step: int, learning_rate: float, pull: Callable[[], None] = lambda: None
    ) -> Tensor:
        """One step of network `index`, its parts in turn, on its data term; returns the loss of the batch.

        `pull` is called between gradient and update: it may add to the gradient.
        """
        losses = []
        for turn in self.gradients.turns:
            losses.append(self.gradients.at(index, step, turn))
            pull()
            self.optimisers.step(index, turn, learning_rate)
        return torch.stack(losses).sum()

    @property
    def names(self) -> list[str]:
        """The datasets, in the networks' order."""
        return list(self.data)

    def learning_rate(self, step: int) -> float:
        """The rate at a step of the method's whole budget."""
        return self.schedule.rate(step)

    def update_average(self) -> None:
        """Take the present parameters into the average that distances are taken between."""
        self.averaged += 1
        layers = [layer.data for layer in self.networks.coupled]
        torch._foreach_lerp_(self.average, layers, 1 / self.averaged)

    def layer_distances_squared(self) -> Tensor:
        """Between averaged parameters, or the last ones (`average: false`), shape (L, N, N)."""
        layers = self.average if self.averages else self.networks.coupled
        return consistency.layer_distances_squared(layers, self.settings.metric)

    def _check(self, losses: Tensor, first_step: int) -> None:
        """Refuse NaN and exploding losses (T, n), naming the first."""
        bad = (~(losses <= self.task.explodes_above)).nonzero()
        if len(bad):
            step, index = bad[0].tolist()
            raise DivergedError(
                f"{self.method} diverged: the loss of {self.names[index]} at step "
                f"{first_step + step} is {losses[step, index].item():.3g}. Lower learning_rate "
                f"(now {self.settings.learning_rate:g}), or raise batch_size."
            )

    def _record(self, losses: Tensor, sigma: Tensor | None) -> None:
        """Add a record: mean training loss since the last one, measures of the other splits."""
        for index, loss in enumerate(losses.tolist()):
            self.history.append((self.step, "train", self.names[index], "loss", loss))
            with self.at_work(index):
                self._measure(self.names[index])
                if self._at_interval:
                    self._glimpse(self.names[index])
        rate = self.learning_rate(self.step - 1)
        self.history.append((self.step, "train", "all", "learning_rate", rate))
        if self._at_interval:
            self.schedule.record(self._validation_loss())
        if sigma is not None:
            self._record_penalties(float(losses.sum()), sigma)

    @property
    def _at_interval(self) -> bool:
        """Whether every method has a record here; those at the ends of phases only some have."""
        return self.step % self.settings.record_every == 0

    def _measure(self, name: str) -> None:
        for split in ("validation", "test"):
            images = getattr(self.data[name], split)
            if images is not None:
                found = self.task.measures(self.networks.modules[name], images)
                for metric, value in named(found, self.task).items():
                    self.history.append((self.step, split, name, metric, value))

    def _glimpse(self, name: str) -> None:
        images = self.task.glimpse(self.networks.modules[name])
        if images is not None:
            self.glimpses[name][self.step] = images.cpu()

    def _validation_loss(self) -> float:
        """The mean over datasets at the present record."""
        of_record = [row for row in self.history if row[0] == self.step]
        return fmean(row[4] for row in of_record if row[1] == "validation" and row[3] == "loss")

    def _record_penalties(self, loss: float, sigma: Tensor) -> None:
        """The consistency loss (3), and the objective (4) with it and with the penalties of departure 3."""
        squared = consistency.layer_distances_squared(self.networks.coupled, self.settings.metric)
        blocks = consistency.block_distances_squared(squared, self.membership)
        strength = base_strength(self.networks.coupled, self.settings)
        for name, penalty in {
            "geman_mcclure": consistency.geman_mcclure(blocks, sigma),
            "lorentzian": consistency.lorentzian(blocks, sigma),
            "welsch": consistency.welsch(blocks, sigma),
        }.items():
            value = float(consistency.over_pairs(penalty))
            if name == "geman_mcclure":
                self.history.append((self.step, "train", "all", "consistency_loss", value))
            if descends_an_objective(self.settings) and math.isfinite(strength):
                objective = loss + strength * value
                self.history.append((self.step, "train", "all", f"objective_{name}", objective))
