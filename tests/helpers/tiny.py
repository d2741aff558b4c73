"""A tiny experiment, `tiny`: its jobs, a folder with its data, its files."""

import atexit
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from helpers.training import Training
from jointnn.io import paths
from jointnn.io.tensors import read_tensors
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import TrainJob
from jointnn.methods.plan import Plan
from jointnn.parameters.schema import Params
from jointnn.stages import fetch, initialise, prepare, sigma, train
from jointnn.stages.build import build, start_of

TINY = {
    "task": "classification",
    "architecture": "small_conv",
    "architecture_options": {"width": 2},
    "datasets": ["odd", "even"],
    "image_size": 8,
    "channels": 1,
    "train_images": 20,
    "validation_images": 20,
    "seeds": [0],
    "methods": ["isolated", "joint", "fedamp"],
}
NORMED = {"architecture": "helpers.training:normed_conv", "architecture_options": {}}
TINY_SETTINGS = {"steps": 12, "batch_size": 4, "record_every": 2, "rounds": 3, "learning_rate": 0.05}


def jobs_of(settings: dict | None = None, **experiment) -> Jobs:
    """The jobs of an experiment `tiny` on two halves of the optical digits."""
    halves = {"odd": "1/2", "even": "2/2"}
    chosen = {**TINY, **experiment, "settings": {**TINY_SETTINGS, **(settings or {})}}
    return Jobs(
        Params.model_validate(
            {
                "default": ["tiny"],
                "presets": {"default": {}},
                "datasets": {
                    name: {"source": "optical_digits", "part": part, "pool": 60}
                    for name, part in halves.items()
                },
                "experiments": {"tiny": chosen},
            }
        )
    )


@cache
def _folder_with_data() -> Path:
    """A folder with the prepared data of `tiny`, made once."""
    folder, before, jobs = Path(mkdtemp(prefix="jointnn-")).resolve(), Path.cwd(), jobs_of()
    atexit.register(shutil.rmtree, folder)
    os.chdir(folder)
    for name in TINY["datasets"]:
        fetch.run(jobs.fetch(name))
        prepare.run(jobs.prepare(name, TINY["image_size"]))
    os.chdir(before)
    return folder


def folder_with_data() -> Path:
    """A folder that holds nothing but the data of `tiny`.

    The same one for every test: digests of the code, which settings files hold, are cached by folder.
    """
    folder = _folder_with_data()
    for path in folder.iterdir():
        if path.name != "data":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def run_joint(jobs: Jobs, rounds: int = 3) -> None:
    """The jobs of `joint`, one after the other."""
    train.run(jobs.l2("tiny", 0, "joint"))
    sigma.run(jobs.sigma("tiny", 0, "joint"))
    for number in range(1, rounds + 1):
        train.run(jobs.irls("tiny", 0, "joint", number))


def files_of(folder: str) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def arrays_of(folder: str, dataset: str, kind: str = "networks") -> dict[str, np.ndarray]:
    """Return the arrays of a network in the state of a folder: parameters and buffers, or another kind."""
    start = f"{kind}/{dataset}/"
    arrays, _ = read_tensors(paths.state(folder))
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}


def started(settings: dict | None = None, **experiment) -> Jobs:
    """The same, with the common start made."""
    jobs = jobs_of(settings, **experiment)
    initialise.run(jobs.initialise("tiny", 0))
    return jobs


def adversarial(name: str, settings: dict | None = None, **experiment) -> Jobs:
    """The same with a small adversarial network whose rate is halved soon, on 16 pixels, with adam."""
    chosen = {"optimiser": "adam", "momentum": 0.5, "learning_rate": 0.002, "couple_head": True}
    tiny = {
        "task": "generation",
        "task_options": {"features": "efficientnet_lite0", "generated": 8},
        "architecture": name,
        "architecture_options": {"width": 2, "latent": 3},
        "image_size": 16,
        "measures": ["loss"],
    }
    jobs = jobs_of(
        {**chosen, "schedule": "stalled", "patience": 1, **(settings or {})}, **tiny, **experiment
    )
    for dataset in TINY["datasets"]:
        prepare.run(jobs.prepare(dataset, 16))
    initialise.run(jobs.initialise("tiny", 0))
    return jobs


def begun(job: TrainJob) -> tuple[Training, Plan]:
    """Return the training of a job, at the common start of its seed, and its plan."""
    state, setup, plan = build(job)
    state.load(start_of(job), {})
    return Training(state, setup), plan


def joint_until(number: int, settings: dict | None = None) -> Jobs:
    """The same, with the rounds of `joint` up to this one run."""
    jobs = started(settings)
    run_joint(jobs, number)
    return jobs
