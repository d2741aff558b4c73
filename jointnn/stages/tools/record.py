"""record: DVC versions what `snakemake` made, as it is; nothing is trained for it."""

import argparse
import subprocess
import sys
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.jobs.freshness import is_finished
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params
from jointnn.registry import nearest

STAGES = ("dataset", "train", "evaluate")
"""Stages of dvc.yaml that an experiment has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn record [EXPERIMENT ...]"""
    parser.description = (
        "Have DVC record networks and results of experiments as they are, in dvc.lock and in its cache. "
        "Nothing is trained. Do so before `git checkout` and `dvc checkout` of another version: then "
        "nothing is lost."
    )
    parser.add_argument(
        "experiments",
        nargs="*",
        metavar="EXPERIMENT",
        help="experiments, or sweep_NAME, that params.yaml names for DVC; none: all that are finished",
    )


def main(arguments: argparse.Namespace) -> None:
    """Record experiments.

    Raises:
        UserError: one is not known to DVC, or not up to date; DVC refuses.
    """
    params = read_params()
    jobs = Jobs(params)
    known = [*params.versioned, *(f"sweep_{name}" for name in params.versioned_sweeps)]
    for name in arguments.experiments:
        _check_known(name, known, params)
        if (job := _first_unfinished(jobs, name)) is not None:
            raise UserError(
                f"{name} is not up to date: {job.folder} is missing or was made with other settings. Make "
                f"it first: snakemake {name}"
            )
    names = arguments.experiments or [name for name in known if _first_unfinished(jobs, name) is None]
    if not names:
        raise UserError(
            "No experiment that params.yaml names for DVC is finished. Make one first: snakemake"
        )
    for name in names:
        if not name.startswith("sweep_") and not is_finished(jobs.inventory(name)):
            _call("snakemake", "--quiet", "all", paths.inventory(name))
        _call("dvc", "commit", "--quiet", "--force", *_stages_of(name))
    sys.stdout.write(f"DVC has recorded {', '.join(names)}. Keep it: git add dvc.lock && git commit\n")


def _check_known(name: str, known: list[str], params: Params) -> None:
    if name in known:
        return
    if name in params.experiments:
        begins = params.experiments[name].extends or name
        raise UserError(
            f"params.yaml does not name {name} for DVC. Add the line {name}: {begins} under "
            "experiments there."
        )
    raise UserError(f"{name!r} is no experiment that params.yaml names for DVC{nearest(name, known)}")


def _first_unfinished(jobs: Jobs, name: str) -> Job | None:
    """Return the first job of an experiment or a sweep that is not up to date; None if all are.

    Jobs that make images do not count.
    """
    if name.startswith("sweep_"):
        last: list[Job] = [jobs.sweep(name.removeprefix("sweep_"))]
    else:
        last = jobs.results(name)
    asked = (job for job in jobs.in_order(*last) if not job.makes_images)
    return next((job for job in asked if not is_finished(job)), None)


def _stages_of(name: str) -> list[str]:
    if name.startswith("sweep_"):
        return [f"sweep@{name.removeprefix('sweep_')}"]
    return [f"{stage}@{name}" for stage in STAGES]


def _call(program: str, *words: str) -> None:
    """Run a program of this environment; what it says is told only where it fails."""
    command = [str(Path(sys.executable).parent / program), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        raise UserError(f"{program} {' '.join(words)} failed: {said[-1] if said else 'it says nothing'}")
