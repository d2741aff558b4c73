"""Small problems for the tests of the method: networks to train, in float64."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import OneNetwork, Phase, Plan, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.offloading import Home
from jointnn.models.stacked import StackedNetworks
from jointnn.ranks.group import Group
from jointnn.tasks.base import OneLoss, Task, evaluating
from jointnn.tasks.measures import ACCURACY, LOSS, Measure
from jointnn.training.couplings import Couplings
from jointnn.training.gradients import batch_of, put_gradient
from jointnn.training.loop import learn, minimise
from jointnn.training.setup import Data, Setup, setup_of
from jointnn.training.state import State


class Additive(nn.Module):
    """A network linear in its parameters: each layer has inputs of its own, and the outputs are added."""

    def __init__(self, sizes=(2, 3, 4)):
        super().__init__()
        self.sizes = sizes
        for k, size in enumerate(sizes, start=1):
            self.add_module(f"layer{k}", nn.Linear(size, 1, bias=False))
        self.double()

    def forward(self, inputs: Tensor) -> Tensor:
        parts = inputs.split(self.sizes, dim=1)
        return sum(layer(part) for layer, part in zip(self.children(), parts, strict=True))[:, 0]


class squares(OneLoss):  # noqa: N801  spelled as tasks are
    """Half the mean squared error: with `Additive` a convex quadratic of which we know the minimiser."""

    explodes_above = 1e30

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        return 0.5 * (network(batch.images) - batch.labels).square().mean()

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> dict[Measure, float]:
        return {LOSS: self.loss(network, split).item()}


class scores(OneLoss):  # noqa: N801
    """Cross entropy in float64, where the package's own task works in float32."""

    explodes_above = 1e3

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        return functional.cross_entropy(network(batch.images), batch.labels)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> dict[Measure, float]:
        with evaluating(network):
            found = network(split.images)
        accuracy = (found.argmax(1) == split.labels).double().mean().item()
        return {LOSS: functional.cross_entropy(found, split.labels).item(), ACCURACY: accuracy}


def mlp(classes: int = 3, seed: int = 0) -> nn.Module:
    """Three coupled layers and a head; the first has batch norm."""
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(
            first=nn.Sequential(OrderedDict(linear=nn.Linear(5, 6), norm=nn.BatchNorm1d(6))),
            relu=nn.ReLU(),
            second=nn.Linear(6, 6),
            third=nn.Linear(6, 4),
            head=nn.Linear(4, classes),
        )
    ).double()


def normed_conv(classes: int, channels: int, size: int) -> nn.Module:
    """A network of one's own, `helpers.training:normed_conv`, with batch norm, for 8 pixels."""
    conv1 = nn.Sequential(nn.Conv2d(channels, 3, 3, stride=2), nn.BatchNorm2d(3), nn.ReLU())
    conv2 = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    return nn.Sequential(OrderedDict(conv1=conv1, conv2=conv2, head=nn.Linear(4, classes)))


def regression(seed: int, truth: Tensor, size: int = 20, noise: float = 0.0) -> Split:
    """Images (N, D) and labels, those of a linear network `truth` (D,) and noise.

    The images are such that full batches converge fast: curvatures are between 1/2 and 3/2.
    """
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(size, len(truth), dtype=torch.float64, generator=random)
    errors = torch.randn(size, dtype=torch.float64, generator=random)
    turned, _ = torch.linalg.qr(torch.randn(2 * [len(truth)], dtype=torch.float64, generator=random))
    curvatures = torch.linspace(0.5, 1.5, len(truth), dtype=torch.float64)
    images = torch.linalg.qr(images)[0] * (size * curvatures).sqrt() @ turned
    return Split(images, images @ truth + noise * errors)


