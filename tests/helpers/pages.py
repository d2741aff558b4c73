"""An experiment `toy` that was run with two seeds, as results pages read it."""

from pathlib import Path

import pandas as pd

from helpers.params import read
from jointnn.io.files import write_atomically, write_table
from jointnn.jobs.graph import Jobs
from jointnn.stages import collect

EDITS = {
    "experiments.toy.methods": ["isolated", "joint_paper", "joint"],
    "experiments.toy.figures": ["weights", "differences"],
    "experiments.toy.tuned": {},
    "experiments.toy.chosen": {
        "searched": {"seeds": [1000], "points": 3},
        "tuned": {
            "isolated": {"learning_rate": 0.1},
            "joint_paper": {},
            "joint": {"learning_rate": 0.01, "strength": {"half_life": 2}},
        },
    },
    "experiments.toy.search": {
        "isolated": {"learning_rate": [0.01, 0.1, 0.5]},
        "joint_paper": {"learning_rate": [0.01, 0.1, 0.5]},
        "joint": [
            {"learning_rate": rate, "strength": {"half_life": k}}
            for k, rate in enumerate((0.01, 0.1, 0.5), start=1)
        ],
    },
}
ACCURACY = {"isolated": 0.6, "joint_paper": 0.5, "joint": 0.7}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def run_toy() -> None:
    """Write its metrics, tables, times and one figure below the working directory."""
    jobs = Jobs(read(EDITS))
    job = jobs.collect("toy")
    for seed in (0, 1):
        rows = [
            ("toy", name, seed, dataset, "accuracy", split, value + seed / 50)
            for name, value in ACCURACY.items()
            for dataset in ("first", "second", "third")
            for split in ("validation", "test")
        ]
        columns = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]
        write_table(f"results/toy/s{seed}/metrics.csv", pd.DataFrame(rows, columns=columns))
        for name in ("isolated", "joint_paper", "joint/l2", "joint/round_1"):
            log = Path(f"logs/toy/s{seed}/{name}.tsv")
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"s\tmax_rss\n{100 + 20 * seed}\t{500 + seed}\n")
    collect.run(job)
    write_atomically("results/toy/settings.json", job.text.encode())
    Path("results/toy/figures").mkdir()
    Path("results/toy/figures/weights.svg").write_bytes(SVG)
