"""A whole method on datasets in memory: the pipeline's own loop, without its files.

docs/library.md explains it with code that runs.
"""

import copy
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from jointnn.data.augmentations import Augmentation, augmentation
from jointnn.data.sampling import draw, generator
from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.irls.groups import find_groups
from jointnn.irls.rounds import block_names
from jointnn.methods.catalogue import plan, settings_read_by
from jointnn.methods.plan import Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.saved import make_network
from jointnn.models.stacked import StackedNetworks
from jointnn.tasks import task as tasks
from jointnn.tasks.base import Task
from jointnn.training.console import line_of
from jointnn.training.couplings import membership_of
from jointnn.training.device import compute_alike, device_of
from jointnn.training.loop import learn
from jointnn.training.setup import Data, setup_of
from jointnn.training.state import State

logger = logging.getLogger(__name__)
Examples = tuple[Tensor, Tensor] | Dataset[tuple[Tensor, Tensor]]
"""Inputs and labels: two tensors with a row for each example, or a dataset that gives them one by one."""
DETERMINISTIC_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
"""Without this variable of the environment cuBLAS has no deterministic products, and torch refuses them."""


class Record(NamedTuple):
    """A number that was taken down while networks were trained.

    Attributes:
        step: steps taken until then.
        split: train or validation.
        dataset: whose number it is; `all` for what belongs to all networks.
        metric: loss, accuracy, learning_rate, delta, ...
        value: in the metric's unit.
    """

    step: int
    split: str
    dataset: str
    metric: str
    value: float


@dataclass(frozen=True)
class Fitted:
    """Networks that `fit` has trained, and what it found.

    Attributes:
        networks: the trained ones by dataset, ordinary modules in evaluation mode.
        weights: w_ijb of the last round, shape (B, n, n), float64; None where the method finds none.
        sigma: scales of the blocks, shape (B,), in parameter units; None where the method finds none.
        history: every record, in order. `pandas.DataFrame(history)` makes a table of it.
        blocks: names of the blocks, those of `weights`.
    """

    networks: dict[str, nn.Module]
    weights: Tensor | None
    sigma: Tensor | None
    history: list[Record]
    blocks: list[str]

    def groups(self, count: int | None = None) -> list[list[str]]:
        """Return the groups of datasets by the weights, by average linkage on 1 - w.

        Args:
            count: number of groups; None cuts at the largest gap.

        Raises:
            UserError: the method finds no weights.
        """
        if self.weights is None:
            raise UserError("This method finds no weights, and so no groups. method='joint' does.")
        labels = find_groups(self.weights.numpy(), count)
        return [
            [name for name, label in zip(self.networks, labels, strict=True) if label == group]
            for group in range(max(labels) + 1)
        ]


def fit(
    datasets: Mapping[str, Examples],
    network: nn.Module | Callable[[int], nn.Module] | str,
    task: str | Task = "classification",
    *,
    method: str = "joint",
    seed: int = 0,
    validation: float | Mapping[str, Examples] = 0.2,
    options: Mapping[str, Any] | None = None,
    augmentation: str | None = None,
    groups: Sequence[Sequence[str]] = (),
    **settings: Any,
) -> Fitted:
    """Train a network for each dataset, jointly, and return them with what was found.

    It is the loop of the pipeline: the same datasets, settings and seed give the same networks, on one
    thread to the last bit. Random numbers of torch are afterwards as they were.

    Args:
        datasets: by name; each a pair of tensors (inputs, labels), or a torch dataset of such examples that
            is read into memory. Inputs are floats, or uint8 pixels that become floats from -1 to 1.
        network: a module, of which each dataset gets a copy; or a function of the number of classes, called
            for each dataset with the same random numbers; or the name of an architecture of the pipeline.
        task: its name, `package.module:name` of your own (options of both: `task_options`), or an object.
        method: `joint`, or another one of the pipeline: isolated, shareall, finetune, fedamp, ...
        seed: decides the draw, the batches, and the start where `network` is no module.
        validation: the part of each dataset that is drawn for validation, balanced over classes; or
            examples by dataset.
        options: of the architecture that `network` names.
        augmentation: the name of one, for batches of pixels.
        groups: the planted ones, which the method `oracle` is told.
        **settings: as in an experiment, with the same defaults: steps, batch_size, rounds, ...
            `half_life=3` and `lambda_=10` stand for `strength`. Unless given, `threads` is torch's number.

    Raises:
        UserError: a sentence on data, network or settings that do not fit.
        DivergedError: a loss became NaN or exploded; names dataset and step.
    """
    task_options = settings.pop("task_options", {})
    chosen = _settings_of(method, settings)
    threads = settings.get("threads")
    with _reproducible(device := device_of(chosen.device), threads):
        learned = _task(task, task_options)
        data = {
            name: _data_of(name, examples, validation, learned, seed, device)
            for name, examples in _named(datasets)
        }
        modules = {
            name: _network(network, of.train, options or {}, seed).to(device).train()
            for name, of in data.items()
        }
        stacked = StackedNetworks(
            modules, chosen.couple_head, chosen.couple_batch_norm, chosen.couple, None, chosen.tied
        )
        made = plan(method, Problem(list(data), stacked.layers_of_parts, groups), chosen)
        state = State.of(stacked, chosen)
        setup = setup_of(
            label=f"fit, method {method}",
            networks=stacked,
            data=data,
            task=learned,
            settings=chosen,
            seed=seed,
            augmentation=_augmentation(augmentation),
            start=_copied(state) if any(phase.restarts for phase in made.phases) else None,
        )
        for _ in learn(state, setup, made):
            logger.info(line_of(state, setup))
    last = state.rounds[-1] if state.rounds else None
    return Fitted(
        networks={name: _on_its_own(module) for name, module in modules.items()},
        weights=None if last is None else last.weights,
        sigma=state.sigma,
        history=[Record(*row) for row in state.history],
        blocks=block_names(stacked.layers, membership_of(made)),
    )


