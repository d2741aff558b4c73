"""The gradient of a data term f_i: which images, which random numbers, in how many pieces."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from jointnn.data.sampling import generator
from jointnn.data.splits import Split, as_float
from jointnn.models.layers import part_of
from jointnn.tasks.base import WHOLE, Term
from jointnn.training.optimizer import gradients_of
from jointnn.training.setup import Setup
from jointnn.training.state import State


def batch_of(setup: Setup, index: int, step: int) -> Split:
    """Return the images of a step as floats, augmented, with the task's random numbers."""
    batches, train = setup.batches[index], list(setup.data.values())[index].train
    chosen = batches.at(step)
    images, labels = train.take(chosen), train.labels[chosen.to(train.labels.device)]
    if not batches.count:
        return Split(as_float(images), labels)
    numbers = batches.numbers(step).to(images.device)
    if setup.augmentation:
        images = setup.augmentation(images, numbers[:, : setup.drawn]).div_(127.5).sub_(1)
    return Split(as_float(images), labels, numbers[:, setup.drawn :])


def put_gradient(state: State, setup: Setup, index: int, step: int, part: str, batch: Split) -> Tensor:
    """Put the gradient of a network's data term where its optimizer reads it; return the loss, a scalar.

    Args:
        part: of the network, whose term it is; `WHOLE` where it has none.
    """
    name, module = list(state.networks.modules.items())[index]
    torch._foreach_zero_(gradients_of(state.networks.rows[index]))
    if setup.drops[index]:  # a resumed job must drop the same
        key = setup.seed, name, "dropout", step, *filter(None, [part])
        torch.manual_seed(generator(*key).initial_seed())
    with only(module, part):
        return descend_term(
            setup.task.terms()[part], setup.computing[index], batch, setup.settings.accumulate
        )


def descend_term(term: Term, network: nn.Module, batch: Split, pieces: int) -> Tensor:
    """Add the gradient of a term on a batch to a network's parameters; return the loss, a scalar.

    Args:
        pieces: parts of the batch that go through the network one after another, for less memory.
    """
    if pieces == 1:
        loss = term(network, batch)
        loss.backward()
        return loss.detach()
    losses = []
    for piece in batch.pieces(pieces):
        loss = term(network, piece) * (len(piece) / len(batch))
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()


@contextmanager
def only(network: nn.Module, part: str) -> Iterator[None]:
    """Compute gradients of one part alone within it; with `WHOLE`, of all."""
    if part == WHOLE:
        yield
        return
    others = [
        value
        for name, value in network.named_parameters()
        if value.requires_grad and part_of(network, name) != part
    ]
    try:
        for value in others:
            value.requires_grad_(False)
        yield
    finally:
        for value in others:
            value.requires_grad_(True)
