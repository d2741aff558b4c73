"""The sections of a results page: rows of tables and values, for the templates."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.data.schema import DatasetParams
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.irls.told_apart import NOT_TOLD_APART
from jointnn.parameters.rows import printed, row_of
from jointnn.parameters.schema import ExperimentParams
from jointnn.reporting.split_halves import by_layer, read_ratios
from jointnn.reporting.tables.markdown import markdown_grid
from jointnn.reporting.words import in_words, listed
from jointnn.tasks.measures import Measure, measure_of

UNTOLD = {"device", "processes", "threads"}
"""Settings that are of the machine."""
Rows = list[list[str]]


def results(table: str) -> str:
    """Return table.md without its title and list of sources, its headings a level deeper."""
    body = re.split(r"^Data:$", table, maxsplit=1, flags=re.MULTILINE)[0]
    return re.sub(r"^## ", "### ", re.sub(r"\A# .*\n+", "", body), flags=re.MULTILINE).strip()


def beside_the_paper(
    paper: pd.DataFrame, summary: pd.DataFrame, told: Mapping[str, Measure]
) -> dict[str, Any]:
    """Return `paper`, rows of the paper's numbers beside ours, and their `sources`; both empty if none.

    Args:
        paper: rows of the experiment: columns method, dataset, measure, value (as printed there), source.
        summary: summary.csv of the experiment.
        told: the measures of the experiment, by name.
    """
    lines: Rows = []
    for row in paper.to_dict("records"):
        measure = measure_of(row["measure"], told)
        own = summary[summary.split == "test"]
        own = own[(own.metric == row["measure"]) & (own.method == row["method"])]
        own = own[own.dataset == row["dataset"]]
        ours = _spread(measure, own["mean"].iloc[0], own["std"].iloc[0]) if len(own) else "–"
        said = f"{measure.title} ({measure.unit})"
        lines.append([printed(row["method"]), printed(row["dataset"]), said, str(row["value"]), ours])
    sources = list(dict.fromkeys(paper.source.astype(str))) if lines else []
    return {"paper": _under(["method", "dataset", "measure", "paper", "ours"], lines), "sources": sources}


def _under(head: list[str], lines: Rows) -> Rows:
    """Return a table with its head; [] without rows."""
    return [head, *lines] if lines else []


def _spread(measure: Measure, mean: float, deviation: float) -> str:
    """Return mean ± standard deviation as the measure is printed; the mean alone for one seed."""
    return measure.number(mean) + ("" if pd.isna(deviation) else f" ± {measure.number(deviation)}")


def selected(
    experiment: ExperimentParams, table: pd.DataFrame | None, told: Mapping[str, Measure]
) -> dict[str, Any]:
    """Return the settings of every method, and the results of the grid on validation.

    Args:
        table: search/<experiment>/grid.csv; None if it is not there.
        told: the measures of the experiment, by name; the first decided the search.

    Returns:
        `common`, settings of all methods; `chosen`, a row for each method; `searched`, whether there is a
        grid; `measure`, which decided; `otherwise`, methods with other settings than the search chose.
    """
    common, lines = settings(experiment)
    measure = measure_of(experiment.measures[0], told)
    return {
        "common": common,
        "chosen": lines if table is None else _with_scores(lines, experiment, table, measure),
        "searched": table is not None,
        "measure": measure,
        "otherwise": [] if table is None else _not_as_chosen(experiment, table),
    }


def settings(experiment: ExperimentParams) -> tuple[dict[str, Any], Rows]:
    """Return the settings of all methods, and a table of further settings of each method."""
    lines = [["method", "chosen"]]
    for name in experiment.methods:
        own = [f"preset `{preset}`"] if (preset := row_of(name).preset) else []
        own += [in_words(experiment.tuned[name])] if experiment.tuned.get(name) else []
        lines.append([printed(name), "; ".join(own) or "as all"])
    return {key: value for key, value in experiment.settings.items() if key not in UNTOLD}, lines


def settings_of_sweep(
    experiments: Mapping[str, ExperimentParams],
) -> list[tuple[str, dict[str, Any], Rows]]:
    """Return the settings of a sweep's experiments, once for all that have the same.

    Each entry has their numbers, the settings of all methods, and the table of each method.

    Args:
        experiments: by their number, as it is printed.
    """
    found: list[tuple[list[str], dict[str, Any], Rows]] = []
    for number, experiment in experiments.items():
        common, lines = settings(experiment)
        same = next((numbers for numbers, *those in found if those == [common, lines]), None)
        if same is None:
            found.append(([number], common, lines))
        else:
            same.append(number)
    return [(listed(numbers), common, lines) for numbers, common, lines in found]


def _with_scores(lines: Rows, experiment: ExperimentParams, table: pd.DataFrame, measure: Measure) -> Rows:
    """Return the rows with two more columns: validation score of the chosen point, spread over points."""
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
    """Return the methods whose settings are not those of the chosen point."""
    chosen = table[table.chosen].drop_duplicates("method").set_index("method").settings
    return [
        printed(name)
        for name in experiment.methods
        if name in chosen.index and in_words(json.loads(chosen[name])) != _sorted(experiment, name)
    ]


def _sorted(experiment: ExperimentParams, name: str) -> str:
    """Return the tuned settings of a method in words, in the order in which the grid writes them."""
    return in_words(dict(sorted(experiment.tuned.get(name, {}).items())))


def data(
    experiment: ExperimentParams, datasets: Mapping[str, DatasetParams]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, source and further parameters of each dataset."""
    untold = {"source", "of_imagenet"}
    return [
        (name, datasets[name].source, datasets[name].model_dump(exclude_defaults=True, exclude=untold))
        for name in experiment.datasets
    ]


