"""What is wrong with the sweeps of params.yaml and cannot be seen in one value alone."""

from collections.abc import Iterator

from jointnn.measures import MEASURES
from jointnn.params import Params, SweepParams
from jointnn.registry import nearest

ALIKE = ("methods", "seeds")
"""What must be the same, in any order, for numbers to be comparable."""


def sweep_mistakes(params: Params) -> Iterator[str]:
    """One line for each mistake."""
    if "sweeps" in params.experiments:
        yield "experiments.sweeps: results of sweeps lie in the folder of this name; choose another one."
    for name, sweep in params.sweeps.items():
        at = f"sweeps.{name}"
        if f"sweep_{name}" in params.experiments:
            yield f"{at}: an experiment is named sweep_{name}, as its target would be; choose another name."
        unknown = [entry for entry in sweep.experiments if entry not in params.experiments]
        for entry in unknown:
            yield f"{at}.experiments: {entry!r} is not known{nearest(entry, params.experiments)}"
        yield from _same_numbers(at, sweep)
        if not unknown:
            yield from _differences(at, sweep, params)
            yield from _wrong_dataset(at, sweep, params)
            yield from _wrong_measure(at, sweep, params)


def _same_numbers(at: str, sweep: SweepParams) -> Iterator[str]:
    first: dict[float, str] = {}
    for name, number in sweep.experiments.items():
        other = first.setdefault(number, name)
        if other != name:
            yield f"{at}.experiments: {other} and {name} both have {number:g}; give each one of its own."


def _differences(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """Methods or seeds that are others than those of the first experiment."""
    first, *others = sweep.experiments
    for name in others:
        for key in ALIKE:
            ours, theirs = (getattr(params.experiments[entry], key) for entry in (first, name))
            if set(ours) != set(theirs):
                yield (
                    f"{at}.experiments: {name} has the {key} {_listed(theirs)}, but {first} has "
                    f"{_listed(ours)}; give all the same."
                )


def _wrong_dataset(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """A dataset that an experiment lacks, or an average over others than that of the first."""
    first = next(iter(sweep.experiments))
    for name in sweep.experiments:
        datasets = params.experiments[name].datasets
        if sweep.dataset == "average":
            ours = params.experiments[first].datasets
            if set(datasets) != set(ours):
                yield (
                    f"{at}.dataset: 'average' is over {_listed(datasets)} in {name}, but over "
                    f"{_listed(ours)} in {first}; name one dataset that all have."
                )
        elif sweep.dataset not in datasets:
            end = nearest(sweep.dataset, [*datasets, "average"])
            yield f"{at}.dataset: {sweep.dataset!r} is not among the datasets of {name}{end}"


def _wrong_measure(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """A measure that is not known at all, or that an experiment does not show."""
    if sweep.measure not in MEASURES:
        yield f"{at}.measure: {sweep.measure!r} is not known{nearest(sweep.measure, MEASURES)}"
        return
    for name in sweep.experiments:
        measures = params.experiments[name].measures
        if sweep.measure not in measures:
            yield (
                f"{at}.measure: {sweep.measure!r} is not among the measures of {name}"
                f"{nearest(sweep.measure, measures)}"
            )


def _listed(entries: list[str] | list[int]) -> str:
    return ", ".join(map(str, entries))