def _settings_of(method: str, settings: Mapping[str, Any]) -> MethodSettings:
    """Return the settings of a method. Refuse a setting that it does not read."""
    given = dict(settings)
    if found := {name: given.pop(name) for name in ("half_life", "lambda_") if name in given}:
        given["strength"] = {name.rstrip("_"): value for name, value in found.items()}
    known = settings_read_by(method).model_fields
    for name in given:
        if name in MethodSettings.model_fields and name not in known:
            raise UserError(f"{method} does not read the setting {name}; leave it out.")
    if given.get("scale") == "split_half":
        raise UserError(
            "scale: split_half takes networks of halves of the datasets, which fit does not train; use the "
            "pipeline, or leave it out. jointnn.Coupling.split_half_ratios measures by halves."
        )
    if given.get("scale") == "trials":
        raise UserError(
            "scale: trials trains a round three times, and fit trains once; use the pipeline, or leave it "
            "out."
        )
    if given.get("processes", 1) != 1:
        raise UserError("processes: fit trains in this process; use the pipeline, or leave it out.")
    if given.get("others_on_disk"):
        raise UserError("others_on_disk: fit writes no files; use the pipeline, or a smaller network.")
    return MethodSettings.checked(**given)


@contextmanager
def _reproducible(device: torch.device, threads: int | None) -> Iterator[None]:
    """Compute alike each time within it; afterwards everything of torch's is as it was."""
    threads_before, mode_before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    devices, kind = ([], "cuda") if device.type == "cpu" else ([device], device.type)
    with torch.random.fork_rng(devices, device_type=kind):
        try:
            if device.type != "cuda" or DETERMINISTIC_CUBLAS in os.environ:
                compute_alike(threads or threads_before)
            else:
                torch.set_num_threads(threads or threads_before)
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.set_deterministic_debug_mode(mode_before)


def _named(datasets: Mapping[str, Examples]) -> Iterator[tuple[str, Examples]]:
    if not hasattr(datasets, "items"):
        raise UserError("Give the datasets by name, as in {'a': (inputs, labels), 'b': (inputs, labels)}.")
    if len(datasets) < 2:
        raise UserError(f"fit needs two datasets or more, but there are {len(datasets)}.")
    yield from datasets.items()


def _data_of(
    name: str,
    examples: Examples,
    validation: float | Mapping[str, Examples],
    task: Task,
    seed: int,
    device: torch.device,
) -> Data:
    """Return the training and validation examples of a dataset, on the device."""
    whole = _split(name, examples, task)
    if isinstance(validation, Mapping):
        if name not in validation:
            raise UserError(f"validation: {name} is missing; give examples for every dataset.")
        held_out = _split(name, validation[name], task)
        _check_classes(name, whole, held_out)
        return Data(whole.to(device), held_out.to(device))
    if not 0 < validation < 1:
        raise UserError(f"validation: {validation} is no part of a dataset; give a number in 0 to 1.")
    count = max(1, round(validation * len(whole)))
    labels = whole.labels.numpy()
    classes = labels if labels.dtype == np.int64 and labels.ndim == 1 else np.zeros(len(whole))
    drawn = [whole.part(rows) for rows in draw(classes, seed, name, None, count)]
    _check_classes(name, *drawn)
    return Data(*(part.to(device) for part in drawn))


