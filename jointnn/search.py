"""The search of hyper-parameters on the validation split: its grid, and the choice."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from jointnn.params import ExperimentParams, Overrides

Check = Callable[[str, dict[str, Any]], Iterator[str]]


def points(experiment: ExperimentParams, name: str) -> list[Overrides]:
    """The grid points of a method: every combination of a mapping's values, or the list as it stands."""
    grid = experiment.search.get(name, [])
    if isinstance(grid, list):
        return grid
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def mistakes(at: str, experiment: ExperimentParams, check: Check) -> Iterator[str]:
    """Points that are no settings, and grids of unequal size, which would starve some method."""
    sizes = {name: len(points(experiment, name)) for name in experiment.search}
    for name in experiment.search:
        for number, point in enumerate(points(experiment, name)):
            yield from check(f"{at}.{name} (point {number})", {**experiment.settings, **point})
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        yield f"{at}: every method needs the same number of points, but there are {shown}."


def choose(values: list[float | None]) -> int:
    """The point with the highest validation measure; the first of equals. None: it diverged."""
    best = max((value for value in values if value is not None), default=None)
    if best is None:
        raise ValueError("every point diverged; lower the learning rates of the grid")
    return values.index(best)
