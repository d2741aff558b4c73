"""The dry pass: what can be wrong with a network or a task is a sentence; what is right leaves no trace."""

import random
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.models.precision import Form
from jointnn.tasks.base import OneLoss
from jointnn.tasks.classification import classification
from jointnn.tasks.completion import completion
from jointnn.tasks.measures import LOSS
from jointnn.training.dry_pass import Names, dry_pass, made_images

CLASSES = 5
NAMED = Names("mine:net", "mine:task", f"{CLASSES} classes of leaves")


class Net(nn.Module):
    """Three layers for 8 grey pixels, in order."""

    def __init__(self, outputs: int = CLASSES, pixels: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 8), nn.ReLU())
        self.middle = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.head = nn.Linear(8, outputs)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.middle(self.body(images)))


class Pair(Net):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(images), images


class Silent(Net):
    def forward(self, images: Tensor) -> None:
        super().forward(images)


class ByName(Net):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"scores": super().forward(images)}


class HeadFirst(Net):
    """The same network, its children the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self._modules = OrderedDict(reversed(self._modules.items()))


class Unused(Net):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Linear(3, 3)


class UnusedParameter(Net):
    def __init__(self) -> None:
        super().__init__()
        self.middle.scale = nn.Parameter(torch.ones(3))


class Cut(Net):
    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.middle(self.body(images)).detach())


class Branching(nn.Module):
    """Two branches side by side: neither is before the other, whatever the order of definition."""

    def __init__(self) -> None:
        super().__init__()
        self.right, self.left = nn.Linear(64, 4), nn.Linear(64, 4)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        left = self.left(flat)
        return self.head(torch.cat([left, self.right(flat)], dim=1))


class Lists(nn.Module):
    """Children that are no layers of the forward pass but lists of them."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
        self.head = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            images = norm(conv(images)).relu()
        return self.head(images.mean(dim=(2, 3)))


class Functional(Net):
    """Its head is never called: its weight is used by hand."""

    def forward(self, images: Tensor) -> Tensor:
        return functional.linear(self.middle(self.body(images)), self.head.weight, self.head.bias)


class Stochastic(Net):
    """A layer that is left out while training, by chance, as in stochastic depth."""

    def forward(self, images: Tensor) -> Tensor:
        values = self.body(images)
        return self.head(values if self.training else self.middle(values))


def with_layers(network: nn.Module, layers: object) -> nn.Module:
    network.layers = layers
    return network


def frozen(network: Unused) -> Unused:
    network.spare.requires_grad_(False)
    return network


def filled(network: Net, value: float) -> Net:
    nn.init.constant_(network.head.weight, value)
    return network


class task(classification):  # noqa: N801  as in params.yaml
    """A task of one's own that learns classes."""


class NoScalar(task):
    def loss(self, network, batch):
        return functional.cross_entropy(network(batch.images), batch.labels, reduction="none")


class NoReturn(task):
    def loss(self, network, batch):
        super().loss(network, batch)


class ANumber(task):
    def loss(self, network, batch):
        return super().loss(network, batch).item()


class NoGradient(task):
    @torch.no_grad()
    def loss(self, network, batch):
        return super().loss(network, batch)


class OtherArguments(task):
    def loss(self, batch):  # network is missing
        return batch.labels


class NoNumber(task):
    def loss(self, network, batch):
        return super().loss(network, batch) + (0 * batch.images.sum()).log() * 0


class Stretched(OneLoss):
    def loss(self, network, batch):
        return functional.mse_loss(network(batch.images)[:, :1], batch.labels.float())


class OutOfBounds(OneLoss):
    def loss(self, network, batch):
        return functional.cross_entropy(network(batch.images)[:, :1], batch.labels)


class Untested(task):
    def measures(self, _network, split):
        return {LOSS: split.lenght}


class Attached(task):
    def evidence(self, network, split):
        return {"scores": network(split.images.float())}


def passed(network: nn.Module, chosen=None, validation: bool = True, **options):
    images = made_images((1, 8, 8), CLASSES, "classes")
    given = images if validation else None
    return dry_pass(network, chosen or task(), images, CLASSES, NAMED, validation=given, **options)


