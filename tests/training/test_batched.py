"""Gradients of all networks in one pass: those of one after the other, and what is refused."""

import copy

import pytest
import torch
from helpers.tiny import folder_with_data, run_joint, started
from helpers.training import scores
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.adversarial import began
from jointnn.models.architectures.autoencoders import autoencoder
from jointnn.models.architectures.branched import branched
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.architectures.residual import small_resnet
from jointnn.models.stacked import StackedNetworks
from jointnn.tasks import task
from jointnn.tasks.base import Task
from jointnn.training.batched import Batched
from jointnn.training.couplings import Couplings
from jointnn.training.setup import Data, Setup, check_network, setup_of
from jointnn.training.state import State
from jointnn.training.updates import gradient_steps, proximal

SETTINGS = {"batch_size": 8, "learning_rate": 0.05, "weight_decay": 0.01, "couple_batch_norm": True}


def problem(modules: list[nn.Module], images: torch.Tensor, of: Task, **settings) -> tuple[State, Setup]:
    """Networks that learn other images each, in double precision."""
    labels = torch.randint(3, (len(images),), generator=torch.Generator().manual_seed(1))
    named = {f"of_{k}": module.double().train() for k, module in enumerate(modules)}
    data = {
        name: Data(Split(images.double() + 0.1 * k, labels), Split(images, labels))
        for k, name in enumerate(named)
    }
    chosen = MethodSettings(**{**SETTINGS, **settings})
    networks = StackedNetworks(named, chosen.couple_head, chosen.couple_batch_norm)
    return State.of(networks, chosen), setup_of("test", networks, data, of, chosen, seed=3)


def trained(modules: list[nn.Module], images: torch.Tensor, of: Task, *, steps: int, **settings):
    """Losses, and all values of the networks after some steps under a coupling of all."""
    state, setup = problem(copy.deepcopy(modules), images, of, **settings)
    n, layers = len(modules), len(state.networks.coupled)
    weights = (torch.ones(n, n) - torch.eye(n)).expand(layers, n, n).double()
    couplings = Couplings(weights, torch.full((layers,), 0.5, dtype=torch.float64))
    losses = proximal(state, setup, couplings, range(steps), None)
    values = [module.state_dict() for module in state.networks.modules.values()]
    return losses, values


