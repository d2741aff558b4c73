"""The two ways to take steps on (6): all networks at once, or one network at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jointnn.irls import solvers
from jointnn.training.across_ranks import mix_
from jointnn.training.couplings import Couplings, effective_step
from jointnn.training.gradients import batch_of, put_gradient
from jointnn.training.setup import Setup
from jointnn.training.state import State

Pull = tuple[nn.Parameter, Tensor, Tensor]
"""A layer of a network, (D_l,); what it is pulled to, (1, D_l); with which coupling, (1,)."""


def proximal(
    state: State, setup: Setup, couplings: Couplings, steps: range, average_from: int | None
) -> Tensor:
    """Take gradient steps of every network, then solve the coupling term exactly for all at once.

    Args:
        steps: numbers of the steps, counted from the start of the method.
        average_from: the step from which parameters are averaged; None: they are not.

    Returns:
        The loss of each batch of this rank's networks, shape (len(steps), n_r), on the CPU.
    """
    settings, losses = setup.settings, []
    for step in steps:
        rate = state.schedule.rate(step)
        losses += gradient_steps(state, setup, step, rate)  # theta_i -= lr grad f_i
        if (step + 1) % settings.mix_every == 0:  # theta^l <- (I + 2 tau Lap(c_l))^-1 theta^l
            step_size = settings.mix_every * effective_step(settings, rate)
            mix_(_data(state), couplings.mixer, step_size, setup.group)
        if average_from is not None and step >= average_from:
            state.average.add(state.networks.coupled)
    return torch.stack(losses).view(len(steps), -1).cpu()


def block_coordinate(
    state: State, setup: Setup, couplings: Couplings, steps: range, average_from: int | None
) -> Tensor:
    """Take steps of one network for a turn, the others fixed, then of the next: 4.2.3.

    A turn is an epoch of the largest dataset, or a step; it never crosses a record of the history.
    Arguments and what is returned are those of `proximal`.
    """
    share = setup.group.share
    losses = torch.zeros(len(steps), len(share))
    epoch = max(batches.steps_of_epoch for batches in setup.batches)
    turn = 1 if setup.settings.turn == "step" else epoch
    values = couplings.values
    for first in steps[::turn]:
        last = min(first + turn, steps.stop)
        for place in range(len(setup.names)):
            means = _coupled_means(state, setup, values[:, place], place)
            if place not in share:
                continue  # another rank's turn
            index = place - share.start
            with state.at_work(index):
                pulls = _pulls(state, means, index)
                for step in range(first, last):
                    losses[step - steps.start, index] = _pulled_step(state, setup, index, step, pulls)
        if average_from is not None and last > average_from:
            state.average.add(state.networks.coupled)
    return losses.cpu()


def gradient_steps(state: State, setup: Setup, step: int, learning_rate: float) -> list[Tensor]:
    """Take a step of every network on its data term; return the losses of their batches."""
    networks = range(len(state.networks.names))
    if state.networks.on_disk or len(setup.task.terms()) > 1:
        return [_step_at_work(state, setup, index, step, learning_rate) for index in networks]
    if setup.batched is not None:
        losses = setup.batched.put_gradients([batch_of(setup, index, step) for index in networks])
    else:
        (part,) = setup.task.terms()
        losses = [
            put_gradient(state, setup, index, step, part, batch_of(setup, index, step))
            for index in networks
        ]
    state.optimizer.step_all(learning_rate)
    return losses


def gradient_step(
    state: State, setup: Setup, index: int, step: int, learning_rate: float, pulls: Sequence[Pull] = ()
) -> Tensor:
    """Take a step of network `index`, its parts in turn, on its data term; return the loss of the batch.

    Args:
        pulls: whose gradients are added to that of the data term.
    """
    losses, batch = [], batch_of(setup, index, step)
    for part in setup.task.terms():
        losses.append(put_gradient(state, setup, index, step, part, batch))
        for row, mean, total in pulls:
            assert row.grad is not None
            row.grad += solvers.coupling_gradient(row.data, mean, total)
        state.optimizer.step(index, part, learning_rate)
    return torch.stack(losses).sum()


def _step_at_work(state: State, setup: Setup, index: int, step: int, learning_rate: float) -> Tensor:
    with state.at_work(index):
        return gradient_step(state, setup, index, step, learning_rate)


def _coupled_means(
    state: State, setup: Setup, couplings: Tensor, place: int
) -> list[tuple[int, Tensor, Tensor]]:
    """Return the pull on a network for a turn, in which the others stay as they are, on its rank.

    The pull of the others is that of one network, their weighted mean, with the sum of their couplings: so
    it is worked out once, and others that lie on disk or on other ranks are read once per turn.

    Args:
        couplings: c_ijl of the network, shape (L, n).
        place: of the network among all.

    Returns:
        Of each layer that is coupled: its number, the mean (D_l,), and the sum of couplings.
    """
    found = []
    for k, (layer, of_layer) in enumerate(zip(_data(state), couplings, strict=True)):
        total = of_layer.sum()
        if total > 0 and (whole := setup.group.rows_at(place, layer)) is not None:
            found.append((k, (of_layer / total).to(whole) @ whole, total))
    return found


def _pulls(state: State, means: Sequence[tuple[int, Tensor, Tensor]], index: int) -> list[Pull]:
    """Return the pulls on the layers of network `index`, while it is at work."""
    rows = state.networks.rows[index]
    return [(rows[k], mean[None].to(rows[k].device), total[None].to(rows[k])) for k, mean, total in means]


def _pulled_step(state: State, setup: Setup, index: int, step: int, pulls: Sequence[Pull]) -> Tensor:
    """Take a gradient step of one network, and its pull (9) to the others."""
    rate = state.schedule.rate(step)
    if setup.settings.pull == "gradient":
        return gradient_step(state, setup, index, step, rate, pulls)
    loss = gradient_step(state, setup, index, step, rate)
    step_size = effective_step(setup.settings, rate)
    for row, mean, total in pulls:
        row.data.copy_(solvers.pulled_to_others(row.data, mean, total, step_size))
    return loss


def _data(state: State) -> list[Tensor]:
    return [layer.data for layer in state.networks.coupled]
