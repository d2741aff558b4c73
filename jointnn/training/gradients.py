"""The gradient of a network's data term at a step: which images, which random numbers, computed how."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from jointnn.data.sampling import Batches, generator
from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.models.activation_checkpointing import Recomputed, kept_buffers
from jointnn.models.layers import by_parts, outputs_of, part_of, parts_of
from jointnn.models.precision import Form, fastest, forms_of, in_form
from jointnn.tasks.base import WHOLE

if TYPE_CHECKING:
    from jointnn.tasks.base import Term
    from jointnn.training.state import Trainer


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
        self.turns = list(trainer.task.terms())
        self._check_network()
        self.batches = [
            Batches(
                len(data.train),
                settings.batch_size,
                trainer.seed,
                name,
                self.drawn + trainer.task.numbers(trainer.networks.modules[name]),
            )
            for name, data in trainer.data.items()
        ]
        self._batch = lru_cache(1)(self._batch_of)  # the parts of a network share it
        self.recomputes = settings.checkpoint_activations
        forms = forms_of(settings)
        self.form: Form | None = None
        if len(forms) == 1:
            self.use(forms[0])

    def _check_network(self) -> None:
        """Refuse other parts or outputs than the task needs, and turns on pieces of a batch."""
        network = next(iter(self.trainer.networks.modules.values()))
        if set(self.turns) != set(parts_of(network)):
            wanted, found = (
                " and ".join(filter(None, of)) or "no parts" for of in (self.turns, parts_of(network))
            )
            raise UserError(
                f"{type(self.trainer.task).__name__} trains {wanted}, but {type(network).__name__} has "
                f"{found}. Choose another architecture."
            )
        if missing := [name for name in self.trainer.task.outputs if name not in outputs_of(network)]:
            given = " and ".join(outputs_of(network)) or "no such outputs"
            raise UserError(
                f"{type(self.trainer.task).__name__} needs a network that gives {' and '.join(missing)}, "
                f"but {type(network).__name__} has {given}. "
                "Choose architecture: branched, and add it under architecture_options.branches."
            )
        if len(self.turns) > 1 and self.trainer.settings.accumulate > 1:
            raise UserError(
                "accumulate: parts that take turns need their whole batch at once; set it to 1."
            )
        if len(self.turns) > 1 and self.trainer.networks.tied:
            raise UserError("tied: parts that take turns have no layers in common; leave it out.")

    def use(self, form: Form) -> None:
        """Compute in this form from now on."""
        self.form = form
        self.networks = [self._computing(index, form) for index in range(len(self.batches))]

    def _computing(self, index: int, form: Form) -> nn.Module:
        """Network `index` as it computes gradients: itself where nothing else is set."""
        network = list(self.trainer.networks.modules.values())[index]
        return by_parts(network, lambda part: in_form(Recomputed(part) if self.recomputes else part, form))

    def choose_form(self) -> None:
        """Decide what is `auto`, by gradients of the first network at the present step; none is used."""
        trainer = self.trainer
        if self.form is not None:
            return
        with trainer.at_work(0), kept_buffers(next(iter(trainer.networks.modules.values()))):
            self.use(fastest(forms_of(trainer.settings), self._seconds))

    def _seconds(self, form: Form) -> float:
        network, start = self._computing(0, form), perf_counter()
        losses = [self.at(0, self.trainer.step, turn, network) for turn in self.turns]
        losses[-1].item()  # waits for a GPU, as far as the loss
        _slopes(self.trainer.rows[0])[0].sum().item()  # and for the backward pass
        return perf_counter() - start

    def at(self, index: int, step: int, turn: str = WHOLE, network: nn.Module | None = None) -> Tensor:
        """Put the gradient of a network's data term where its optimiser reads it; returns the loss.

        Args:
            turn: the part whose term it is.
            network: computes it in the place of the network itself.
        """
        trainer = self.trainer
        torch._foreach_zero_(_slopes(trainer.rows[index]))
        if self.drops[index]:  # a resumed job must drop the same
            key = trainer.seed, trainer.names[index], "dropout", step, *filter(None, [turn])
            torch.manual_seed(generator(*key).initial_seed())
        network = self.networks[index] if network is None else network
        with only(trainer.networks.modules[trainer.names[index]], turn):
            return self._backward(trainer.task.terms()[turn], network, self._batch(index, step))

    def _backward(self, term: "Term", network: nn.Module, batch: Split) -> Tensor:
        """The gradient of a term, by pieces of the batch where it is accumulated; returns the loss."""
        if self.trainer.settings.accumulate == 1:
            loss = term(network, batch)
            loss.backward()
            return loss.detach()
        losses = []
        for piece in batch.pieces(self.trainer.settings.accumulate):
            loss = term(network, piece) * (len(piece) / len(batch))
            loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _batch_of(self, index: int, step: int) -> Split:
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


@contextmanager
def only(network: nn.Module, turn: str) -> Iterator[None]:
    """Within it, gradients of one part alone are computed; with an empty name, of all."""
    if turn == WHOLE:
        yield
        return
    others = [
        value
        for name, value in network.named_parameters()
        if value.requires_grad and part_of(network, name) != turn
    ]
    try:
        for value in others:
            value.requires_grad_(False)
        yield
    finally:
        for value in others:
            value.requires_grad_(True)


def _slopes(rows: Sequence[nn.Parameter]) -> list[Tensor]:
    """The gradients of rows."""
    return [row.grad for row in rows if row.grad is not None]
