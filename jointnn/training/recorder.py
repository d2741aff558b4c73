"""The records of a training: losses, measures and penalties; and the refusal of divergence."""

import math
from collections.abc import Iterator
from statistics import fmean

from torch import Tensor

from jointnn.errors import DivergedError
from jointnn.irls import consistency
from jointnn.methods.plan import Phase, Plan
from jointnn.tasks.base import followed
from jointnn.training.across_ranks import distances_squared
from jointnn.training.couplings import descends_an_objective, membership_of
from jointnn.training.setup import Setup
from jointnn.training.state import Row, State


def refuse_divergence(losses: Tensor, steps: range, setup: Setup) -> None:
    """Refuse losses (T, n) that are no number or explode.

    Raises:
        DivergedError: names the first of them, and says what to do.
    """
    bad = (~(losses <= setup.task.explodes_above)).nonzero()
    if len(bad):
        step, index = bad[0].tolist()
        raise DivergedError(
            f"{setup.label} diverged: the loss of {setup.names[index]} at step "
            f"{steps[step]} is {losses[step, index].item():.3g}. Lower learning_rate "
            f"(now {setup.settings.learning_rate:g}), or raise batch_size."
        )


def record(state: State, setup: Setup, plan: Plan, phase: Phase, losses: Tensor) -> None:
    """Add a record to the history: mean training losses (n,) since the last, and measures of other splits.

    Networks are measured at the interval and at the end, as those of every method are. Where a phase ends
    between, there are losses and penalties alone: measuring takes longer than the rest of a record.
    """
    step = state.step
    at_interval = step % setup.settings.record_every == 0
    is_measured = at_interval or step == plan.phases[-1].end
    measured: list[list[Row]] = []
    for index, name in enumerate(state.networks.names):
        measured.append([])
        if not is_measured:
            continue
        with state.at_work(index):
            measured[index] += _measures(state, setup, name)
            images = setup.task.glimpse(state.networks.modules[name]) if at_interval else None
        if images is not None:
            state.glimpses[name][step] = images.cpu()
    rows: list[Row] = []
    of_all = zip(setup.names, losses.tolist(), setup.group.joined(measured), strict=True)
    for name, loss, of_network in of_all:
        rows += [(step, "train", name, "loss", loss), *of_network]
    rows.append((step, "train", "all", "learning_rate", state.schedule.rate(step - 1)))
    if at_interval:
        of_validation = [row[4] for row in rows if row[1] == "validation" and row[3] == "loss"]
        state.schedule.record(fmean(of_validation))
    if phase.reweights and state.sigma is not None:
        rows += _penalties(state, setup, plan, state.sigma, float(losses.sum()))
    state.history += rows


def _measures(state: State, setup: Setup, name: str) -> Iterator[Row]:
    for split in ("validation", "test"):
        images = getattr(setup.data[name], split)
        if images is not None:
            found = followed(setup.task, state.networks.modules[name], images)
            for metric, value in found.items():
                yield state.step, split, name, metric, value


def _penalties(state: State, setup: Setup, plan: Plan, sigma: Tensor, loss: float) -> Iterator[Row]:
    """Yield the consistency loss (3), and the objective (4) with it and the penalties of departure 3."""
    squared = distances_squared(state.networks.coupled, plan.metric, setup.group)
    blocks = consistency.block_distances_squared(squared, membership_of(plan))
    for name, penalty in {
        "geman_mcclure": consistency.geman_mcclure(blocks, sigma),
        "lorentzian": consistency.lorentzian(blocks, sigma),
        "welsch": consistency.welsch(blocks, sigma),
    }.items():
        value = float(consistency.over_pairs(penalty))
        if name == "geman_mcclure":
            yield state.step, "train", "all", "consistency_loss", value
        if descends_an_objective(setup.settings) and math.isfinite(setup.strength):
            yield state.step, "train", "all", f"objective_{name}", loss + setup.strength * value
