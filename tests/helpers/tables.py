"""Results of a small experiment, computed by hand, for tests of tables."""

from pathlib import Path

import pandas as pd

from jointnn.io.files import write_table
from jointnn.jobs.specs import CollectJob

# method: dataset: test accuracy of seeds 0, 1, 2
VALUES = {
    "isolated": {"letters_a": [0.70, 0.72, 0.74], "digits": [0.50, 0.60, 0.70]},
    "l2reg": {"letters_a": [0.7199, 0.72, 0.7201], "digits": [0.80, 0.80, 0.80]},
    "joint": {"letters_a": [0.80, 0.81, 0.82], "digits": [0.70, 0.75, 0.80]},
    "fedamp": {"letters_a": [0.99, 0.99], "digits": [0.99, 0.99]},
    "oracle": {"letters_a": [0.95, 0.95, 0.95], "digits": [0.95, 0.95, 0.95]},
}
COLUMNS = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]


def settings(**changes) -> CollectJob:
    given = {
        "stage": "collect", "experiment": "toy", "datasets": ["letters_a", "digits"],
        "methods": ["isolated", "l2reg", "finetune", "fedamp", "joint", "oracle"],
        "seeds": [0, 1, 2], "reference": ["oracle"], "measures": ["accuracy"],
        "selection": "12 points for every method, chosen on validation",
        "sources": {"digits": "scikit-learn's file, 8 & 16 px"}, "task": "classification", **changes,
    }  # fmt: skip
    return CollectJob(**given)


def write_metrics() -> Path:
    """Write metrics.csv of every seed below the folder of the experiment, which is returned."""
    for seed in range(3):
        rows = [
            ("toy", method, seed, dataset, metric, split, factor * values[seed])
            for method, of_dataset in VALUES.items()
            for dataset, values in of_dataset.items()
            if seed < len(values)
            for metric, split, factor in [
                ("accuracy", "validation", 0.5), ("accuracy", "test", 1), ("loss", "test", 2),
            ]
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=COLUMNS).sample(frac=1, random_state=seed)
        write_table(Path("results", "toy", f"s{seed}", "metrics.csv"), table)
    return Path("results", "toy")


def cells(table: str, method: str) -> list[str]:
    """The cells of the first row of a Markdown table that begins with `method`."""
    row = next(line for line in table.splitlines() if line.startswith(f"| {method} "))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]
