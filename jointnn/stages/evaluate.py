"""evaluate: every method of a seed on validation and test, and what figures show of its networks."""

from typing import Any

import torch

from jointnn.io import paths
from jointnn.io.files import write_json, write_rows
from jointnn.io.tensors import diverged, write_tensors
from jointnn.jobs.specs import EvaluateJob
from jointnn.methods.catalogue import REAL
from jointnn.stages.build import data_of, network_of, task_of
from jointnn.tasks.base import named
from jointnn.tasks.measures import DIVERGED
from jointnn.training.checkpoints import load_network
from jointnn.training.device import compute_alike, device_of

METRICS = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]


def run(job: EvaluateJob) -> None:
    """Write metrics.csv, measures.json and evidence.safetensors. The test split is read here.

    They lie in results/<experiment>/s<seed>/. measures.json says of each measure in metrics.csv what the
    task tells of it: its unit, which way is better, how it is printed. The evidence of the task, on the
    test split, has names like joint/mnist_a/predicted. Of a run that diverged there is nothing but that
    it did.
    """
    compute_alike(1)
    metrics: list[tuple[Any, ...]] = []
    told: dict[str, dict[str, Any]] = {}
    evidence: dict[str, Any] = {}
    chosen, device = task_of(job), device_of(job.device)
    for dataset in job.datasets:
        data = data_of(job, dataset, test=True, device=device)
        assert data.test is not None
        splits = {"validation": data.validation, "test": data.test}
        found = {REAL: chosen.reference(splits, data.train)}
        for name, folder in job.runs.items():
            network = network_of(job, dataset, name).to(device)
            glimpses = load_network(paths.state(folder), dataset, network, _expected(job, name))
            if diverged(paths.state(folder)):
                found[name] = {split: {DIVERGED: 1.0} for split in splits}
                continue
            found[name] = chosen.results(network, splits, data.train)
            shown = chosen.evidence(network, data.test)
            if glimpses:
                shown["glimpses"] = torch.stack(list(glimpses.values()))
            for key, values in shown.items():
                evidence[f"{name}/{dataset}/{key}"] = values.cpu().numpy()
        for name, of_splits in found.items():
            for split, measured in of_splits.items():
                row = (job.experiment, name, job.seed, dataset)
                metrics += [
                    (*row, metric, split, float(value)) for metric, value in named(measured, chosen).items()
                ]
                told |= {measure.name: measure.as_json() for measure in measured}
    write_rows(f"{job.folder}/metrics.csv", METRICS, metrics)
    write_json(f"{job.folder}/measures.json", told, seal=True)
    header = {"kind": "evidence", "experiment": job.experiment, "seed": job.seed, "task": job.task}
    write_tensors(f"{job.folder}/evidence.safetensors", evidence, header)


def _expected(job: EvaluateJob, name: str) -> dict[str, Any]:
    return {
        "experiment": job.experiment,
        "seed": job.seed,
        "method": name,
        "architecture": job.architecture,
        "settings": job.before[name].identity,
    }