def counts(experiment: ExperimentParams, datasets: Mapping[str, DatasetParams]) -> Rows:
    """Return a table with a row per dataset: name, source and parameters, classes, numbers of images.

    Rows are in the order of the tables. Counts are those of data/raw/<dataset>/manifest.json; a dash stands
    where the data are not at hand.
    """
    lines = [["dataset", "source", "classes", "training", "validation", "test"]]
    for name, source, done in data(experiment, datasets):
        path = Path(paths.raw(name)) / "manifest.json"
        manifest = read_json(path) if path.exists() else {}
        images = {split: entry["images"] for split, entry in manifest.get("splits", {}).items()}
        there = images.get("train", 0) - experiment.validation_images
        training = experiment.train_images or (there if images else "–")
        found = [len(manifest["classes"]) if images else "–", training]
        found += [experiment.validation_images, images.get("test", "–")]
        where = f"`{source}`" + (f" ({in_words(done)})" if done else "")
        lines.append([printed(name), where, *map(str, found)])
    return lines


def groups(table: pd.DataFrame, number: int | None) -> str:
    """Return the groups that the seeds found, as Markdown: those of a round, and how runs ended.

    Args:
        table: figures/groups.csv of the experiment.
        number: the round at which groups are read; None for the last.
    """
    if table.empty:
        return ""
    rounds = set(table["round"])
    number = number if number in rounds else int(max(rounds))
    rows = table[table["round"] == number]
    told = table[~table.groups.astype(str).str.startswith(NOT_TOLD_APART)]
    doubt = f"Round {number}: groups are {rows.groups.iloc[0]}." if number not in set(told["round"]) else ""
    if doubt and len(told):
        number = int(told["round"].min())
        rows = told[told["round"] == number]
        doubt += f" In round {number} they are (`groups_round: {number}` shows them in the figures)."
    said = []
    if len(told) and not rows.empty:
        lines = [["seed", "groups", "weight inside − across"]]
        for row in rows.to_dict("records"):
            named = str(row["groups"]).replace(" | ", "; ")
            lines.append([str(row["seed"]), named, f"{row['separation']:.2f}"])
        said = [f"The groups of round {number}, told apart by all seeds together:", markdown_grid(lines, 2)]
    ends = table.dropna(subset=["diagnosis"])
    ended = [f"- Seed {seed}: {end}" for seed, end in zip(ends.seed, ends.diagnosis, strict=True)]
    return "\n\n".join(filter(None, [doubt, *said, "\n".join(ended)]))


def ratios(name: str, experiment: ExperimentParams) -> str:
    """Return the table of how far the data are told apart by layer, as Markdown; "" without halves."""
    lines = by_layer(read_ratios(name), experiment.groups)
    return markdown_grid(lines, 3 if "closest" in lines[0] else 1) if lines else ""


def cost(table: pd.DataFrame, methods: Sequence[str]) -> Rows:
    """Return wall time of a seed and peak memory by method (table: `times`); [] if none were kept."""
    of_method = table.set_index("method") if len(table) else pd.DataFrame()
    lines: Rows = []
    for name in methods:
        if name in of_method.index:
            row = of_method.loc[name].to_dict()
            deviation = "" if pd.isna(row["seconds_std"]) else f" ± {row['seconds_std']:.0f}"
            memory = "–" if pd.isna(row["peak_mb"]) else f"{row['peak_mb']:.0f}"
            lines.append([printed(name), f"{row['seconds']:.0f}{deviation}", memory])
    return _under(["method", "wall time of a seed (s)", "peak memory (MB)"], lines)