CONV = {"classes": 3, "channels": 1, "size": 8, "width": 4}
CASES = {
    "plain": (small_conv, CONV, (20, 1, 8, 8), "classification", {}),
    "head apart": (small_conv, CONV, (20, 1, 8, 8), "classification", {"couple_head": False}),
    "batch norm": (
        small_resnet,
        {**CONV, "channels": 3, "size": 16},
        (20, 3, 16, 16),
        "classification",
        {},
    ),
    "its statistics alone": (
        small_resnet,
        {**CONV, "channels": 3, "size": 16},
        (20, 3, 16, 16),
        "classification",
        {"couple_batch_norm": False},
    ),
    "adam": (
        small_conv,
        CONV,
        (20, 1, 8, 8),
        "classification",
        {"optimiser": "adam", "learning_rate": 0.01},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_batched_networks_learn_what_they_learn_one_after_the_other(case):
    make, options, shape, of, settings = CASES[case]
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    modules = []
    for seed in range(3):
        torch.manual_seed(seed)
        modules.append(make(**options))
    expected = trained(modules, images, task[of](), steps=6, **settings)
    found = trained(modules, images, task[of](), steps=6, **{**settings, "batched": True})
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    assert expected[0][0].unique().numel() == 3, "networks that differ"
    assert not torch.equal(expected[0][0], expected[0][-1]), "that learn"


def test_random_numbers_of_a_task_are_those_of_each_network():
    """The holes of completion lie elsewhere for each network."""
    torch.manual_seed(0)
    modules = [autoencoder(classes=1, channels=1, size=16, width=2) for _ in range(2)]
    images = torch.randn(20, 1, 16, 16)
    expected = trained(modules, images, task["completion"](), steps=4)
    found = trained(modules, images, task["completion"](), steps=4, batched=True)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_networks_of_several_outputs_are_batched_too():
    branches = {
        "shared": ["conv 2", "dense 8"],
        "image": {"of": ["shared"], "layers": ["image"]},
        "classes": {"of": ["shared"], "layers": ["scores"]},
    }
    modules = [branched(classes=3, channels=1, size=8, branches=branches) for _ in "ab"]
    images = torch.randn(20, 1, 8, 8)
    expected = trained(modules, images, task["transfer"](), steps=4)
    found = trained(modules, images, task["transfer"](), steps=4, batched=True)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_rounds_as_jobs_go_on_where_the_last_one_ended(monkeypatch):
    """A run of rounds ends with the same networks, but for rounding, as its record says."""
    monkeypatch.chdir(folder_with_data())
    states = []
    for batched in (False, True):
        jobs = started({"batched": batched})
        run_joint(jobs, 2)
        assert ("batched" in jobs.irls("tiny", 0, "joint", 2).settings) is batched
        states.append(networks_of(jobs.irls("tiny", 0, "joint", 2)))
    torch.testing.assert_close(states[0], states[1], rtol=1e-4, atol=1e-5)


def networks_of(job) -> dict[str, torch.Tensor]:
    """Return the tensors of the networks that a job has left."""
    found = load_file(f"{job.folder}/state.safetensors")
    return {name: value for name, value in found.items() if name.startswith("networks/")}


def test_other_heads_are_refused():
    modules = [small_conv(classes=classes, channels=1, size=8, width=4) for classes in (3, 4)]
    with pytest.raises(
        UserError, match=r"^batched: networks must be alike, but head\.weight is \(3, .*for of_0 and \(4, "
    ):
        problem(
            modules, torch.randn(20, 1, 8, 8), task["classification"](), couple_head=False, batched=True
        )


def test_networks_that_differ_in_how_they_compute_are_refused():
    modules = [
        nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.LeakyReLU(k), nn.Linear(5, 3)) for k in (0.1, 0.9)
    ]
    with pytest.raises(UserError, match="networks must be alike, but the module is Sequential"):
        problem(modules, torch.randn(20, 1, 8, 8), task["classification"](), batched=True)
    frozen = [small_conv(classes=3, channels=1, size=8, width=4) for _ in "ab"]
    next(frozen[1].parameters()).requires_grad_(False)
    with pytest.raises(
        UserError, match=r"^batched: networks must be alike, but .* and .*, frozen for of_1"
    ):
        Batched(
            StackedNetworks({"of_0": frozen[0], "of_1": frozen[1]}, False, False), task["classification"]()
        )


class Centred(nn.Module):
    """Keeps a running mean of its inputs as a buffer that it puts anew, and has a frozen scale."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.scale = nn.Parameter(torch.tensor(2.0), requires_grad=False)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU())
        self.head = nn.Linear(5, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.mean = 0.9 * self.mean + 0.1 * images.detach().mean()
        return self.head(self.body(self.scale * (images - self.mean)))


def test_buffers_that_a_network_puts_anew_and_frozen_parameters_are_kept():
    modules = []
    for seed in range(2):
        torch.manual_seed(seed)
        modules.append(Centred())
    images = torch.randn(20, 1, 8, 8)
    expected = trained(modules, images, task["classification"](), steps=4)
    found = trained(modules, images, task["classification"](), steps=4, batched=True)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    assert expected[1][0]["mean"] != 0


def test_networks_that_drop_values_are_refused():
    modules = [nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 5), nn.Linear(5, 3)) for _ in "ab"]
    with pytest.raises(
        UserError, match=r"^batched: each network drops values by random numbers of its own"
    ):
        problem(modules, torch.randn(20, 1, 8, 8), task["classification"](), batched=True)


class some(scores):  # noqa: N801  spelled as tasks are
    """Learns the images of one class alone, of which a batch may have any number."""

    def loss(self, network: nn.Module, batch: Split) -> torch.Tensor:
        chosen = batch.labels == 1
        return functional.cross_entropy(network(batch.images)[chosen], batch.labels[chosen])


def test_a_task_that_torch_func_cannot_batch_is_refused_in_a_sentence():
    modules = [small_conv(classes=3, channels=1, size=8, width=4) for _ in "ab"]
    state, setup = problem(modules, torch.randn(20, 1, 8, 8), some(), batched=True)
    with pytest.raises(UserError, match=r"^batched: torch.func cannot batch .* under the task some"):
        gradient_steps(state, setup, 0, 0.1)


@pytest.mark.parametrize(
    "other",
    [
        {"precision": "bfloat16"},
        {"memory_format": "channels_last"},
        {"accumulate": 2},
        {"checkpoint_activations": True},
        {"others_on_disk": True},
        {"processes": 2},
        {"solver": "block_coordinate"},
        {"tied": ["head"]},
    ],
    ids=str,
)
def test_settings_that_compute_networks_apart_are_refused(other):
    (name,) = other
    with pytest.raises(
        ValueError, match=f"batched computes all networks at once, and {name} needs each by"
    ):
        MethodSettings(batched=True, **other)


def test_parts_that_take_turns_are_refused():
    pair = began(classes=1, channels=3, size=16, width=2, latent=4)
    settings = MethodSettings(batched=True)
    with pytest.raises(UserError, match=r"^batched: parts that take turns cannot be computed in one pass"):
        check_network(pair, [], task["generation"](features="efficientnet_lite0"), settings)
