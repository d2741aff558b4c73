"""The setup of a training: all that stays as it is while n networks are trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from jointnn.data.augmentations import Augmentation
from jointnn.data.sampling import Batches
from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.methods.settings import MethodSettings
from jointnn.models.activation_checkpointing import Recomputed
from jointnn.models.layers import by_parts, check_names, outputs_of, parts_of
from jointnn.models.precision import Form, in_form
from jointnn.models.stacked import StackedNetworks
from jointnn.ranks.group import Group
from jointnn.tasks.base import Task
from jointnn.training.across_ranks import shapes_of
from jointnn.training.batched import Batched
from jointnn.training.couplings import base_strength


@dataclass(frozen=True)
class Data:
    """The splits of one dataset; the test split only where its curve is wanted."""

    train: Split
    validation: Split
    test: Split | None = None


@dataclass(frozen=True)
class Setup:
    """All that stays as it is while n networks are trained.

    Attributes:
        label: name of the training in messages: experiment, seed and method.
        group: the ranks that train all networks; all that follows is of those that this one has.
        data: by dataset, in the order of the networks, on the device.
        task: the data term and its measures.
        settings: of the method.
        strength: lambda, how strongly two networks with weight 1 are coupled.
        seed: decides the order of the batches, with the dataset's name.
        augmentation: the change of a batch's pixels, if there is any.
        computing: the networks as they compute gradients, in their precision and memory layout.
        batches: of each dataset.
        drops: whether each network drops values at random.
        start: saved networks at the common start, for phases that begin again from there.
        batched: all networks as one, where settings ask for it.
    """

    label: str
    group: Group
    data: Mapping[str, Data]
    task: Task
    settings: MethodSettings
    strength: float
    seed: int
    augmentation: Augmentation | None
    computing: Sequence[nn.Module]
    batches: Sequence[Batches]
    drops: Sequence[bool]
    start: Mapping[str, Tensor] = field(default_factory=dict)
    batched: Batched | None = None

    @property
    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""
        return list(self.group.names)

    @property
    def drawn(self) -> int:
        """Return how many random numbers the augmentation takes for each image."""
        return self.augmentation.numbers if self.augmentation else 0


def setup_of(
    label: str,
    networks: StackedNetworks,
    data: Mapping[str, Data],
    task: Task,
    settings: MethodSettings,
    seed: int,
    augmentation: Augmentation | None = None,
    start: Mapping[str, Tensor] | None = None,
    group: Group | None = None,
) -> Setup:
    """Return the setup of networks and their data.

    Args:
        group: the ranks of which this one has these networks; None: it has all.

    Raises:
        UserError: the networks have other parts or outputs than the task needs, or labels are others than
            those that it learns, or settings do not go with parts.
    """
    modules, group = list(networks.modules.values()), group or Group(list(data))
    _check_labels(data, task)
    check_network(modules[0], networks.tied, task, settings)
    form = form_of(settings)
    drawn = augmentation.numbers if augmentation else 0

    def computing(part: nn.Module) -> nn.Module:
        return in_form(Recomputed(part) if settings.checkpoint_activations else part, form)

    return Setup(
        label=label,
        group=group,
        data=data,
        task=task,
        settings=settings,
        strength=base_strength(shapes_of(networks.coupled, group), settings),
        seed=seed,
        augmentation=augmentation,
        computing=[by_parts(module, computing) for module in modules],
        batches=[
            Batches(len(of.train), settings.batch_size, seed, name, drawn + task.numbers(module))
            for (name, of), module in zip(data.items(), modules, strict=True)
        ],
        drops=[drops_values(module) for module in modules],
        start=start or {},
        batched=Batched(networks, task) if settings.batched else None,
    )


def drops_values(network: nn.Module) -> bool:
    """Return whether a network drops values at random."""
    return any(isinstance(part, _DropoutNd) for part in network.modules())


def form_of(settings: MethodSettings) -> Form:
    """Return the form in which networks compute gradients."""
    return Form(settings.precision, settings.memory_format)


def _check_labels(data: Mapping[str, Data], task: Task) -> None:
    """Refuse numbers where the task learns classes, and the other way round."""
    for name, of in data.items():
        found = "numbers" if of.train.labels.is_floating_point() else "classes"
        if task.labels not in ("", found):
            raise UserError(
                f"The task {type(task).__name__} learns {task.labels}, but the labels of {name} are "
                f"{found}. Choose another task or dataset."
            )


def check_network(network: nn.Module, tied: Sequence[str], task: Task, settings: MethodSettings) -> None:
    """Refuse other parts or outputs than the task needs, and settings that do not go with the network.

    Args:
        tied: layers that all networks have in common.

    Raises:
        UserError: with what the task needs.
    """
    check_names(network)
    turns = list(task.terms())
    if set(turns) != set(parts_of(network)):
        wanted, found = (" and ".join(filter(None, of)) or "no parts" for of in (turns, parts_of(network)))
        raise UserError(
            f"{type(task).__name__} trains {wanted}, but {type(network).__name__} has "
            f"{found}. Choose another architecture."
        )
    if missing := [name for name in task.outputs if name not in outputs_of(network)]:
        given = " and ".join(outputs_of(network)) or "no such outputs"
        raise UserError(
            f"{type(task).__name__} needs a network that gives {' and '.join(missing)}, "
            f"but {type(network).__name__} has {given}. "
            "Choose architecture: branched, and add it under architecture_options.branches."
        )
    if settings.batched and drops_values(network):
        raise UserError("batched: each network drops values by random numbers of its own; leave it out.")
    if len(turns) > 1 and settings.batched:
        raise UserError("batched: parts that take turns cannot be computed in one pass; leave it out.")
    if len(turns) > 1 and settings.accumulate > 1:
        raise UserError("accumulate: parts that take turns need their whole batch at once; set it to 1.")
    if len(turns) > 1 and tied:
        raise UserError("tied: parts that take turns have no layers in common; leave it out.")
