"""Experiments that differ in one number, in one table: a row per method, a column per number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.errors import UserError
from jointnn.io.files import read_table
from jointnn.parameters.rows import ALONE, printed
from jointnn.reporting.measures import read_measures
from jointnn.reporting.tables.markdown import MARKDOWN, markdown_grid
from jointnn.reporting.tables.rendering import (
    OURS,
    Notes,
    difference,
    harm_where,
    header,
    joining,
    name_in,
    rows,
)
from jointnn.reporting.tables.results import AVERAGE, Results, mean_and_deviation, results_from
from jointnn.reporting.words import listed
from jointnn.tasks.measures import HIGHEST, LOWEST, measure_of


@dataclass(frozen=True)
class SweepResults(Results):
    """Results whose columns are numbers, as texts in rising order, in the place of datasets.

    Attributes:
        experiment: the name of the sweep.
        values: (method, number) -> {seed: value}.
        dataset: whose measure it is, or `average`.
        over: the datasets of the average; none where they are others in each experiment.
        along: the meaning of the number, in words.
        each: the results of the experiment of each number, dataset by dataset.
        yardsticks: figures that others report by source, in the unit of the metric, the best first.
    """

    dataset: str = AVERAGE
    over: list[str] = field(default_factory=list)
    along: str = ""
    each: Mapping[str, Results] = field(default_factory=dict)
    yardsticks: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Return the numbers as columns. There is no average: across numbers it would mean nothing."""
        return self.datasets

    @property
    def place(self) -> str:
        """Return the dataset of the measure, or the datasets of its average, in words."""
        if self.dataset != AVERAGE:
            return printed(self.dataset)
        named = listed(list(map(printed, self.over)))
        return f"{AVERAGE} over {named or 'all datasets of each experiment'}"


def read_sweep(settings: Mapping[str, Any]) -> SweepResults:
    """Return the results of a sweep, from each results/<experiment>/metrics.csv (settings: stage sweep).

    Raises:
        UserError: an experiment has no value of the measure on the test split of the dataset.
    """
    of = settings["experiments"]
    numbers = {name: f"{of[name]:.10g}" for name in sorted(of, key=of.__getitem__)}
    each = _each(settings, numbers)
    reference, yardsticks = settings.get("reference") or [], settings.get("yardsticks") or {}
    told = {name: of for one in numbers for name, of in read_measures(one, settings["seeds"]).items()}
    measure = measure_of(settings["measure"], told)
    return SweepResults(
        experiment=settings["sweep"],
        measure=measure,
        methods=[name for name in settings["methods"] if name not in reference],
        datasets=list(numbers.values()),
        seeds=list(settings["seeds"]),
        values={
            (method, number): found.cell(method, settings["dataset"])
            for number, found in each.items()
            for method in settings["methods"]
        },
        reference=[name for name in settings["methods"] if name in reference],
        selection=_selection({number: settings["selections"][name] for name, number in numbers.items()}),
        seen=list(settings.get("seen") or []),
        features=settings.get("features"),
        generated=settings.get("generated"),
        collapsed=_marked(settings, {number: found.collapsed for number, found in each.items()}),
        diverged=_marked(settings, {number: found.diverged for number, found in each.items()}),
        corners=settings.get("corners") or {},
        dataset=settings["dataset"],
        over=list(settings["datasets"]),
        along=settings["along"],
        each=each,
        yardsticks=dict(sorted(yardsticks.items(), key=lambda entry: (-measure.score(entry[1]), entry[0]))),
    )


def _each(settings: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Results]:
    """Return the results of each experiment from its table, by its number.

    Args:
        numbers: of each experiment, as it is printed.
    """
    each = {}
    for experiment, number in numbers.items():
        path = Path("results", experiment, "metrics.csv")
        found = results_from(read_table(path), {**settings, "experiment": experiment}, settings["measure"])
        if not any(found.cell(method, settings["dataset"]) for method in settings["methods"]):
            raise UserError(
                f"{path} has no {settings['measure']!r} of {settings['dataset']!r} on the test split for "
                f"the methods and seeds of the sweep. Run its job again: snakemake {path}"
            )
        each[number] = found
    return each


Marks = Mapping[tuple[str, str], Sequence[int]]
"""Seeds that are marked, by method and dataset, or by method and number."""


def _marked(settings: Mapping[str, Any], each: Mapping[str, Marks]) -> Marks:
    """Return the seeds that are marked in any experiment, by method and number."""
    return {
        (method, number): [seed for seed in settings["seeds"] if seed in marked]
        for number, of in each.items()
        for method in settings["methods"]
        if (marked := of.get((method, settings["dataset"]), ()))
    }


def _selection(rules: Mapping[str, str]) -> str:
    """Return the selection rule, only once if it is the same for all numbers."""
    numbers: dict[str, list[str]] = {}
    for number, rule in rules.items():
        numbers.setdefault(rule, []).append(number)
    if len(numbers) == 1:
        return next(iter(numbers))
    return "; ".join(f"at {listed(those)}: {rule}" for rule, those in numbers.items())