def labelled(seed: int, classes: int = 3, size: int = 24) -> Split:
    """Images (N, 5) of `classes` classes."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(size) % classes
    centres = torch.randn(classes, 5, dtype=torch.float64, generator=random)
    return Split(centres[labels] + torch.randn(size, 5, dtype=torch.float64, generator=random), labels)


def names(count: int) -> list[str]:
    return ["one", "two", "three", "four", "five", "six"][:count]


@dataclass
class Training:
    """Networks that are trained in a test: their state, and what stays as it is."""

    state: State
    setup: Setup

    networks = property(lambda self: self.state.networks)
    rows = property(lambda self: self.state.networks.rows)
    step = property(lambda self: self.state.step)
    history = property(lambda self: self.state.history)
    names = property(lambda self: self.setup.names)
    data = property(lambda self: self.setup.data)
    settings = property(lambda self: self.setup.settings)
    task = property(lambda self: self.setup.task)

    def with_task(self, task: Task) -> None:
        """Another task from now on."""
        self.setup = replace(self.setup, task=task)

    def gradient(self, index: int, step: int, part: str = "") -> Tensor:
        """Put the gradient of a network's data term; returns the loss."""
        return put_gradient(self.state, self.setup, index, step, part, batch_of(self.setup, index, step))

    def descend(self, couplings: Couplings, start: int, end: int) -> None:
        """Take steps under given couplings."""
        phase = Phase("given", end - start, OneNetwork(), start=start)
        for _ in minimise(self.state, self.setup, Plan([phase]), phase, couplings):
            pass


def training_of(
    modules: dict[str, nn.Module],
    splits: list[Split],
    task: Task,
    settings: MethodSettings,
    home: Home | None = None,
    group: Group | None = None,
) -> Training:
    """Networks to train; the training images serve for validation too."""
    networks = StackedNetworks(
        modules, settings.couple_head, settings.couple_batch_norm, settings.couple, home, settings.tied
    )
    data = {name: Data(split, split) for name, split in zip(modules, splits, strict=True)}
    setup = setup_of("toy", networks, data, task, settings, seed=0, group=group)
    return Training(State.of(networks, settings), setup)


def training_of_networks(networks: list[nn.Module], splits: list[Split], task, **settings) -> Training:
    """These networks, under names of no meaning."""
    modules = dict(zip(names(len(networks)), networks, strict=True))
    return training_of(modules, splits, task, MethodSettings.model_validate(settings))


def additive(splits: list[Split], sizes=(2, 3, 4), **settings) -> Training:
    """Linear networks, all layers coupled, full batches: (6) is a convex quadratic."""
    base = {"batch_size": len(splits[0]), "couple_head": True, "record_every": 10_000}
    torch.manual_seed(0)
    networks = [Additive(sizes) for _ in splits]
    for network in networks[1:]:
        network.load_state_dict(networks[0].state_dict())
    return training_of_networks(networks, splits, squares(), **{**base, **settings})


def mlps(count: int = 3, classes: int = 3, **settings) -> Training:
    """Small networks with batch norm from a common start, in float64."""
    base = {"batch_size": 8, "steps": 20, "record_every": 5, "learning_rate": 0.05, "rounds": 3}
    splits = [labelled(seed, classes) for seed in range(count)]
    return training_of_networks([mlp(classes) for _ in splits], splits, scores(), **{**base, **settings})


def plan_of(training: Training, method: str, groups=(), shared_blocks=1) -> Plan:
    problem = Problem(training.setup.names, training.networks.layers_of_parts, groups, shared_blocks)
    return plan(method, problem, training.settings)


def run(training: Training, method: str, look=lambda: None, **problem) -> State:
    """A method from start to end in one process; `look` is called at each record."""
    for _ in learn(training.state, training.setup, plan_of(training, method, **problem)):
        look()
    return training.state


def parameters(training: Training) -> list[Tensor]:
    """A copy of all parameters and buffers of every network."""
    modules = training.networks.modules.values()
    return [value.clone() for module in modules for value in module.state_dict().values()]


def assert_views(training) -> None:
    networks = training.networks
    for dataset, module in networks.modules.items():
        for name, place in networks.places[dataset].items():
            parameter, tensor = module.get_parameter(name), networks.tensors[place.slot]
            assert parameter.data_ptr() == place.view([t.data for t in networks.tensors]).data_ptr()
            assert parameter.grad.data_ptr() == place.view([t.grad for t in networks.tensors]).data_ptr()
            assert tensor.shape[0] in (1, len(networks.modules))
