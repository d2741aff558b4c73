"""Mistakes in sweeps that no value shows alone."""

from collections.abc import Iterator

from jointnn.parameters.messages import unknown
from jointnn.parameters.schema import Params, SweepParams
from jointnn.registry import nearest
from jointnn.tasks.measures import measure_of

ALIKE = ("methods", "seeds")
"""Entries that must be the same, in any order, for numbers to be comparable."""


def wrong_sweeps(params: Params) -> Iterator[str]:
    """Yield one line for each mistake."""
    if "sweeps" in params.experiments:
        yield "experiments.sweeps: results of sweeps lie in the folder of this name; choose another one."
    for name, sweep in params.sweeps.items():
        at = f"sweeps.{name}"
        if f"sweep_{name}" in params.experiments:
            yield f"{at}: an experiment is named sweep_{name}, as its target would be; choose another name."
        yield from unknown(f"{at}.experiments", list(sweep.experiments), params.experiments)
        yield from _same_numbers(at, sweep)
        if sweep.experiments.keys() <= params.experiments.keys():
            yield from _differences(at, sweep, params)
            yield from _wrong_dataset(at, sweep, params)
            yield from _wrong_measure(at, sweep, params)
        yield from _wrong_yardsticks(at, sweep)


def _same_numbers(at: str, sweep: SweepParams) -> Iterator[str]:
    """Yield numbers that are printed alike."""
    first: dict[str, str] = {}
    for name, number in sweep.experiments.items():
        shown = f"{number:.10g}"
        other = first.setdefault(shown, name)
        if other != name:
            yield f"{at}.experiments: {other} and {name} both have {shown}; give each one of its own."


def _differences(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """Yield methods or seeds that are others than those of the first experiment."""
    first, *others = sweep.experiments
    for name in others:
        for key in ALIKE:
            ours, theirs = (getattr(params.experiments[entry], key) for entry in (first, name))
            if set(ours) != set(theirs):
                yield (
                    f"{at}.experiments: {name} has the {key} {_with_commas(theirs)}, but {first} has "
                    f"{_with_commas(ours)}; give all the same."
                )


def _wrong_dataset(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """Yield the first experiment that lacks the dataset, or whose average is over more or fewer."""
    first = next(iter(sweep.experiments))
    for name in sweep.experiments:
        datasets = params.experiments[name].datasets
        if sweep.dataset == "average":
            if len(datasets) != (ours := len(params.experiments[first].datasets)):
                yield (
                    f"{at}.dataset: 'average' is over {len(datasets)} datasets in {name}, but over {ours} "
                    f"in {first}; name one dataset that all have."
                )
                return
        elif sweep.dataset not in datasets:
            end = nearest(sweep.dataset, [*datasets, "average"])
            yield f"{at}.dataset: {sweep.dataset!r} is not among the datasets of {name}{end}"
            return


def _wrong_measure(at: str, sweep: SweepParams, params: Params) -> Iterator[str]:
    """Yield the first experiment that does not show the measure."""
    for name in sweep.experiments:
        measures = params.experiments[name].measures
        if sweep.measure not in measures:
            yield (
                f"{at}.measure: {sweep.measure!r} is not among the measures of {name}"
                f"{nearest(sweep.measure, measures)}"
            )
            return


def _wrong_yardsticks(at: str, sweep: SweepParams) -> Iterator[str]:
    """Yield per cent in the place of a fraction, the likely slip."""
    measure = measure_of(sweep.measure)
    for name, yardstick in sweep.yardsticks.items():
        if measure.unit == "per cent" and not 0 <= (value := yardstick.value) <= 1:
            yield f"{at}.yardsticks.{name}.value: {value:g} is no fraction; write 0.884 for 88.4 per cent."


def _with_commas(entries: list[str] | list[int]) -> str:
    return ", ".join(map(str, entries))
