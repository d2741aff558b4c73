"""Means of curves and single values: over datasets within a run, over the seeds of a method."""

import math
from collections import defaultdict
from collections.abc import Sequence

from jointnn.reporting.tracking.runs import Points

AVERAGE = "average"
"""Name in the place of a dataset for a mean over all of them, as in the tables."""
DEVIATION = "std/"


def with_average(points: Points) -> Points:
    """Return the points, and the mean over datasets of each metric that several datasets have.

    A step counts if all of these datasets have a value there.
    """
    groups: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    datasets = defaultdict(set)
    for (name, step), value in points.items():
        group, _, dataset = name.rpartition("/")
        if group and dataset != "all":
            groups[group][step].append(value)
            datasets[group].add(dataset)
    means = {
        (f"{group}/{AVERAGE}", step): mean(values)
        for group, steps in groups.items()
        for step, values in steps.items()
        if len(values) == len(datasets[group]) > 1
    }
    return means | points


def over_seeds(seeds: Sequence[Points], *, every: bool) -> Points:
    """Return the mean over seeds where all have a value, and for several seeds the deviation (n - 1).

    Args:
        every: whether each has a deviation, also the single datasets of an average.
    """
    together: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for points in seeds:
        for place, value in points.items():
            together[place].append(value)
    averaged = {name.rpartition("/")[0] for name, _ in together if name.endswith(f"/{AVERAGE}")}
    found: Points = {}
    for (name, step), values in together.items():
        if len(values) < len(seeds):
            continue
        found[name, step] = mean(values)
        group, _, dataset = name.rpartition("/")
        if len(values) > 1 and (every or dataset == AVERAGE or group not in averaged):
            found[DEVIATION + name, step] = deviation(values)
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean. Infinite or NaN values go through."""
    return sum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Return the sample standard deviation; NaN if a value is infinite or NaN."""
    centre = mean(values)
    return math.sqrt(sum((value - centre) * (value - centre) for value in values) / (len(values) - 1))
