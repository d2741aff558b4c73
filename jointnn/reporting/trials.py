"""Choices of methods within their run, by trials of a scale: figures write them and pages read them."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jointnn.io import paths
from jointnn.io.files import read_json, read_table
from jointnn.parameters.rows import printed
from jointnn.tasks.measures import measure_from_json, measure_of

COLUMNS = ["method", "seed", "scale_factor", "measure", "best", "validation", "chosen"]
Rows = list[list[str]]


def trials_of(experiment: str, seeds: Sequence[int], methods: Sequence[str]) -> pd.DataFrame:
    """Return the trials of every seed that has a scale.

    Returns:
        A row for each method, seed and scale; `validation` is NaN where a trial diverged.
    """
    found = []
    for method in methods:
        for seed in seeds:
            if not (file := Path(paths.sigma(experiment, seed, method))).exists():
                continue
            content = read_json(file, "trials", "scale_factor")
            for trial in content["trials"]:
                name = trial["decides"]
                factor, value = float(trial["scale_factor"]), trial["validation"].get(name, math.nan)
                chosen = factor == content["scale_factor"]
                found.append((method, seed, factor, name, trial["best"].get(name, ""), value, chosen))
    return pd.DataFrame(found, columns=COLUMNS)


def read_trials(experiment: str) -> pd.DataFrame:
    """Return the trials that the figures of an experiment have written; empty where there are none."""
    file = Path(paths.trials(experiment))
    return read_table(file) if file.exists() else pd.DataFrame(columns=COLUMNS)


def by_scale(table: pd.DataFrame, methods: Sequence[str]) -> Rows:
    """Return a table with a row for each scale of these methods.

    It has whom the scale shares with, the results of its trials on validation over seeds, and how many
    seeds chose it.
    """
    head, lines = "", []
    table = table[table.method.isin(methods)]
    for method, factor in dict.fromkeys(zip(table.method, table.scale_factor, strict=True)):
        rows = table[(table.method == method) & (table.scale_factor == factor)]
        measure = measure_of(name := rows.measure.iloc[0])
        if best := next(filter(None, rows.best.fillna("")), ""):
            measure = measure_from_json(name, {**measure.as_json(), "best": best})
        head = f"validation {measure.title} after one round, in {measure.unit}"
        values = rows.validation.dropna()
        spread = f" ± {measure.number(values.std())}" if len(values) > 1 else ""
        reached = f"{measure.number(values.mean())}{spread}" if len(values) else "–"
        if lost := len(rows) - len(values):
            reached += f", {lost} diverged"
        whom = _whom(factor, table[table.method == method].scale_factor.min())
        lines.append([printed(method), whom, reached, f"{rows.chosen.sum()} of {len(rows)} seeds"])
    return [["method", "shares with", head, "chosen in"], *lines]


def _whom(factor: float, least: float) -> str:
    if math.isinf(factor):
        return "all"
    return "none" if factor == least else f"near ones (s = {factor:g})"
