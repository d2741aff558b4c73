"""evaluate: every method of a seed on validation and test, and the confusion of its labels."""

from typing import Any

import pandas as pd
import torch

from jointnn import paths
from jointnn.checkpoints import load_module
from jointnn.experiment import data_of, network_of
from jointnn.files import write_table
from jointnn.tasks import task

METRICS = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]
CONFUSION = ["method", "dataset", "label", "predicted", "count"]


def run(job: dict[str, Any]) -> None:
    """Write results/<experiment>/s<seed>/{metrics,confusion}.csv. The test split is read here."""
    metrics: list[tuple[Any, ...]] = []
    confusion: list[tuple[Any, ...]] = []
    chosen = task[job["task"]]()
    for dataset in job["datasets"]:
        data = data_of(job, dataset, test=True, device=torch.device("cpu"))
        assert data.test is not None
        for name, folder in job["runs"].items():
            network = network_of(job, dataset)
            load_module(paths.network(folder, dataset), network, _expected(job, name))
            for split in ("validation", "test"):
                measures = chosen.measures(network, getattr(data, split))
                key = (job["experiment"], name, job["seed"], dataset)
                metrics += [(*key, metric, split, value) for metric, value in measures.items()]
            predicted = chosen.scores(network, data.test).argmax(1)
            pairs = torch.stack([data.test.labels, predicted], dim=1)
            counted = zip(
                *(x.tolist() for x in torch.unique(pairs, dim=0, return_counts=True)), strict=True
            )
            confusion += [(name, dataset, *pair, count) for pair, count in counted]
    folder = f"results/{job['experiment']}/s{job['seed']}"
    write_table(f"{folder}/metrics.csv", pd.DataFrame(metrics, columns=METRICS))
    write_table(f"{folder}/confusion.csv", pd.DataFrame(confusion, columns=CONFUSION))


def _expected(job: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "experiment": job["experiment"],
        "seed": job["seed"],
        "method": name,
        "architecture": job["architecture"],
        "settings": job["upstream"][name],
    }
