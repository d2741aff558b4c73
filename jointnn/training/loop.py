"""The loop: the phases of a method one after the other. Read after `jointnn.irls`, it is the whole program.

A whole method, one round as a job of its own, and a job that was killed are this one call.
"""

from collections.abc import Iterator

from torch import Tensor

from jointnn.irls.consistency import block_distances_squared
from jointnn.irls.rounds import next_round, scales_of
from jointnn.methods.plan import Phase, Plan
from jointnn.training.across_ranks import distances_squared, losses_of_all, shapes_of
from jointnn.training.couplings import Couplings, couplings_of, membership_of
from jointnn.training.recorder import record, refuse_divergence
from jointnn.training.setup import Setup
from jointnn.training.state import State
from jointnn.training.updates import block_coordinate, proximal


def learn(state: State, setup: Setup, plan: Plan, until: int | None = None) -> Iterator[None]:
    """Go on from wherever `state` stands; yield at each record, where the state may be saved.

    Args:
        until: the end of a phase, where training stops; None: the end of the plan.

    Raises:
        DivergedError: a loss became NaN or exploded.
        UserError: in some block every network equals another one, so that there is no scale.
    """
    for phase in plan.phases:
        if state.diverged or state.step >= min(phase.end, until or phase.end):
            continue  # over, or of a later job
        if state.step == phase.start:  # else the job was killed inside the phase, and goes on
            if phase.reweights:
                if plan.stops and state.converged:
                    return  # where the paper ends, 4.2.2
                reweight(state, setup, plan)
            if phase.restarts:
                state.put(setup.start)  # networks and optimizer, not the step
            state.average.clear()
        shapes = shapes_of(state.networks.coupled, setup.group)
        couplings = couplings_of(phase, plan, state.rounds, shapes, setup.strength, setup.settings)
        yield from minimise(state, setup, plan, phase, couplings)


def reweight(state: State, setup: Setup, plan: Plan) -> None:
    """Find weights (7) from the networks as the phase before has left them."""
    distances = block_distances_squared(distances_between(state, setup, plan), membership_of(plan))  # (3)
    if state.sigma is None:  # 4.2.1
        state.sigma = scales_of(distances, plan.scale_factor)
    before = state.rounds[-1] if state.rounds else None
    found = next_round(distances, state.sigma, before, plan.weighting, plan.tolerance)
    state.rounds.append(found)
    if found.delta is not None:
        state.history.append((state.step, "train", "all", "delta", found.delta))


def distances_between(state: State, setup: Setup, plan: Plan) -> Tensor:
    """Return the squared distances between all pairs of networks by layer, (L, n, n), in float64."""
    return distances_squared(state.layers, plan.metric, setup.group)


def minimise(state: State, setup: Setup, plan: Plan, phase: Phase, couplings: Couplings) -> Iterator[None]:
    """Descend (6) under couplings that stay, from the present step to the end of the phase.

    Raises:
        DivergedError: a loss became NaN or exploded.
    """
    one_by_one = setup.settings.solver == "block_coordinate" and couplings.finite
    descend = block_coordinate if one_by_one else proximal
    average_from = phase.average_from if plan.averages else None
    while state.step < phase.end:
        steps = _until_next_record(state.step, phase.end, setup.settings.record_every)
        losses = losses_of_all(descend(state, setup, couplings, steps, average_from), setup.group)
        refuse_divergence(losses, steps, setup)
        state.step = steps.stop
        record(state, setup, plan, phase, losses.mean(dim=0))
        yield


def _until_next_record(step: int, end: int, every: int) -> range:
    return range(step, min(end, (step // every + 1) * every))
