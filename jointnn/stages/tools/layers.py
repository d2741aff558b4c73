"""layers: the networks of an experiment in a table: shapes, parameters, and what each method couples."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jointnn.errors import UserError
from jointnn.jobs.counts import counts_of
from jointnn.jobs.freshness import is_finished
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import ProblemJob
from jointnn.parameters.load import read_params
from jointnn.registry import nearest

if TYPE_CHECKING:  # help needs no torch
    from jointnn.stages.check_networks import Known


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn layers EXPERIMENT"""
    parser.description = (
        "Print the layers of an experiment's networks in the order of the forward pass, with shapes and "
        "numbers of parameters, which of them are coupled and which blocks they make, and the phases of "
        "each method. Networks and task are tried on two images, so a mistake in them is said here, too. "
        "Nothing is trained, and nothing needs to be there but the images or their number of classes."
    )
    parser.add_argument("experiment", metavar="EXPERIMENT")


def main(arguments: argparse.Namespace) -> None:
    """Print a table for the networks that methods have in common, and one for each that has its own.

    Raises:
        UserError: the experiment is not known, nothing is known of a dataset, or a network does not fit.
    """
    params, name = read_params(), arguments.experiment
    if name not in params.experiments:
        raise UserError(f"No experiment is named {name!r}{nearest(name, params.experiments)}")
    # Help needs no torch.
    from jointnn.stages.check_networks import checked

    chosen, jobs = params.experiments[name], Jobs(params)
    own = [method for method in chosen.methods if method in chosen.architecture_of]
    starts = [jobs.initialise(name, chosen.seeds[0], method) for method in ("", *own)]
    told = [
        checked(job, job.purpose, lambda job, dataset: _known(jobs, job, dataset))
        for job in starts
        if job.purpose and job.purpose.methods
    ]
    sys.stdout.write("\n\n".join(told) + "\n")


def _known(jobs: Jobs, job: ProblemJob, dataset: str) -> "Known":
    """Return the known data of a dataset: its images if they are prepared, else noise of their shape."""
    from jointnn.stages.check_networks import Known, known_from_files
    from jointnn.tasks.activations import activations_of, trunk_of
    from jointnn.training.dry_pass import made_images

    if is_finished(jobs.before(job)[f"images/{dataset}"]):
        return known_from_files(job, dataset)
    fetch = jobs.fetch(dataset)
    if (counts := counts_of(fetch).get(dataset)) is None:
        raise UserError(
            f"Nothing is known yet of the classes of {dataset}. Fetch it first: snakemake "
            f"{Path(fetch.folder, 'manifest.json')}"
        )
    kind = "numbers" if counts.numbers else "classes"
    outputs = len(counts.numbers or counts.classes)
    made = made_images((job.channels, job.size, job.size), outputs, kind)
    if job.trunk:
        trunk = trunk_of(job.trunk, job.channels, job.size)
        made = replace(made, images=activations_of(trunk, made.images, job.trunk))
    return Known(outputs, made)