def summarise_sweep(results: SweepResults) -> pd.DataFrame:
    """Return summary.csv: number, method, mean, std (n - 1; empty for one seed), seeds (how many).

    Rows go by rising numbers, then methods; values are in the unit of the metric, not in the printed one.
    """
    found = []
    for number in results.columns:
        for method in [*results.methods, *results.reference]:
            if values := list(results.cell(method, number).values()):
                found.append((number, method, *mean_and_deviation(values), len(values)))
    return pd.DataFrame(found, columns=["number", "method", "mean", "std", "seeds"])


def sweep_markdown(results: SweepResults) -> str:
    """Return table.md: title, description, methods by numbers, footnotes, paired differences, yardsticks.

    The yardsticks stand apart.
    """
    notes = Notes(results.seeds)
    about = f"Dataset: {results.place}. Columns: {results.along}."
    lines = [["method", *results.columns], *rows(results, results.methods, notes, MARKDOWN)]
    if results.reference:
        lines.append(["───"] * len(lines[0]))
        lines += rows(results, results.reference, notes, MARKDOWN)
    blocks = [f"# {results.experiment}", " ".join([about, *header(results)]), markdown_grid(lines)]
    blocks += [f"<sup>{letter}</sup> {sentence}" for letter, sentence in notes.sentences()]
    for ours in OURS:
        there = ours in results.methods and any(results.cell(ours, number) for number in results.columns)
        if there and len(results.methods) + len(results.reference) > 1:
            blocks += [_paired(results, ours), markdown_grid(_paired_lines(results, ours))]
    blocks += _joining(results)
    if results.yardsticks:
        elsewhere = [["reported elsewhere, not measured here", results.measure.unit]]
        for name, value in results.yardsticks.items():
            elsewhere.append([name.replace("|", r"\|"), results.measure.number(value)])
        blocks.append(markdown_grid(elsewhere))
    return "\n\n".join(blocks) + "\n"


def _joining(results: SweepResults) -> list[str]:
    """Return the sentence on whom joining harms at which number, and joining minus `isolated` as table.

    Without the table where datasets are others at each number: those of the experiments have it.
    """
    there = {number: found for number, found in results.each.items() if joining(found)}
    if not there:
        return []
    ours = joining(next(iter(there.values())))
    said = f"Each dataset by itself: `{printed(ours)}` minus `{ALONE}`, seed by seed."
    harmed = {number: found.harmed(ours, ALONE) for number, found in there.items()}
    places = [
        f"{printed(dataset)} at {listed(numbers)}"
        for dataset in dict.fromkeys(name for found in there.values() for name in found.datasets)
        if (numbers := [number for number, those in harmed.items() if dataset in those])
    ]
    said = f"{said} {harm_where('; '.join(places), results.seeds)}"
    if not results.over:
        tables = listed([f"results/{found.experiment}/table.md" for found in there.values()])
        return [f"{said} By how much: {tables}."]
    lines = [[f"{printed(ours)} {MARKDOWN.minus} {ALONE}", *results.columns]]
    for dataset in results.over:
        pairs = [found.paired(ours, ALONE, dataset) for found in results.each.values()]
        lines.append(
            [printed(dataset), *(difference(of, results.measure.number, MARKDOWN) for of in pairs)]
        )
    return [said, markdown_grid(lines)]


def _paired(results: SweepResults, ours: str) -> str:
    """Return sentences on the paired differences, and on where `ours` is behind a competitor."""
    measure = results.measure
    spread = ", mean ± standard deviation" if len(results.seeds) > 1 else ""
    unit = measure.unit_of_differences
    said = f"Paired: `{printed(ours)}` minus each method, in {unit}, seed by seed{spread}."
    behind, level, untold = (_where(results, ours, is_behind) for is_behind in (True, False, None))
    if not (behind or level):
        return said
    is_directed = measure.best in (HIGHEST, LOWEST)
    of = "that mean" if is_directed else f"the mean of distances from {measure.best:g}"
    said += (
        f" By more than the standard error of {of} (the deviation over the root of the number of "
        f"seeds), `{printed(ours)}` is behind {behind or 'no competitor'}."
    )
    return f"{said} Nothing is said of {untold}: fewer than two seeds in common." if untold else said


def _where(results: SweepResults, ours: str, is_behind: bool | None) -> str:
    """Return the competitors for which `behind` is `is_behind`, by number: "a and b at 20; c at 30"."""
    others = [name for name in results.methods if name != ours]
    places = []
    for number in results.columns:
        if names := [name for name in others if results.behind(ours, name, number) is is_behind]:
            places.append(f"{listed(list(map(printed, names)))} at {number}")
    return "; ".join(places)


def _paired_lines(results: SweepResults, ours: str) -> list[list[str]]:
    """Return a table: a row per method but `ours`, references last, and a column per number."""
    head = [f"{printed(ours)} {MARKDOWN.minus} method", *results.columns]
    lines = [_differences(results, ours, name) for name in results.methods if name != ours]
    references = [_differences(results, ours, name) for name in results.reference]
    return [head, *lines, *([["───"] * len(head)] if references else []), *references]


def _differences(results: SweepResults, ours: str, name: str) -> list[str]:
    pairs = [results.paired(ours, name, number) for number in results.columns]
    return [name_in(results, name), *(difference(of, results.measure.number, MARKDOWN) for of in pairs)]
