"""The way from a job to the state, setup and plan of its training, and parts of it for other stages."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from jointnn.data.augmentations import Augmentation, augmentation
from jointnn.data.sampling import UNLABELLED, draw, halves, with_labels
from jointnn.data.splits import Split, check_labels
from jointnn.errors import UserError, failed
from jointnn.io import paths
from jointnn.io.tensors import check_header, read_header
from jointnn.jobs.specs import (
    EvaluateJob,
    InitialiseJob,
    ProblemJob,
    Purpose,
    SplitHalvesJob,
    TrainingJob,
)
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Plan, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.offloading import Disk
from jointnn.models.saved import make_network
from jointnn.models.stacked import StackedNetworks
from jointnn.ranks.group import Group
from jointnn.tasks import task
from jointnn.tasks.base import Task, check_task
from jointnn.training import checkpoints
from jointnn.training.device import compute_alike, device_of
from jointnn.training.dry_pass import Names, dry_pass, nothing_left
from jointnn.training.setup import Data, Setup, check_network, form_of, setup_of
from jointnn.training.state import NETWORKS, State, within


def prepared_split(job: ProblemJob, dataset: str, test: bool) -> tuple[Split, Tensor | None]:
    """Return all prepared images of a dataset, or their activations in the job's trunk.

    Training and validation, or the test, are taken from them. The second value tells which of them are one
    picture; None where nothing does.
    """
    path = paths.prepared(dataset, job.size, test, job.trunk)
    header = read_header(path)
    check_header(path, header, {"dataset": dataset, "size": job.size, "channels": job.channels})
    try:
        tensors = load_file(path)  # mapped: what is not looked at takes no memory
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error
    if "numbers" not in header:
        check_labels(tensors["labels"].tolist(), len(json.loads(header["classes"])), dataset)
    return Split(tensors["images"], tensors["labels"]), tensors.get("pictures")


def data_of(job: ProblemJob, dataset: str, test: bool, device: torch.device) -> Data:
    """Return the training and validation images of the job's seed, and the test split where `test`."""
    drawn = _drawn(job, dataset)
    learned = drawn.pool.part(drawn.train)
    if (count := job.labelled.get(dataset)) is not None:
        learned = with_labels(learned, count)
    return Data(
        train=learned.to(device),
        validation=drawn.pool.part(drawn.validation).to(device),
        test=prepared_split(job, dataset, test=True)[0].to(device) if test else None,
    )


def halves_of(job: ProblemJob, dataset: str, device: torch.device) -> list[Data]:
    """Return the two halves of the training images of the job's seed, each with all validation images.

    Each half has half of the images of every class and, where some images have no label, half of those
    with labels.
    """
    drawn = _drawn(job, dataset)
    classes, count = drawn.classes[drawn.train.numpy()], job.labelled.get(dataset)
    if count is not None:
        classes[count:] = UNLABELLED
    pictures = None if drawn.pictures is None else drawn.pictures[drawn.train]
    validation, found = drawn.pool.part(drawn.validation).to(device), []
    for half in halves(classes, job.seed, dataset, pictures):
        learned = drawn.pool.part(drawn.train[half])
        if count is not None:
            learned = with_labels(learned, int((half < count).sum()))
        found.append(Data(train=learned.to(device), validation=validation))
    return found


class _Drawn(NamedTuple):
    """The draw of a seed: the images it is from, their classes, which are one picture, and the places."""

    pool: Split
    classes: np.ndarray
    pictures: Tensor | None
    train: Tensor
    validation: Tensor


def _drawn(job: ProblemJob, dataset: str) -> _Drawn:
    pool, pictures = prepared_split(job, dataset, test=False)
    # Numbers have no classes that a draw could be balanced over.
    numbers = pool.labels.is_floating_point()
    classes = np.zeros(len(pool), np.int64) if numbers else pool.labels.numpy()
    places = draw(classes, job.seed, dataset, job.train_images, job.validation_images, pictures)
    return _Drawn(pool, classes, pictures, *places)


def network_of(job: ProblemJob, dataset: str, method: str = "") -> nn.Module:
    """Return a network of the job's architecture with an output per class or number of the dataset.

    Args:
        method: whose network it is, where the job is of several methods.
    """
    return new_network(job, outputs_of(job, dataset), method)


def new_network(job: ProblemJob, outputs: int, method: str = "") -> nn.Module:
    """Return a network of the job's architecture with `outputs` outputs."""
    return make_network(job.architecture, job.options_of(method), outputs, job.channels, job.size)


def outputs_of(job: ProblemJob, dataset: str) -> int:
    """Return the number of classes of a dataset, or of numbers of each of its images."""
    header = read_header(paths.prepared(dataset, job.size, trunk=job.trunk))
    return len(json.loads(header.get("numbers", header["classes"])))


def task_of(job: TrainingJob | EvaluateJob | Purpose) -> Task:
    """Return the task of a job, with its options."""
    name, options = job.task, job.task_options
    try:
        made: Task = task[name](**options)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own class can raise anything
        raise failed(f"task {name} could not be made with the options {dict(options)}", error) from error
    return check_task(made, name)


