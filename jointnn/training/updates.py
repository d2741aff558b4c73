"""The two ways to take steps on (6): all networks at once, or one network at a time."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.irls import solvers
from jointnn.training.couplings import Couplings, effective_step

if TYPE_CHECKING:
    from jointnn.training.state import Trainer

Pull = tuple[nn.Parameter, Tensor, Tensor]
"""A layer of a network, (D_l,); what it is pulled to, (1, D_l); with which coupling, (1,)."""


class Descent:
    """Takes the steps of a phase, under couplings that stay fixed.

    Raises:
        UserError: a pull by gradient would diverge.
    """

    def __init__(self, trainer: "Trainer", couplings: Couplings) -> None:
        self.trainer, self.couplings = trainer, couplings
        self.layers = [layer.data for layer in trainer.networks.coupled]
        self.mixer = solvers.Mixer(couplings.weights, couplings.strength)
        settings = trainer.settings
        # Under an infinite strength all networks are one, and none can wait for the others.
        infinite = solvers.is_infinite(couplings.strength)
        self.one_by_one = settings.solver == "block_coordinate" and not infinite
        if self.one_by_one:
            self.values = couplings.strength[:, None, None] * couplings.weights
        if self.one_by_one and settings.pull == "gradient":
            try:
                solvers.check_gradient_pull(self.values, settings.learning_rate, settings.momentum)
            except ValueError as error:
                raise UserError(str(error)) from error

    def steps(self, start: int, end: int, middle: int) -> Tensor:
        """Steps start..end of every network; parameters are averaged from `middle` on.

        Returns:
            The loss of each batch, shape (end - start, n), on the CPU.
        """
        take = self._one_at_a_time if self.one_by_one else self._all_at_once
        return take(start, end, middle).cpu()

    def _all_at_once(self, start: int, end: int, middle: int) -> Tensor:
        """`proximal`: a gradient step of every network, then the coupling term, exactly."""
        trainer, settings, losses = self.trainer, self.trainer.settings, []
        for step in range(start, end):
            rate = trainer.learning_rate(step)
            losses += trainer.step_of_all(step, rate)
            if (step + 1) % settings.mix_every == 0:
                step_size = settings.mix_every * effective_step(settings, rate)
                self.mixer.mix_(self.layers, step_size)
            if trainer.averages and step >= middle:
                trainer.update_average()
        return torch.stack(losses).view(end - start, -1)

    def _one_at_a_time(self, start: int, end: int, middle: int) -> Tensor:
        """`block_coordinate`, 4.2.3: one network for a turn, the others fixed, then the next.

        A turn is an epoch of the largest dataset, or a step; it never crosses a record of the history.
        """
        trainer = self.trainer
        losses = torch.zeros(end - start, len(trainer.names))
        epoch = max(batches.steps_of_epoch for batches in trainer.batches)
        turn = 1 if trainer.settings.turn == "step" else epoch
        for first in range(start, end, turn):
            last = min(first + turn, end)
            for i in range(len(trainer.names)):
                with trainer.at_work(i):
                    pulls = self._pulls(i)
                    for step in range(first, last):
                        losses[step - start, i] = self._pulled_step(i, step, pulls)
            if trainer.averages and last > middle:
                trainer.update_average()
        return losses

    def _pulls(self, index: int) -> list[Pull]:
        """What pulls at each layer of a network for a turn, in which the others stay as they are.

        The pull of the others is that of one network, their weighted mean, with the sum of their
        couplings: so it is worked out once, and others that wait on disk are read once per turn.
        """
        pulls = []
        rows = self.trainer.rows[index]
        for layer, couplings, row in zip(self.layers, self.values[:, index], rows, strict=False):
            total = couplings.sum()
            if total > 0:
                mean = (couplings / total).to(layer) @ layer
                pulls.append((row, mean[None].to(row.device), total[None].to(row)))
        return pulls

    def _pulled_step(self, index: int, step: int, pulls: list[Pull]) -> Tensor:
        """A gradient step of one network, and its pull (9) to the others."""
        trainer, settings = self.trainer, self.trainer.settings
        rate = trainer.learning_rate(step)
        if settings.pull == "gradient":
            return trainer.gradient_step(index, step, rate, pull=lambda: _add_gradients(pulls))
        loss = trainer.gradient_step(index, step, rate)
        step_size = effective_step(settings, rate)
        for row, mean, total in pulls:
            row.data.copy_(solvers.pulled_to_others(row.data, mean, total, step_size))
        return loss


def _add_gradients(pulls: list[Pull]) -> None:
    for row, mean, total in pulls:
        assert row.grad is not None
        row.grad += solvers.coupling_gradient(row.data, mean, total)
