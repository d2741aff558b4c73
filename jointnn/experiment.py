"""From a job's settings to networks, data and a trainer: what every stage that trains begins with."""

import importlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from jointnn import paths
from jointnn.architectures import architecture
from jointnn.data import Split, check_labels, draw
from jointnn.errors import UserError
from jointnn.files import check_header, read_tensors
from jointnn.methods import Plan, Problem, plan
from jointnn.networks import Networks
from jointnn.params import MethodSettings
from jointnn.tasks import task
from jointnn.training import Data, Trainer

Job = Mapping[str, Any]


def device_of(name: str) -> torch.device:
    """The device of a setting: `auto` is a GPU where there is one.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return accelerator or torch.device("cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device: {name!r} is not to be had here. Set device: auto.") from error
    return torch.device(name)


def prepared_split(job: Job, dataset: str, test: bool) -> tuple[Split, int]:
    """All prepared images of a dataset that training and validation, or the test, are taken from.

    Returns:
        Images and labels, and the number of classes.
    """
    path = paths.prepared(dataset, job["size"], test)
    arrays, header = read_tensors(path)
    check_header(path, header, {"dataset": dataset, "size": job["size"], "channels": job["channels"]})
    classes = len(json.loads(header["classes"]))
    check_labels(arrays["labels"], classes, dataset)
    return Split(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])), classes


def data_of(job: Job, dataset: str, test: bool, device: torch.device) -> Data:
    """Training and validation images of the job's seed, and the test split where it is wanted."""
    pool, _ = prepared_split(job, dataset, test=False)
    train, validation = draw(
        pool.labels.numpy(), job["seed"], dataset, job["train_images"], job["validation_images"]
    )
    return Data(
        train=Split(pool.images[train], pool.labels[train]).to(device),
        validation=Split(pool.images[validation], pool.labels[validation]).to(device),
        test=prepared_split(job, dataset, test=True)[0].to(device) if test else None,
    )


def network_of(job: Job, dataset: str) -> nn.Module:
    """A network of the job's architecture with as many outputs as the dataset has classes."""
    path = paths.prepared(dataset, job["size"])
    classes = len(json.loads(read_tensors(path)[1]["classes"]))
    name, options = job["architecture"], job["architecture_options"]
    make = _own(name) if ":" in name else architecture[name]
    try:
        made: nn.Module = make(classes=classes, channels=job["channels"], size=job["size"], **options)
    except TypeError as error:
        raise UserError(
            f"architecture {name} could not be made with the options {dict(options)}: {error}."
        ) from error
    return made


def _own(name: str) -> Any:
    """One's own architecture: package.module:function, importable from the project's root."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def trainer_of(job: Job) -> tuple[Trainer, Plan]:
    """The trainer of a job, its networks not yet at any start, and the plan of its method."""
    settings = MethodSettings.model_validate(job["settings"])
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    device = device_of(settings.device)
    modules = {name: network_of(job, name).to(device).train() for name in job["datasets"]}
    networks = Networks(modules, settings.couple_head, settings.couple_batch_norm)
    trainer = Trainer(
        method=f"{job['experiment']}, seed {job['seed']}, {job['method']}",
        networks=networks,
        data={name: data_of(job, name, job["curves"], device) for name in modules},
        task=task[job["task"]](),
        settings=settings,
        seed=job["seed"],
    )
    groups = list((job.get("groups") or {}).values())
    problem = Problem(job["datasets"], len(networks.layers), groups, job.get("shared_blocks", 0))
    return trainer, plan(job["method"], problem, settings)
