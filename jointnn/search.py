"""The search of hyper-parameters on the validation split: its grid, and the choice."""

import math
from collections.abc import Sequence
from itertools import product

from jointnn.params import ExperimentParams, Overrides


def points(experiment: ExperimentParams, name: str) -> list[Overrides]:
    """The points of a method: of each grid in turn, every combination of its values.

    A grid is a mapping from settings to a value or a list of values; a method has one or several.
    """
    grids = experiment.search.get(name, [])
    return [
        dict(zip(grid, values, strict=True))
        for grid in ([grids] if isinstance(grids, dict) else grids)
        for values in product(*(v if isinstance(v, list) else [v] for v in grid.values()))
    ]


def choose(values: Sequence[float | None]) -> int:
    """The point with the highest validation measure; the first of equals.

    Args:
        values: of each point; None, or no finite number: it diverged and is never chosen.

    Raises:
        ValueError: every point diverged.
    """
    finite = [(value, k) for k, value in enumerate(values) if value is not None and math.isfinite(value)]
    if not finite:
        raise ValueError("every point diverged; lower the learning rates of the grid")
    return max(finite, key=lambda found: found[0])[1]
