"""evaluate: every method of a seed on validation and test, and what figures show of its networks."""

from typing import Any

import pandas as pd
import torch

from jointnn.io import paths
from jointnn.io.files import write_table
from jointnn.io.tensors import diverged, write_tensors
from jointnn.methods.catalogue import REAL
from jointnn.stages.build import data_of, network_of, task_of
from jointnn.tasks.measures import DIVERGED
from jointnn.training.checkpoints import load_network
from jointnn.training.device import device_of

METRICS = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]


def run(job: dict[str, Any]) -> None:
    """Write results/<experiment>/s<seed>/metrics.csv and evidence.safetensors. The test split is read here.

    The evidence of the task, on the test split, has names like joint/mnist_a/predicted. Of a run that
    diverged there is nothing but that it did.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    metrics: list[tuple[Any, ...]] = []
    evidence: dict[str, Any] = {}
    chosen, device = task_of(job), device_of(job["device"])
    for dataset in job["datasets"]:
        data = data_of(job, dataset, test=True, device=device)
        assert data.test is not None
        splits = {"validation": data.validation, "test": data.test}
        row = (job["experiment"], REAL, job["seed"], dataset)
        metrics += _rows(row, chosen.reference(splits, data.train))
        for name, folder in job["runs"].items():
            network = network_of(job, dataset, name).to(device)
            glimpses = load_network(paths.state(folder), dataset, network, _expected(job, name))
            row = (job["experiment"], name, job["seed"], dataset)
            if diverged(paths.state(folder)):
                metrics += _rows(row, {split: {DIVERGED: 1.0} for split in splits})
                continue
            metrics += _rows(row, chosen.results(network, splits, data.train))
            shown = chosen.evidence(network, data.test)
            if glimpses:
                shown["glimpses"] = torch.stack(list(glimpses.values()))
            for key, values in shown.items():
                evidence[f"{name}/{dataset}/{key}"] = values.cpu().numpy()
    folder = f"results/{job['experiment']}/s{job['seed']}"
    write_table(f"{folder}/metrics.csv", pd.DataFrame(metrics, columns=METRICS))
    header = {"kind": "evidence", "experiment": job["experiment"], "seed": job["seed"], "task": job["task"]}
    write_tensors(f"{folder}/evidence.safetensors", evidence, header)


def _rows(row: tuple[Any, ...], found: dict[str, dict[str, float]]) -> list[tuple[Any, ...]]:
    """Rows of metrics.csv, from measures by split."""
    return [
        (*row, metric, split, value)
        for split, measures in found.items()
        for metric, value in measures.items()
    ]


def _expected(job: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "experiment": job["experiment"],
        "seed": job["seed"],
        "method": name,
        "architecture": job["architecture"],
        "settings": job["before"][name]["identity"],
    }
