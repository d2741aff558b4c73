"""The gradient of a network's data term at a step: which images, which random numbers, computed how."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from jointnn.data import Batches, Split, as_float, generator
from jointnn.precision import Form, fastest, forms_of, in_form
from jointnn.recompute import Recomputed, kept_buffers

if TYPE_CHECKING:
    from jointnn.training import Trainer


class Gradients:
    """Gradients of the data terms of a trainer's networks.

    Attributes:
        batches: of each dataset.
        form: precision and memory layout; None until `auto` has been decided.
    """

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer, settings = trainer, trainer.settings
        networks = trainer.networks.modules.values()
        self.drops = [
            any(isinstance(part, _DropoutNd) for part in network.modules()) for network in networks
        ]
        self.drawn = trainer.augmentation.numbers if trainer.augmentation else 0
        numbers = self.drawn + trainer.task.numbers
        self.batches = [
            Batches(len(data.train), settings.batch_size, trainer.seed, name, numbers)
            for name, data in trainer.data.items()
        ]
        self.recomputes = settings.checkpoint_activations
        forms = forms_of(settings)
        self.form: Form | None = None
        if len(forms) == 1:
            self.use(forms[0])

    def use(self, form: Form) -> None:
        """Compute in this form from now on."""
        self.form = form
        self.networks = [self._computing(index, form) for index in range(len(self.batches))]

    def _computing(self, index: int, form: Form) -> nn.Module:
        """Network `index` as it computes gradients: itself where nothing else is set."""
        network = list(self.trainer.networks.modules.values())[index]
        return in_form(Recomputed(network) if self.recomputes else network, form)

    def choose_form(self) -> None:
        """Decide what is `auto`, by gradients of the first network at the present step; none is used."""
        trainer = self.trainer
        if self.form is not None:
            return
        with trainer.at_work(0), kept_buffers(next(iter(trainer.networks.modules.values()))):
            self.use(fastest(forms_of(trainer.settings), self._seconds))

    def _seconds(self, form: Form) -> float:
        network, start = self._computing(0, form), perf_counter()
        loss = self.at(0, self.trainer.step, network)
        loss.item()  # waits for a GPU, as far as the loss
        _slopes(self.trainer.rows[0])[0].sum().item()  # and for the backward pass
        return perf_counter() - start

    def at(self, index: int, step: int, network: nn.Module | None = None) -> Tensor:
        """Put the gradient of a network's data term where its optimiser reads it; returns the loss."""
        trainer = self.trainer
        torch._foreach_zero_(_slopes(trainer.rows[index]))
        if self.drops[index]:  # a resumed job must drop the same
            torch.manual_seed(generator(trainer.seed, trainer.names[index], "dropout", step).initial_seed())
        network = self.networks[index] if network is None else network
        batch, count = self._batch(index, step), trainer.settings.accumulate
        if count == 1:
            loss = trainer.task.loss(network, batch)
            loss.backward()
            return loss.detach()
        losses = []
        for piece in batch.pieces(count):
            loss = trainer.task.loss(network, piece) * (len(piece) / len(batch))
            loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _batch(self, index: int, step: int) -> Split:
        """The images of a step, augmented, as floats, and the random numbers that the task asks for."""
        trainer, batches = self.trainer, self.batches[index]
        train = trainer.data[trainer.names[index]].train
        chosen = batches.at(step)
        images, labels = train.take(chosen), train.labels[chosen.to(train.labels.device)]
        if not batches.count:
            return Split(as_float(images), labels)
        numbers = batches.numbers(step).to(images.device)
        if trainer.augmentation:
            images = trainer.augmentation(images, numbers[:, : self.drawn]).div_(127.5).sub_(1)
        return Split(as_float(images), labels, numbers[:, self.drawn :])


def _slopes(rows: Sequence[nn.Parameter]) -> list[Tensor]:
    """The gradients of rows."""
    return [row.grad for row in rows if row.grad is not None]
