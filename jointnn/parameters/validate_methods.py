"""Mistakes in the methods of an experiment, their search and its finalists, each with its path."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from jointnn.methods.catalogue import IN_ROUNDS, plan
from jointnn.methods.plan import OneNetwork, Problem
from jointnn.methods.scale_trials import SHARES_WITH_NONE
from jointnn.methods.settings import MethodSettings
from jointnn.parameters import search
from jointnn.parameters.messages import unknown
from jointnn.parameters.resolve import merged_settings, method_settings
from jointnn.parameters.rows import rounds_are_jobs, row_of, shown_in_rounds, trained_rows
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.parameters.validate_settings import unread, wrong_settings


def wrong_methods(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield mistakes in the settings of each method as a whole; a line that several share is one line."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for chosen in experiment.methods:
        if chosen not in trained_rows():
            continue
        lines = list(wrong_settings("", merged_settings(params, name, chosen)))
        for line in lines or _wrong_plan(chosen, experiment, method_settings(params, name, chosen)):
            found[line].append(chosen)
    for line, names in found.items():
        yield f"{at} ({', '.join(names)}): {line}"
    shown = shown_in_rounds(experiment.methods)
    if not found and experiment.groups_round is not None and shown:
        rounds = method_settings(params, name, shown).rounds
        if experiment.groups_round > rounds:
            given = experiment.groups_round
            yield f"{at}.groups_round: {given} is more than the {rounds} rounds of {shown}."


def _wrong_plan(name: str, experiment: ExperimentParams, settings: MethodSettings) -> Iterator[str]:
    """Yield a budget that is too small for the parts of a method, and more processes than networks."""
    if settings.processes > len(experiment.datasets):
        yield (
            f"processes: {settings.processes} are more than its {len(experiment.datasets)} networks, one "
            "for each dataset, which they share; lower it."
        )
    yield from _wrong_trials(name, settings)
    if name == "oracle":  # needs groups, which are looked at elsewhere; one part
        return
    layers = [2]  # how many makes no difference to the steps
    phases = plan(row_of(name).plan, Problem(experiment.datasets, layers), settings).phases
    if any(
        phase.steps < 1
        for phase in phases
        if not isinstance(phase.coupling, OneNetwork) and phase.name != "apart"
    ):
        yield (
            f"steps: {settings.steps} are too few for an L2 start and {settings.rounds} rounds; raise "
            "steps, or lower rounds or l2_fraction."
        )


def wrong_finalists(at: str, experiment: ExperimentParams) -> Iterator[str]:
    """Yield finalists that are no points of the grid, or not as many for each method."""
    yield from unknown(f"{at}.finalists", list(experiment.finalists), experiment.search)
    for name, points in experiment.finalists.items():
        count = len(search.points(experiment, name))
        for point in points:
            if name in experiment.search and point >= count:
                yield f"{at}.finalists.{name}: {point} is none of the {count} points from 0."
    sizes = {name: len(experiment.finalists.get(name, [])) for name in experiment.search}
    if experiment.further_tuning_seeds and len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        yield f"{at}.finalists: every method needs the same number of finalists, but there are {shown}."


def wrong_search(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield points that are no settings, and grids of unequal size, which would starve some method."""
    sizes = {chosen: len(search.points(experiment, chosen)) for chosen in experiment.search}
    for chosen in sizes:
        said: set[str] = set()
        for number, point in enumerate(search.points(experiment, chosen)):
            here = f"{at}.{chosen} (point {number})"
            if chosen in trained_rows():
                wrong = list(wrong_settings("", merged_settings(params, name, chosen, point)))
                if not wrong:
                    wrong += _wrong_trials(chosen, method_settings(params, name, chosen, point))
                for line in [*wrong, *unread("", chosen, point)]:
                    if line not in said:
                        yield f"{here}: {line}"
                    said.add(line)
    for chosen in (chosen for chosen, size in sizes.items() if not size):
        yield f"{at}.{chosen}: there are no points; give each setting at least one value, or drop it."
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{chosen} {size}" for chosen, size in sizes.items())
        yield f"{at}: every method needs the same number of points, but there are {shown}."
    else:
        yield from _unequal_rates(at, name, experiment, params)


def _wrong_trials(name: str, settings: MethodSettings) -> Iterator[str]:
    """Yield what leaves trials of a scale nothing to decide, of a row that makes them."""
    if settings.scale != "trials" or row_of(name).plan not in IN_ROUNDS:
        return
    strength = settings.strength
    if not rounds_are_jobs(name):
        yield "scale: trials needs rounds that are jobs of their own, which this row has not; leave it out."
    if settings.weighting == "median":
        yield "scale: trials does not go with weighting: median, which reads no scale."
    if settings.restart:
        yield "scale: trials chooses once for all rounds, so it does not go with restart."
    if not 10 * SHARES_WITH_NONE <= settings.scale_factor < math.inf:
        yield (
            f"scale_factor: {settings.scale_factor:g} is none for scale: trials, which tries it between "
            f"infinity and {SHARES_WITH_NONE:g}; give a number from {10 * SHARES_WITH_NONE:g} on."
        )
    if strength.pulls_nothing or strength.half_life == 0:
        yield "scale: trials needs a pull between none and an infinite one, else all trials are equal."


def _unequal_rates(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield methods that are tried at other learning rates than the rest: the best rate of one may be what
    another was never given.

    Rates compare where (6) is solved alike, by the same optimiser.
    """
    rates: defaultdict[tuple[object, ...], dict[str, list[float]]] = defaultdict(dict)
    for chosen in experiment.search:
        if chosen not in trained_rows():
            continue
        for point in search.points(experiment, chosen):
            try:
                settings = method_settings(params, name, chosen, point)
            except ValidationError:
                return  # said elsewhere
            kind = (settings.optimiser, settings.solver, settings.pull)
            tried = rates[kind].setdefault(chosen, [])
            tried.append(settings.learning_rate)
    for found in rates.values():
        sets = {chosen: sorted(set(tried)) for chosen, tried in found.items()}
        (first, ours), *others = sets.items()
        for other, theirs in others:
            if theirs != ours:
                yield (
                    f"{at}: every method must be tried at the same learning rates, but {first} has "
                    f"{_numbers(ours)} and {other} {_numbers(theirs)}."
                )
                break


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
