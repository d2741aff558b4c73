"""Sections of a results page, in Markdown: beside the paper, what was selected, data, cost."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from jointnn.data.schema import DatasetParams
from jointnn.parameters.resolve import PRESETS
from jointnn.parameters.schema import ExperimentParams
from jointnn.reporting.tables.markdown import grid
from jointnn.reporting.tables.names import printed
from jointnn.reporting.words import in_words, listed
from jointnn.tasks.measures import Measure, measure_of

NO_NUMBERS = (
    "None of the paper's numbers (arXiv:1905.06526; Table 4 for Task I) stand here: where this page was "
    "written only the paper's abstract and introduction could be read, and numbers from memory are worth "
    "nothing. Rows for this experiment in [paper.csv](paper.csv) bring them in."
)

NO_NUMBERS_OF_JAE = (
    "None of the paper's numbers (Epstein, Meir, Michaeli 2018) stand here: where this page was written "
    "the paper could not be read, and numbers from memory are worth nothing. Rows for this experiment in "
    "[paper.csv](paper.csv) bring them in."
)
UNTOLD = {"device", "threads"}
"""Settings that are of the machine."""


def problem(experiment: ExperimentParams) -> str:
    """What is learned, and by which network."""
    options = f" ({in_words(experiment.architecture_options)})" if experiment.architecture_options else ""
    trunk = f" behind the frozen trunk `{experiment.trunk}`" if experiment.trunk else ""
    augmented = f", images augmented by `{experiment.augmentation}`" if experiment.augmentation else ""
    own = "".join(f"; {name}: {in_words(given)}" for name, given in experiment.architecture_of.items())
    return (
        f"Task `{experiment.task}`, {len(experiment.datasets)} datasets, for each a network "
        f"`{experiment.architecture}`{options}{own}{trunk}{augmented}."
    )


def results(table: str) -> str:
    """table.md without its title and its list of sources, headings a level deeper."""
    body = re.split(r"^Data:$", table, maxsplit=1, flags=re.MULTILINE)[0]
    return re.sub(r"^## ", "### ", re.sub(r"\A# .*\n+", "", body), flags=re.MULTILINE).strip()


def beside_the_paper(
    paper: pd.DataFrame, summary: pd.DataFrame, task: str, told: Mapping[str, Measure]
) -> str:
    """The paper's numbers of an experiment beside ours; a sentence if there are none.

    Args:
        paper: rows of the experiment: columns method, dataset, measure, value (as printed there), source.
        summary: summary.csv of the experiment.
        task: of the experiment; it tells which paper.
        told: the measures of the experiment, by name.
    """
    if paper.empty:
        return NO_NUMBERS_OF_JAE if task in ("reconstruction", "transfer") else NO_NUMBERS
    lines = [["method", "dataset", "measure", "paper", "ours"]]
    for row in paper.to_dict("records"):
        measure = measure_of(row["measure"], told)
        own = summary[summary.split == "test"]
        own = own[(own.metric == row["measure"]) & (own.method == row["method"])]
        own = own[own.dataset == row["dataset"]]
        ours = _spread(measure, own["mean"].iloc[0], own["std"].iloc[0]) if len(own) else "–"
        said = f"{measure.title} ({measure.unit})"
        lines.append([printed(row["method"]), printed(row["dataset"]), said, str(row["value"]), ours])
    sources = listed(list(dict.fromkeys(paper.source.astype(str))))
    return f"{grid(lines, words=3)}\n\nThe paper's numbers were read in {sources}."


def _spread(measure: Measure, mean: float, deviation: float) -> str:
    """Mean ± standard deviation as the measure is printed; of one seed there is no deviation."""
    return measure.number(mean) + ("" if pd.isna(deviation) else f" ± {measure.number(deviation)}")


def selected(
    experiment: ExperimentParams, rule: str, grid_table: pd.DataFrame | None, told: Mapping[str, Measure]
) -> str:
    """The settings of every method, how they were chosen, and what the grid measured on validation.

    Args:
        rule: how they were chosen, in words.
        grid_table: search/<experiment>/grid.csv; None if it is not there.
        told: the measures of the experiment, by name; the first decided the search.
    """
    blocks = [f"{rule[0].upper()}{rule[1:]}."]
    if common := {key: value for key, value in experiment.settings.items() if key not in UNTOLD}:
        blocks.append(f"All methods: {in_words(common)}.")
    lines = [["method", "chosen"]]
    for name in experiment.methods:
        own = [f"preset `{PRESETS[name]}`"] if name in PRESETS else []
        own += [in_words(experiment.tuned[name])] if experiment.tuned.get(name) else []
        lines.append([printed(name), "; ".join(own) or "as all"])
    if grid_table is not None:
        measure = measure_of(experiment.measures[0], told)
        lines = _with_scores(lines, experiment, grid_table, measure)
        blocks.append(
            f"Validation {measure.title} in {measure.unit}: of the chosen point on "
            f"each tuning seed, and of all points of the grid on seed {experiment.tuning_seed}."
        )
        if other := _not_as_chosen(experiment, grid_table):
            blocks.append(f"Trained with other settings than the search chose: {listed(other)}.")
    elif experiment.search:
        blocks.append("The grid was not searched here: the scores of its points are not at hand.")
    return "\n\n".join([*blocks, grid(lines, words=2)])


def _with_scores(
    lines: list[list[str]], experiment: ExperimentParams, table: pd.DataFrame, measure: Measure
) -> list[list[str]]:
    """Two more columns: the validation score of the chosen point, and the spread over points."""
    column = f"validation_{measure.name}"
    found = [[*lines[0], "chosen point", "all points"]]
    for line, name in zip(lines[1:], experiment.methods, strict=True):
        rows = table[table.method == name]
        chosen = rows[rows.chosen].sort_values("seed")[column]
        points = rows[rows.seed == experiment.tuning_seed][column]
        finite = points.dropna().sort_values()
        if chosen.empty or finite.empty:
            found.append([*line, "–", "–"])
            continue
        low, middle, high = (measure.number(v) for v in (finite.iloc[0], finite.median(), finite.iloc[-1]))
        lost = len(points) - len(finite)
        diverged = f", {lost} diverged" if lost else ""
        spread = f"{low} to {high}, median {middle} ({len(points)} points{diverged})"
        found.append([*line, ", ".join(map(measure.number, chosen)), spread])
    return found


def _not_as_chosen(experiment: ExperimentParams, table: pd.DataFrame) -> list[str]:
    """Methods whose settings in params.yaml are not those of the chosen point."""
    chosen = table[table.chosen].drop_duplicates("method").set_index("method").settings
    return [
        printed(name)
        for name in experiment.methods
        if name in chosen.index and in_words(json.loads(chosen[name])) != _sorted(experiment, name)
    ]


def _sorted(experiment: ExperimentParams, name: str) -> str:
    """What was tuned, in the order in which the grid writes it."""
    return in_words(dict(sorted(experiment.tuned.get(name, {}).items())))


def data(experiment: ExperimentParams, datasets: Mapping[str, DatasetParams]) -> str:
    """How many images, of what size, from where."""
    train = experiment.train_images or "all"
    side = experiment.image_size
    blocks = [
        f"Of each dataset {train} images for training and {experiment.validation_images} for validation, "
        f"drawn by seed, and the whole test split; {side} × {side} pixels, "
        f"{'colour' if experiment.channels == 3 else 'grey'}. More in [data.md](../data.md)."
    ]
    for name, count in experiment.labelled.items():
        blocks.append(f"Of {printed(name)}, {count} training images have labels.")
    lines = []
    for name in experiment.datasets:
        chosen: dict[str, Any] = datasets[name].model_dump(exclude_defaults=True, exclude={"source"})
        details = f" ({in_words(chosen)})" if chosen else ""
        lines.append(f"- {printed(name)}: `{datasets[name].source}`{details}")
    blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def cost(table: pd.DataFrame, methods: Sequence[str]) -> str:
    """Wall time of a seed and peak memory per method (table: `times`); a sentence if none were kept."""
    of_method = table.set_index("method") if len(table) else pd.DataFrame()
    timed = [name for name in methods if name in of_method.index]
    if not timed:
        return "Snakemake's benchmark files of these runs are not at hand, so there are no times."
    lines = [["method", "wall time of a seed (s)", "peak memory (MB)"]]
    for name in timed:
        row = of_method.loc[name].to_dict()
        deviation = "" if pd.isna(row["seconds_std"]) else f" ± {row['seconds_std']:.0f}"
        memory = "–" if pd.isna(row["peak_mb"]) else f"{row['peak_mb']:.0f}"
        lines.append([printed(name), f"{row['seconds']:.0f}{deviation}", memory])
    return (
        "From Snakemake's benchmark files: all networks of a seed, mean ± standard deviation over seeds, "
        "and the largest memory of a job. Other jobs may have run beside them. `joint` is the L2 start, "
        f"sigma and the rounds added up.\n\n{grid(lines)}"
    )
