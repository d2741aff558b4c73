"""Costs of a run, from Snakemake's benchmark files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jointnn.io import paths
from jointnn.io.files import read_json


def times(experiment: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Return wall time and peak memory by method, from Snakemake's benchmark files.

    The files are logs/<experiment>/s<seed>/**.tsv. The jobs of a method, such as the rounds of `joint`, are
    added up; memory is their largest. Split halves count where the scale of a method comes from them.

    Returns:
        Columns method, seconds (mean over seeds), seconds_std, peak_mb (largest), jobs (per seed),
        seeds. Empty when nothing was timed.
    """
    rows = []
    for seed in seeds:
        folder = Path("logs", experiment, f"s{seed}")
        for path in sorted(folder.rglob("*.tsv")):
            method, *job = path.relative_to(folder).with_suffix("").parts
            if job == ["halves"] and not _are_of_sigma(paths.method(experiment, seed, method)):
                continue
            timed = pd.read_csv(path, sep="\t", na_values=["-"])
            rows.append((method, seed, timed.s.mean(), timed.max_rss.max()))
    table = pd.DataFrame(rows, columns=["method", "seed", "seconds", "peak_mb"])
    of_seed = table.groupby(["method", "seed"]).agg(
        seconds=("seconds", "sum"), peak_mb=("peak_mb", "max"), jobs=("seconds", "size")
    )
    of_method = of_seed.groupby("method").agg(
        seconds_std=("seconds", "std"),
        seconds=("seconds", "mean"),
        peak_mb=("peak_mb", "max"),
        jobs=("jobs", "max"),
        seeds=("jobs", "size"),
    )
    columns = ["method", "seconds", "seconds_std", "peak_mb", "jobs", "seeds"]
    return of_method.reset_index()[columns]


def _are_of_sigma(folder: str) -> bool:
    """Return whether the scale of a method came from its halves: else they were trained to be looked at."""
    record = Path(folder, "sigma.settings.json")
    return record.exists() and "halves" in read_json(record).get("before", {})
