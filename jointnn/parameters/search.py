"""The search of hyper-parameters on the validation split: its grid, and the choice."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import product

from jointnn.io.files import to_json
from jointnn.parameters.resolve import method_settings
from jointnn.parameters.rows import rounds_are_jobs
from jointnn.parameters.schema import ExperimentParams, Overrides, Params, SearchedParams


def points(experiment: ExperimentParams, name: str) -> list[Overrides]:
    """Return the points of a method: every combination of the values of each of its grids.

    A grid is a mapping from settings to a value or a list of values; a method has one or several.
    """
    grids = experiment.search.get(name, [])
    return [
        dict(zip(grid, values, strict=True))
        for grid in ([grids] if isinstance(grids, dict) else grids)
        for values in product(*(v if isinstance(v, list) else [v] for v in grid.values()))
    ]


def digest(experiment: ExperimentParams) -> str:
    """Return a digest of the points of all methods, 12 hexadecimal digits."""
    grid = {name: points(experiment, name) for name in experiment.search}
    return hashlib.sha256(to_json(grid).encode()).hexdigest()[:12]


def attempts(experiment: ExperimentParams) -> dict[int, dict[str, list[int]]]:
    """Return the points of each method by tuning seed: all on the first, the finalists on the others."""
    every = {name: list(range(len(points(experiment, name)))) for name in experiment.search}
    further = {seed: dict(experiment.finalists) for seed in experiment.further_tuning_seeds}
    return {experiment.tuning_seed: every, **further} if every else {}


def rule(params: Params, name: str, *, beside_others: bool = False) -> str:
    """Return how the hyper-parameters of an experiment were chosen, in words, for the header of a table.

    It follows from where each method's settings are written: in params/chosen by a search, or by hand; and
    from which of them choose a scale in their run.

    Args:
        beside_others: whether the table is of several experiments, so that one's own name is said too.
    """
    experiments, experiment = params.experiments, params.experiments[name]
    methods: dict[str | None, list[str]] = {}
    for method in experiment.methods:
        methods.setdefault(experiment.chosen_in.get(method), []).append(method)
    by_hand = methods.pop(None, [])
    tried = [
        method
        for method in filter(rounds_are_jobs, experiment.methods)
        if method_settings(params, name, method).scale == "trials"
    ]
    in_the_run = f"s of {', '.join(tried)} chosen in each run on the validation split of its seed"
    if not methods:
        return "; ".join(["hyper-parameters as given, not searched", *([in_the_run] if tried else [])])
    said = []
    for origin, those in methods.items():
        searched = experiments[str(origin)].searched
        where = f" in {origin}" if beside_others or origin != name else ""
        of = f" of {', '.join(those)}" if by_hand or len(methods) > 1 else ""
        said.append(f"hyper-parameters{of} chosen{where} {_how(searched)}{_at_edges(searched, those)}")
        said += _of_the_grid(experiments[str(origin)], those)
    if by_hand:
        said.append(f"those of {', '.join(by_hand)} as given, not searched")
    return "; ".join([*said, *([in_the_run] if tried else [])])


def _how(searched: SearchedParams | None) -> str:
    """Return how a search chose, in words."""
    if searched is None:
        return "on validation"
    seeds = ", ".join(map(str, searched.seeds))
    if len(searched.seeds) == 1:
        return (
            f"on the validation split of seed {seeds}, which no reported number uses, "
            f"among {searched.points} points for each method"
        )
    return (
        f"on the validation splits of seeds {seeds}, which no reported number uses: "
        f"{searched.points} points for each method on the first, its best {searched.finalists} on all"
    )


def _of_the_grid(experiment: ExperimentParams, methods: Sequence[str]) -> list[str]:
    """Return sentences on whether methods were tried at the same learning rates, as far as known.

    Args:
        methods: of the table, whose settings this search chose.
    """
    searched = experiment.searched
    if searched is None or searched.grid is None:
        known = ["an older search: methods may have been tried at different learning rates"]
        return known + ["the grid is another one by now"] * _was_another_grid(experiment)
    if searched.grid != digest(experiment):
        return ["the grid is another one by now"]
    rates = {
        name: frozenset(point.get("learning_rate") for point in points(experiment, name))
        for name in methods
        if name in experiment.search
    }
    ((usual, count),) = Counter(rates.values()).most_common(1) or [(frozenset(), 0)]
    if count < 2:
        return []
    own = [name for name, those in rates.items() if those != usual]
    but = f" but {' and '.join(own)}" if own else ""
    return [f"there, all methods{but} were tried at the same learning rates"]


def _was_another_grid(experiment: ExperimentParams) -> bool:
    """Return whether a chosen point is no longer in the grid."""
    return any(
        chosen not in points(experiment, method)
        for method, chosen in experiment.tuned.items()
        if method in experiment.search and method in experiment.chosen_in
    )


def _at_edges(searched: SearchedParams | None, methods: Sequence[str]) -> str:
    """Return the chosen settings at the edge of their grid, in words; "" for none.

    Beyond an edge better values may lie.
    """
    edges = [
        f"{' and '.join(key.replace('_', ' ') for key in searched.edges[name])} of {name}"
        for name in methods
        if searched is not None and name in searched.edges
    ]
    return f", at the edge of what was tried: {', '.join(edges)}" if edges else ""