def refusal(network: nn.Module, chosen=None, **options) -> str:
    with pytest.raises(UserError) as error:
        passed(network, chosen, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (
            Net(4),
            "mine:net gives 4 outputs for each image, but the task mine:task needs 5: there are 5 classes",
        ),
        (Net(7), "mine:net gives 7 outputs for each image, but the task mine:task needs 5"),
        (Pair(), r"mine:net gives a tuple of 2, but the task mine:task needs a tensor of shape \(2, 5\)"),
        (Silent(), "mine:net gives None, but .* which its `forward` must return"),
        (ByName(), "mine:net gives a dict of 'scores', but"),
        (
            Net(pixels=256),
            r"mine:net cannot take images of 1 × 8 × 8 and fails in 'body.1', a Linear, given a tensor of "
            r"shape \(2, 64\): mat1 and mat2",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), Net()), "fails in '0', a Conv2d, given .* to have 3 channels"),
        (
            HeadFirst(),
            "mine:net defines 'head' before 'middle', but 'head' takes what 'middle' gives.* write in it "
            r"self.layers = \['body', 'middle', 'head'\]",
        ),
        (
            with_layers(Net(), ["head", "body"]),
            r"in its attribute `layers` 'head' before 'body', .* Write self.layers = \['body', 'head'\]",
        ),
        (
            with_layers(Net(), ["body", "hed"]),
            "names 'hed', which is no submodule of it; did you mean 'head'",
        ),
        (with_layers(Net(), ["body", "head", "body"]), "names 'body' 2 times; once is enough"),
        (with_layers(Net(), ["body", "body.1"]), "names 'body.1', which lies inside 'body'"),
        (with_layers(Net(), [64, 8]), r"`layers` that does not name submodules: \[64, 8\]"),
        (
            Unused(),
            "mine:net never learns its layer 'spare': the loss of the task mine:task does not depend",
        ),
        (UnusedParameter(), "never learns its parameter 'middle.scale'"),
        (Cut(), "never learns its layers 'body', 'middle'"),
        (filled(Net(), torch.nan), "mine:net gives nan at once, at its start"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(5)), "has no shape for 1.weight .* it cannot be lazy"),
    ],
)
def test_a_network_that_does_not_fit_is_a_sentence(network, says):
    with pytest.raises(UserError, match=says) as error:
        passed(network)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (NoScalar, r"The loss of the task mine:task is a tensor of shape \(2,\), and must be a scalar"),
        (NoReturn, "The loss of the task mine:task is None, and must be a scalar"),
        (ANumber, r"is \d\.\d+, a float, and must be a scalar"),
        (NoGradient, "does not depend on the parameters of mine:net, so nothing would be learned"),
        (OtherArguments, r"is a function of \(batch\), but it is given a network and a batch"),
        (NoNumber, "is nan at once, on 2 images at the start. Look for a division by zero"),
        (Stretched, "The loss of the task mine:task fails: Using a target size"),
        (OutOfBounds, "The loss of the task mine:task fails: IndexError: Target 1 is out of bounds"),
        (Untested, "`measures` of the task mine:task fails: AttributeError: 'Split' object has no"),
        (Attached, "`evidence` of the task mine:task fails: Can't call numpy"),
    ],
)
def test_a_task_that_goes_wrong_is_a_sentence(chosen, says):
    with pytest.raises(UserError, match=says) as error:
        passed(Net(), chosen())
    assert "\n" not in str(error.value)


class Viewed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(256, CLASSES)

    def forward(self, images):
        return self.head(self.conv(images).view(len(images), -1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_form_that_a_network_does_not_compute_in_is_a_sentence(precision):
    network, form = Viewed(), Form(precision, "channels_last")
    passed(network, forms=[Form(), Form("bfloat16")])
    said = refusal(network, forms=[Form(), form])
    assert (
        f"mine:net computes as it comes, but not in {form}: leave precision and memory_format out" in said
    )
    assert "view size is not compatible" in said


def test_an_augmentation_that_changes_what_images_are_is_a_sentence():
    def flat(images, numbers):
        return images.float().flatten(1)

    flat.numbers = 1
    assert refusal(Net(), augmentation=flat).startswith(
        "The augmentation flat gives a tensor of shape (2, 64) for a tensor of shape (2, 1, 8, 8)"
    )


@pytest.mark.parametrize(
    "network",
    [
        Net(),
        with_layers(HeadFirst(), ["body", "middle", "head"]),
        with_layers(Net(), ["body.1", "middle", "head"]),
        Branching(),
        Lists(),
        Functional(),
        Stochastic(),
        frozen(Unused()),
    ],
    ids=lambda network: type(network).__name__,
)
def test_a_network_that_fits_passes(network):
    passed(network)


def test_what_layers_take_and_give_is_seen_in_their_order():
    seen = passed(Net())
    assert seen.layers == ["body", "middle", "head"]
    assert seen.takes == {"body": (1, 8, 8), "middle": (8,), "head": (8,)}
    assert seen.gives == {"body": (8,), "middle": (8,), "head": (CLASSES,)}
    assert seen.behind == {"body": set(), "middle": {"body"}, "head": {"body", "middle"}}


def test_a_task_that_makes_images_needs_images_of_the_shape_it_gives():
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1))
    assert (
        "gives a tensor of shape (2, 3, 8, 8), but the task mine:task needs a tensor of shape (2, 1, 8, 8)"
        in (refusal(network, completion()))
    )


def test_a_large_validation_split_is_not_measured():
    images = Split(torch.zeros(3, 1, 1024, 1024, dtype=torch.uint8), torch.tensor([0, 1, 2]))
    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), Net())
    dry_pass(network, Untested(), images, CLASSES, NAMED, validation=images)


def test_random_numbers_and_threads_are_afterwards_as_they_were(two_threads):
    class Noisy(Net):
        def forward(self, images: Tensor) -> Tensor:
            noise = torch.rand(()) + random.random() + np.random.rand()
            return super().forward(functional.dropout(images + noise))

    def numbers() -> tuple[float, ...]:
        return torch.rand(1).item(), random.random(), np.random.rand(), torch.get_num_threads()

    def seed() -> None:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)

    network = Noisy()
    seed()
    expected = numbers()
    seed()
    passed(network)
    assert numbers() == expected


def test_the_line_of_ones_own_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong_net.py").write_text(
        "from torch import nn\n\nclass Wrong(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.head = nn.Linear(64, 5)\n\n"
        "    def forward(self, images):\n        return self.hed(images.flatten(1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from wrong_net import Wrong

    said = refusal(Wrong())
    assert "fails in Wrong, given a tensor of shape (2, 1, 8, 8): AttributeError: " in said
    assert said.endswith("(wrong_net.py, line 9).")