def augmentation_of(job: TrainingJob | Purpose) -> Augmentation | None:
    """Return the augmentation of a job's training images; None if there is none.

    Raises:
        UserError: one's own does not say how many random numbers it takes.
    """
    if not job.augmentation:
        return None
    made = augmentation[job.augmentation]
    if not hasattr(made, "numbers"):
        raise UserError(
            f"augmentation {job.augmentation} does not say how many random numbers it takes of each "
            "image. Write @takes(1), from jointnn.data.augmentations, above it."
        )
    return cast(Augmentation, made)


def build(job: TrainingJob) -> tuple[State, Setup, Plan]:
    """Return the state of a job's networks before they are put to any start, the setup and the plan."""
    settings = MethodSettings.model_validate(job.settings)
    compute_alike(settings.threads)
    device = device_of(settings.device)
    home = Disk(Path(job.resume, "waiting"), device) if settings.others_on_disk else None
    group = Group.of(list(job.learners))
    data = _learned(job, group.own, device)
    task, augmentation = task_of(job), augmentation_of(job)
    if job.round is None:  # what was changed since the start was made has not been looked at
        _look_at(job, data, settings, task, augmentation)
    modules = {
        name: network_of(job, job.learners[name]).to("cpu" if home else device).train()
        for name in group.own
    }
    networks = StackedNetworks(
        modules,
        settings.couple_head,
        settings.couple_batch_norm,
        settings.couple,
        home,
        settings.tied,
    )
    _refuse_other_layers(networks, group)
    groups = list((job.groups or {}).values())
    problem = Problem(group.names, networks.layers_of_parts, groups, job.shared_blocks)
    made = plan(job.plan, problem, settings)
    setup = setup_of(
        label=f"{job.experiment}, seed {job.seed}, {job.method}",
        networks=networks,
        data=data,
        task=task,
        settings=settings,
        seed=job.seed,
        augmentation=augmentation,
        start=start_of(job) if any(phase.restarts for phase in made.phases) else None,
        group=group,
    )
    return State.of(networks, settings), setup, made


def _learned(job: TrainingJob, names: Sequence[str], device: torch.device) -> dict[str, Data]:
    """Return the data that networks of a job learn from, by their names."""
    if isinstance(job, SplitHalvesJob):
        datasets = dict.fromkeys(job.learners[name] for name in names)
        both = [half for dataset in datasets for half in halves_of(job, dataset, device)]
        made = dict(zip([name for name, of in job.learners.items() if of in datasets], both, strict=True))
        return {name: made[name] for name in names}
    return {name: data_of(job, name, job.curves, device) for name in names}


def _refuse_other_layers(networks: StackedNetworks, group: Group) -> None:
    """Refuse coupled layers of other sizes on other ranks; those of one rank are equal."""
    sizes = dict(zip(networks.layers, (layer.shape[1] for layer in networks.coupled), strict=True))
    of_all = dict(zip(group.names, group.joined([sizes] * len(group.own)), strict=True))
    for name, found in of_all.items():
        if found != of_all[group.names[0]]:
            raise UserError(
                f"Coupled layers have other sizes for {name} than for {group.names[0]}. If that is the "
                "head of other classes, set couple_head: false."
            )


def _look_at(
    job: TrainingJob,
    data: Mapping[str, Data],
    settings: MethodSettings,
    task: Task,
    augmentation: Augmentation | None,
) -> None:
    """Refuse a network and a task that do not go together, by a dry pass of the first network."""
    name, of = next(iter(data.items()))
    dataset = job.learners[name]
    with nothing_left():
        network, outputs = network_of(job, dataset), outputs_of(job, dataset)
        check_network(network, settings.tied, task, settings)
        named = Names(job.architecture, job.task)
        forms = [form_of(settings)]
        dry_pass(network, task, of.train, outputs, named, augmentation=augmentation, forms=forms)


def start_of(job: TrainingJob) -> dict[str, Tensor]:
    """Return the saved networks of the common start of a job's seed, by the names of the learners."""
    saved = checkpoints.read(paths.state(job.start), expected_of(job, "start"))[0]
    return {
        f"{NETWORKS}/{name}/{key}": value
        for name, dataset in job.learners.items()
        for key, value in within(saved, f"{NETWORKS}/{dataset}").items()
    }


def expected_of(job: TrainingJob, before: str) -> dict[str, Any]:
    """Return the header that the state of a job before this one must have.

    Args:
        before: the relation of that job to this one: its `start`, or the phase `before` it.
    """
    expected = {
        "experiment": job.experiment,
        "seed": job.seed,
        "architecture": job.architecture,
        "settings": job.before[before].identity,
    }
    return expected | ({"round": job.round - 1} if job.round and before == "before" else {})


def header_of(job: TrainingJob | InitialiseJob) -> dict[str, Any]:
    """Return the header of a state that this job leaves."""
    method, number = (job.stage, 0) if isinstance(job, InitialiseJob) else (job.method, job.round or 0)
    return {
        "experiment": job.experiment,
        "method": method,
        "seed": job.seed,
        "round": number,
        "architecture": job.architecture,
        "settings": job.identity,
    }
