"""Each method: where it starts, what it couples, for how many steps. One solver, many couplings.

A method is a plan: a sequence of phases. No torch here, so that the workflow can ask what a method reads.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import get_type_hints

import numpy as np

from jointnn.errors import UserError
from jointnn.methods.plan import Fixed, OneNetwork, Phase, Plan, Problem, Reweighted
from jointnn.methods.settings import Adaptive, Coupled, Irls, MethodSettings, Pulled, Shared, Tied, Training
from jointnn.registry import Entry, Registry

REAL = "real"
"""Name of a row of tables that is no method: images that are not made but real (`Task.reference`)."""


method = Registry("method")


def in_rounds(entry: Entry) -> Entry:
    """Say of a method that its L2 start, sigma and each of its rounds are jobs, each cached on its own."""
    IN_ROUNDS.add(entry.__name__)
    return entry


IN_ROUNDS: set[str] = set()
"""The names of such methods; every other one is one job."""


@method
def isolated(problem: Problem, settings: Training) -> Plan:
    """Plan every network alone: all weights are 0."""
    return Plan([_apart(problem, settings.steps)], "single")


@method
def l2reg(problem: Problem, settings: Pulled) -> Plan:
    """Plan L2 regularisation of all layers, (5): all weights are 1."""
    return Plan([_together(problem, settings.steps)])


@method
def l2reg_25(problem: Problem, settings: Pulled) -> Plan:
    """Plan L2 regularisation of the first quarter of the layers, rounded up."""
    return Plan([_first_together(problem, settings.steps, 1 / 4)])


@method
def l2reg_50(problem: Problem, settings: Pulled) -> Plan:
    """Plan L2 regularisation of the first half of the layers, rounded up."""
    return Plan([_first_together(problem, settings.steps, 1 / 2)])


@method
def shareall(_problem: Problem, settings: Coupled) -> Plan:
    """Plan one network for all. Layers that are not coupled, a head or batch norm, stay per dataset."""
    return Plan([_one_network(settings.steps)], "single")


@method
def finetune(problem: Problem, settings: Shared) -> Plan:
    """Plan `shareall` for a part of the budget, then `isolated` from there."""
    shared = round(settings.shared_fraction * settings.steps)
    return Plan([_one_network(shared), _apart(problem, settings.steps - shared)], "single")


@method
@in_rounds
def joint(problem: Problem, settings: Irls) -> Plan:
    """Plan the paper's method: an L2 start, then IRLS rounds that weight and train."""
    shared = round(settings.shared_fraction * settings.steps) if settings.start == "shareall" else 0
    first = [_one_network(shared)] if shared else []
    coupled = _irls_phases(problem, settings, settings.steps - shared, settings.blocks)
    return Plan([*first, *coupled], settings.blocks, settings.weighting, settings.strength_decay)


@method
def jae(problem: Problem, settings: Tied) -> Plan:
    """Plan joint auto-encoders (Epstein, Meir, Michaeli 2018): tied layers are one, all others private."""
    return Plan([_apart(problem, settings.steps)], "single")


@method
def fedamp(problem: Problem, settings: Adaptive) -> Plan:
    """Plan the closest rival (Huang et al. 2021): one weight per pair of whole networks.

    The weight is the derivative of A(d2) = 1 - exp(-d2 / sigma2), taken anew each round; start, sigma and
    budget are those of `joint`.
    """
    return Plan(_irls_phases(problem, settings, settings.steps, "whole"), "whole", "welsch")


@method
def oracle(problem: Problem, settings: Pulled) -> Plan:
    """Plan a reference that is told the planted groups.

    Weights are 1 inside groups and 0 across; the first blocks are shared by all.
    """
    if not problem.groups:
        raise UserError("oracle needs planted groups; add `groups` to the experiment or drop it.")
    names = list(problem.datasets)
    inside = np.eye(len(names))
    for group in problem.groups:
        rows = [names.index(member) for member in group]
        inside[np.ix_(rows, rows)] = 1
    weights = _ones(problem, "adjacent")
    weights[problem.shared_blocks :] = inside
    return Plan([Phase("l2", settings.steps, Fixed(weights))])


def _ones(problem: Problem, blocks: str) -> np.ndarray:
    of_part: Callable[[int], int] = {
        "adjacent": lambda layers: layers - 1,
        "single": lambda layers: layers,
        "whole": lambda _: 1,
    }[blocks]
    return problem.everywhere(1.0, sum(map(of_part, problem.layers)))


def _together(problem: Problem, steps: int, blocks: str = "adjacent") -> Phase:
    return Phase("l2", steps, Fixed(_ones(problem, blocks)))


def _first_together(problem: Problem, steps: int, fraction: float) -> Phase:
    """Return a phase that couples the first layers of each part, a fraction of them, rounded up."""
    first = [math.ceil(fraction * layers) for layers in problem.layers]
    return Phase("l2", steps, Fixed(_ones(problem, "adjacent"), first))


def _apart(problem: Problem, steps: int) -> Phase:
    return Phase("apart", steps, Fixed(problem.everywhere(0.0, sum(problem.layers))))


def _one_network(steps: int) -> Phase:
    """Return a phase in which all networks are one, whatever the blocks.

    Any positive weight under an infinite lambda gives that.
    """
    return Phase("one_network", steps, OneNetwork())


def _irls_phases(problem: Problem, settings: Adaptive, steps: int, blocks: str) -> list[Phase]:
    """Return the L2 start and K rounds, which share the rest of `steps`. The last takes the remainder."""
    l2_steps = math.ceil(settings.l2_fraction * steps)
    ends = [l2_steps + (steps - l2_steps) * k // settings.rounds for k in range(settings.rounds + 1)]
    restart = isinstance(settings, Irls) and settings.restart
    rounds = [
        Phase(f"round_{k}", end - start, Reweighted(), restarts=restart)
        for k, (start, end) in enumerate(pairwise(ends), start=1)
    ]
    return [_together(problem, l2_steps, blocks), *rounds]


def plan(name: str, problem: Problem, settings: MethodSettings) -> Plan:
    """Return the plan of a method with its phases placed one after the other."""
    made: Plan = method[name](problem, settings)
    starts = accumulate((phase.steps for phase in made.phases), initial=0)
    placed = [replace(phase, start=start) for phase, start in zip(made.phases, starts, strict=False)]
    return replace(
        made,
        phases=placed,
        layers=problem.layers,
        metric=settings.metric,
        # Under a half-life of 0 all networks are one, and equal ones have no scale.
        scale_factor=math.inf if settings.strength.half_life == 0 else settings.scale_factor,
        tolerance=settings.tolerance,
        stops=settings.stop_when_converged,
        averages=settings.average and any(phase.reweights for phase in placed),
    )


def settings_read_by(name: str) -> type[Training]:
    """Return the class of settings that a method reads, from its signature."""
    function: Callable[..., Plan] = method[name]
    read: type[Training] = get_type_hints(function)["settings"]
    return read