def _check_classes(name: str, train: Split, validation: Split) -> None:
    """Refuse classes of validation that no training example has: no network could learn them."""
    if train.labels.is_floating_point() or train.labels.dim() != 1:
        return
    if unknown := sorted(set(validation.labels.tolist()) - set(train.labels.tolist())):
        raise UserError(
            f"{name} has the label {unknown[0]} among its validation examples alone: a validation part has "
            "one of each class first. Give more examples of that class, or leave it out."
        )


def _split(name: str, examples: Examples, task: Task) -> Split:
    """Return examples as tensors on the CPU. Refuse labels that are not of the task's kind."""
    if isinstance(examples, TensorDataset):
        examples = examples.tensors  # type: ignore[assignment]
    if isinstance(examples, Dataset):
        pairs = [examples[k] for k in range(len(examples))]  # type: ignore[arg-type]
        examples = tuple(zip(*pairs, strict=True))  # type: ignore[assignment]
    try:
        inputs, labels = cast(tuple[Any, Any], examples)
        inputs, labels = _stacked(inputs), _stacked(labels)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{name} is no pair of inputs and labels, nor a dataset of such pairs of tensors: {error}."
        ) from None
    if len(inputs) != len(labels) or len(labels) == 0:
        raise UserError(f"{name} has {len(inputs)} inputs and {len(labels)} labels.")
    if not inputs.is_floating_point() and inputs.dtype != torch.uint8:
        raise UserError(
            f"{name} has inputs of {inputs.dtype}, but fit takes floats or uint8 pixels. Networks of "
            "others, such as words, are trained in a loop of your own with jointnn.Coupling."
        )
    kind = "numbers" if labels.is_floating_point() else "classes"
    if task.labels not in ("", kind):
        wanted = "whole numbers from 0" if task.labels == "classes" else "floats"
        raise UserError(
            f"{name} has labels of {labels.dtype}, but the task {type(task).__name__} wants {task.labels}: "
            f"{wanted}."
        )
    if task.labels == "numbers" and labels.dim() == 1:
        labels = labels[:, None]  # such a task takes several numbers of each example
    return Split(inputs, labels if labels.is_floating_point() else labels.long())


def _stacked(values: Any) -> Tensor:
    if isinstance(values, tuple):
        return torch.stack([torch.as_tensor(value) for value in values])
    return torch.as_tensor(values).detach().cpu()


def _network(
    network: nn.Module | Callable[[int], nn.Module] | str,
    train: Split,
    options: Mapping[str, Any],
    seed: int,
) -> nn.Module:
    """Return the network of one dataset at its start: the common start, as far as networks are alike."""
    if isinstance(network, nn.Module):
        made = copy.deepcopy(network)
    else:
        whole = not train.labels.is_floating_point()
        outputs = int(train.labels.max()) + 1 if whole else train.labels[0].numel()
        torch.manual_seed(generator(seed, "start").initial_seed())
        if isinstance(network, str):
            channels, size = train.images.shape[1], train.images.shape[-1]
            made = make_network(network, options, outputs, channels, size)
        else:
            made = network(outputs)
    names = Counter(id(value) for _, value in made.named_parameters(remove_duplicate=False))
    if names and max(names.values()) > 1:
        raise UserError(
            f"{type(made).__name__} has a parameter under two names, which fit cannot stack. Train such "
            "networks in a loop of your own with jointnn.Coupling."
        )
    return made


def _task(task: str | Task, options: Mapping[str, Any]) -> Task:
    if not isinstance(task, str):
        return task
    try:
        made: Task = tasks[task](**options)
    except TypeError as error:
        raise UserError(f"task {task} could not be made with {dict(options)}: {error}.") from error
    return made


def _augmentation(name: str | None) -> Augmentation | None:
    return None if name is None else cast(Augmentation, augmentation[name])


def _copied(state: State) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.tensors(optimizer=False).items()}


def _on_its_own(module: nn.Module) -> nn.Module:
    """Return a network whose parameters are its own again, no longer views of stacked ones."""
    for parameter in module.parameters():
        parameter.grad = None
        parameter.data = parameter.data.clone()
    return module.eval()
