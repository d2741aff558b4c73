"""The search of hyper-parameters on the validation split: its grid, and the choice."""

from collections.abc import Mapping
from itertools import product

from jointnn.parameters.schema import ExperimentParams, Overrides


def points(experiment: ExperimentParams, name: str) -> list[Overrides]:
    """Return the points of a method: of each grid in turn, every combination of its values.

    A grid is a mapping from settings to a value or a list of values; a method has one or several.
    """
    grids = experiment.search.get(name, [])
    return [
        dict(zip(grid, values, strict=True))
        for grid in ([grids] if isinstance(grids, dict) else grids)
        for values in product(*(v if isinstance(v, list) else [v] for v in grid.values()))
    ]


def attempts(experiment: ExperimentParams) -> dict[int, dict[str, list[int]]]:
    """Return points of each method by tuning seed: all on the first, the finalists on the others."""
    every = {name: list(range(len(points(experiment, name)))) for name in experiment.search}
    further = {seed: dict(experiment.finalists) for seed in experiment.further_tuning_seeds}
    return {experiment.tuning_seed: every, **further} if every else {}


def chosen_in(experiments: Mapping[str, ExperimentParams], name: str) -> str:
    """Return the experiment whose settings one has: itself, or one that it extends without changing
    them."""
    parent = experiments[name].extends
    if parent is None or experiments[parent].tuned != experiments[name].tuned:
        return name
    return chosen_in(experiments, parent)


def rule(experiments: Mapping[str, ExperimentParams], name: str, *, beside_others: bool = False) -> str:
    """Return how the hyper-parameters of an experiment were chosen, for the header of a table.

    Args:
        beside_others: whether the table is of several experiments, so that one's own name is said too.
    """
    origin = chosen_in(experiments, name)
    experiment, where = experiments[origin], f" in {origin}" if beside_others or origin != name else ""
    counts = {len(points(experiment, name)) for name in experiment.search}
    # What the search chose stands under `tuned`; a grid alone has chosen nothing.
    if not counts or set(experiment.search) - set(experiment.tuned):
        return "hyper-parameters as given, not searched"
    if not experiment.further_tuning_seeds:
        return (
            f"hyper-parameters chosen{where} on the validation split of seed {experiment.tuning_seed}, "
            f"which no reported number uses, among {counts.pop()} points for each method"
        )
    seeds = ", ".join(map(str, [experiment.tuning_seed, *experiment.further_tuning_seeds]))
    count = len(next(iter(experiment.finalists.values()), []))
    return (
        f"hyper-parameters chosen{where} on the validation splits of seeds {seeds}, which no reported "
        f"number uses: {counts.pop()} points for each method on the first, its best {count} on all"
    )
