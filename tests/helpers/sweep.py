"""Three experiments in a sweep, whose metrics are written here."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.params import read
from jointnn.io.files import write_table
from jointnn.jobs import specs
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import SweepJob
from jointnn.stages import collect, sweep
from jointnn.stages.evaluate import METRICS

NAME = "images"
CHOSEN = {
    "dataset": "second",
    "along": "training images of each dataset",
    "experiments": {"toy": 40, "fewest": 0, "heir": 9.5},
    "yardsticks": {"Ann (2001), 1 | 2": 0.5, "Bob et al. (2016), no labels of the target": 0.884},
}
DATASETS = ["first", "second", "third"]
FOLDER = Path("results", "sweeps", NAME)
# experiment: method: test accuracy on `second` of seeds 0 and 1
VALUES = {
    "fewest": {"isolated": [0.10, 0.10], "joint": [0.50, 0.52], "oracle": [0.95, 0.95]},
    "heir": {"isolated": [0.7199, 0.7201], "joint": [0.71, 0.73], "oracle": [0.95, 0.95]},
    "toy": {"isolated": [0.90, 0.92], "joint": [0.80], "oracle": [0.95, 0.97]},
}


def params(joint: dict[str, Any] | None = None, **changes):
    """`toy`, `heir` and `fewest`, with three methods each, in a sweep; `joint` was chosen for it."""
    chosen = {**CHOSEN, **changes}
    told = enumerate(chosen["yardsticks"].items())
    chosen["yardsticks"] = {f"of_{k}": {"value": value, "source": source} for k, (source, value) in told}
    return read(
        {
            "experiments.toy.methods": ["isolated", "joint", "oracle"],
            "experiments.toy.tuned": {},
            "experiments.toy.chosen": {
                "searched": {"seeds": [1000], "points": 2},
                "tuned": {"isolated": {"learning_rate": 0.05}, "joint": joint or {}, "oracle": {}},
            },
            "experiments.fewest": {"extends": "toy", "datasets": DATASETS, "train_images": 1},
            "sweeps": {NAME: chosen},
        }
    )


def evaluate(values: dict[str, Any] = VALUES, shuffled: int = 0) -> None:
    """Write the metrics of every seed as the stage `evaluate` does."""
    for experiment, of_method in values.items():
        for seed in (0, 1):
            rows = [
                (experiment, method, seed, dataset, "accuracy", split, found[seed] - less)
                for method, found in of_method.items()
                if seed < len(found)
                for dataset, split, less in [
                    ("first", "test", 0.03), ("second", "test", 0), ("third", "test", 0.06),
                    ("second", "validation", 0.09),
                ]
            ]  # fmt: skip
            table = pd.DataFrame(rows, columns=METRICS).sample(frac=1, random_state=shuffled)
            write_table(Path("results", experiment, f"s{seed}", "metrics.csv"), table)


def job_of(**changes) -> SweepJob:
    """The job of the sweep, after the tables of its experiments were made."""
    jobs = Jobs(params(**changes))
    for experiment in VALUES:
        collect.run(jobs.collect(experiment))
    return specs.job_of(json.loads(jobs.sweep(NAME).text))


def run(**changes) -> str:
    """Run the stage, and give its table."""
    sweep.run(job_of(**changes))
    return (FOLDER / "table.md").read_text()


def cells(table: str, first: str) -> list[str]:
    """The other cells of the row that begins with `first`."""
    row = next(line for line in table.splitlines() if line.startswith(f"| {first} "))
    return [cell.strip() for cell in row.strip("|").split(" | ")][1:]
