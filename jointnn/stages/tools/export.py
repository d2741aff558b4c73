"""export: the networks of a finished run, each as an ordinary state dict in a file of its own."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.tensors import diverged, read_header
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.parameters.rows import trained_rows
from jointnn.registry import nearest

LINES = """\
import jointnn
network = jointnn.load("{path}")
outputs = network(images)  # {inputs}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn export EXPERIMENT --to FOLDER [--method M] [--seed S]"""
    parser.description = (
        "Write every network that a method ended with to FOLDER/DATASET.safetensors, and print a few lines "
        "that load one. Such a file holds an ordinary state dict, which safetensors reads without jointnn; "
        "its header says which architecture it is, with which options, and what each output means."
    )
    parser.add_argument("experiment", metavar="EXPERIMENT")
    parser.add_argument("--method", default="joint", metavar="METHOD", help="default: joint")
    parser.add_argument("--seed", type=int, metavar="SEED", help="default: the first one of the experiment")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="made if it is not there")


def main(arguments: argparse.Namespace, jobs: Jobs | None = None) -> None:
    """Write the networks.

    Args:
        jobs: those of params.yaml, where it was read before.

    Raises:
        UserError: experiment, method or seed are not known, or their run is missing, of other settings, or
            diverged.
    """
    # Help needs no torch.
    from jointnn.models.saved import make_network, write_network
    from jointnn.training.checkpoints import load_network

    jobs = jobs or Jobs(read_params())
    params, experiment, name = jobs.params, arguments.experiment, arguments.method
    if experiment not in params.experiments:
        raise UserError(f"No experiment is named {experiment!r}{nearest(experiment, params.experiments)}")
    chosen = params.experiments[experiment]
    if name not in trained_rows():
        raise UserError(f"No method is named {name!r}{nearest(name, trained_rows())}")
    if name not in chosen.methods:
        raise UserError(f"{experiment} does not train {name!r}, but {', '.join(chosen.methods)}.")
    seed = chosen.seeds[0] if arguments.seed is None else arguments.seed
    if seed not in chosen.seeds:
        raise UserError(f"{experiment} has the seeds {', '.join(map(str, chosen.seeds))}, not {seed}.")
    job = jobs.final(experiment, seed, name)
    state = paths.state(job.folder)
    if not Path(state).is_file():
        raise UserError(f"{experiment} was not run for {name}, seed {seed}. Run it: snakemake {experiment}")
    if sentence := diverged(state):
        raise UserError(f"There is nothing to export. {sentence}")
    expected = {"experiment": experiment, "seed": seed, "method": name, "settings": job.identity}
    for dataset in job.datasets:
        prepared = read_header(paths.prepared(dataset, job.size, trunk=job.trunk))
        outputs = json.loads(prepared.get("numbers", prepared["classes"]))
        made_of: dict[str, Any] = {
            "name": job.architecture,
            "options": job.architecture_options,
            "classes": len(outputs),
            "channels": job.channels,
            "size": job.size,
        }
        network = make_network(**made_of)
        load_network(state, dataset, network, expected)
        path = arguments.to / f"{dataset}.safetensors"
        notes = {**expected, "dataset": dataset, "outputs": json.dumps(outputs, ensure_ascii=False)}
        write_network(path, network, made_of, notes | ({"trunk": job.trunk} if job.trunk else {}))
        sys.stdout.write(f"{path}\n")
    inputs = f"floats in -1..1, shape (N, {job.channels}, {job.size}, {job.size})"
    if job.trunk:
        inputs = f"what the frozen trunk {job.trunk} makes of {inputs}"
    sys.stdout.write("\n" + LINES.format(path=path, inputs=inputs))
