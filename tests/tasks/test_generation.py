"""Adversarial networks: their losses, and what is measured and shown of them."""

import copy

import pytest
import torch
from helpers.generation import OPTIONS, images, network, training_of_networks
from helpers.training import parameters, run
from torch.nn import functional
from torch.testing import assert_close

from jointnn.data.sampling import Batches
from jointnn.data.splits import as_float
from jointnn.errors import UserError
from jointnn.models.gan import Began
from jointnn.tasks.generation import SPREAD, generation
from jointnn.tasks.measures import COLLAPSED, KERNEL_DISTANCE, LOSS, NEAREST_RATIO

LATENT = 5


def latent(batches: Batches, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple((2 * batches.numbers(step) - 1).chunk(2, dim=1))


def cross_entropy(scores: torch.Tensor, real: bool) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(real)))


def plain_losses(name, chosen, real, first, second):
    """The losses of both turns, the second one only when asked for."""
    if name == "dcgan":
        yield cross_entropy(chosen.discriminator(real), True) + cross_entropy(
            chosen.discriminator(chosen.generator(first).detach()), False
        )
        yield cross_entropy(chosen.discriminator(chosen.generator(second)), True)
        return

    def error(made):
        return functional.l1_loss(chosen.discriminator(made), made)

    made = chosen.generator(first).detach()
    yield error(real) - chosen.balance.item() * error(made)
    yield error(chosen.generator(second))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_isolated_training_is_the_plain_alternating_loop(name):
    training = training_of_networks(name, steps=5)
    plain = [copy.deepcopy(module) for module in training.networks.modules.values()]
    run(training, "isolated")
    for index, chosen in enumerate(plain):
        made = [
            torch.optim.Adam(part.parameters(), 2e-4, betas=(0.5, 0.999))
            for part in (chosen.discriminator, chosen.generator)
        ]
        split, batches = images(index), Batches(12, 4, 0, f"set{index}", 2 * LATENT)
        for step in range(5):
            real, (first, second) = as_float(split.images[batches.at(step)]), latent(batches, step)
            if name == "began":
                with torch.no_grad():
                    errors = [
                        (v - chosen.discriminator(v)).abs().mean() for v in (real, chosen.generator(first))
                    ]
                balance = chosen.balance + 0.001 * (0.5 * errors[0] - errors[1])
            for optimiser, loss in zip(made, plain_losses(name, chosen, real, first, second), strict=True):
                chosen.zero_grad()
                loss.backward()
                optimiser.step()
            if name == "began":
                chosen.balance.copy_(balance.clamp(0, 1))
                chosen.moved |= chosen.balance > 0
                chosen.pinned.add_(4).mul_(chosen.balance in (0, 1))
                chosen.longest_pinned.copy_(max(chosen.longest_pinned, chosen.pinned * chosen.moved))
    expected = [value for chosen in plain for value in chosen.state_dict().values()]
    assert_close(parameters(training), expected, rtol=1e-4, atol=1e-6)
    before = network(name).state_dict().values()
    assert not all(torch.equal(a, b) for a, b in zip(expected, before, strict=False))


@pytest.mark.slow
def test_the_balance_stays_between_0_and_1_and_does_not_move_when_measured():
    chosen: Began = network("began")
    real, z = as_float(images(0).images), torch.zeros(12, LATENT)
    chosen.gain = 1e6
    chosen.discriminator_loss(real, z)
    assert chosen.balance in (0, 1)
    chosen.balance.fill_(0.25)
    chosen.eval()
    chosen.discriminator_loss(real, z)
    assert chosen.measures(real, z)["balance"] == 0.25


def test_the_convergence_measure_is_the_error_of_images_and_the_distance_from_the_balance():
    chosen: Began = network("began")
    real, z = as_float(images(0).images), torch.rand(12, LATENT)
    errors = [(v - chosen.discriminator(v)).abs().mean() for v in (real, chosen.generator(z))]
    expected = errors[0] + (chosen.diversity * errors[0] - errors[1]).abs()
    assert chosen.measures(real, z)["convergence"] == expected


def test_a_balance_that_has_not_left_its_start_raises_an_alarm_until_it_does():
    chosen: Began = network("began")
    real, z = as_float(images(0).images), torch.zeros(12, LATENT)
    chosen.diversity = 0.0  # then k can only fall
    for _ in range(3):
        chosen.discriminator_loss(real, z)
    assert chosen.balance == 0 and chosen.alarms(24) == ["held k at 0 or 1 for 1.5 epochs"]
    chosen.balance.fill_(0.5)
    chosen.discriminator_loss(real, z)
    assert chosen.balance > 0 and chosen.alarms(24) == []


def test_a_balance_that_stayed_at_its_end_for_an_epoch_raises_an_alarm():
    chosen: Began = network("began")
    real, z = as_float(images(0).images), torch.zeros(12, LATENT)
    chosen.balance.fill_(0.5)
    chosen.discriminator_loss(real, z)
    chosen.gain = 1e6
    for _ in range(2):
        assert chosen.alarms(24) == []
        chosen.discriminator_loss(real, z)
    assert chosen.alarms(24) == ["held k at 0 or 1 for 1.0 epochs"]
    chosen.gain = 1e-3
    chosen.balance.fill_(0.5)
    chosen.discriminator_loss(real, z)
    assert chosen.pinned == 0 and chosen.alarms(24) == ["held k at 0 or 1 for 1.0 epochs"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_a_generator_whose_images_are_all_alike_raises_an_alarm(name):
    chosen, task = network(name), generation("efficientnet_lite0", generated=16)
    for value in list(chosen.generator.parameters())[:2]:
        value.data.zero_()
    (alarm,) = task.alarms(chosen, images(0))
    assert alarm.startswith("makes images that hardly differ: ")
    found = task.results(chosen, {"test": images(1)}, images(0))
    assert found["test"][COLLAPSED] == 1


@pytest.mark.parametrize("name", OPTIONS)
def test_a_generator_of_nan_raises_an_alarm_and_one_whose_images_differ_none(name):
    chosen, task = network(name), generation("efficientnet_lite0")
    list(chosen.generator.parameters())[-1].data.fill_(torch.nan)
    assert task.alarms(chosen, images(0)) == [
        "makes images that hardly differ: nan of the spread of real ones"
    ]
    chosen.forward = lambda latent: 2 * as_float(images(1).images)[: len(latent)]
    assert task.alarms(chosen, images(0)) == []


@pytest.mark.parametrize("name", OPTIONS)
def test_what_figures_show_is_the_same_for_equal_networks(name):
    found = [generation("efficientnet_lite0").evidence(network(name), images(0)) for _ in range(2)]
    shapes = {key: tuple(value.shape) for key, value in found[0].items()}
    assert shapes == {"real": (12, 1, 16, 16), "made": (16, 1, 16, 16), "between": (8, 1, 16, 16)}
    for key in shapes:
        assert found[0][key].dtype == torch.uint8
        assert torch.equal(found[0][key], found[1][key])


@pytest.mark.parametrize(("name", "said"), [("vgg", "is named 'vgg'"), ("inception_v3", "weights at")])
def test_features_that_cannot_be_had_are_refused_before_training(name, said, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match=said):
        generation(name)


@pytest.mark.slow
def test_what_tables_show_is_measured_of_generated_images():
    task, chosen = generation("efficientnet_lite0", generated=16), network("dcgan")
    splits = {"validation": images(1), "test": images(2, count=5)}
    found = task.results(chosen, splits, images(0))
    assert {KERNEL_DISTANCE, NEAREST_RATIO, SPREAD, LOSS} <= set(found["test"])
    assert found["test"] != found["validation"]
    assert task.results(chosen, splits, images(0))["test"] == found["test"]
    copies = task.results(_Remembers(images(0)), splits, images(0))
    assert copies["test"][NEAREST_RATIO] < 0.01 < found["test"][NEAREST_RATIO]


@pytest.mark.slow
def test_real_images_are_a_ceiling_for_made_ones():
    task = generation("efficientnet_lite0", generated=16)
    splits = {"validation": images(0), "test": images(1)}
    found = task.reference(splits, images(0))
    # The images themselves, against themselves.
    assert found["validation"][KERNEL_DISTANCE] <= 1e-4
    made = task.results(network("dcgan"), splits, images(0))
    assert found["test"][KERNEL_DISTANCE] < made["test"][KERNEL_DISTANCE]
    assert NEAREST_RATIO not in found["test"]


class _Remembers(Began):
    """A generator that gives the images of a split."""

    def __init__(self, split) -> None:
        super().__init__(torch.nn.Identity(), torch.nn.Identity(), LATENT, gain=0.001, diversity=0.5)
        self.kept = as_float(split.images)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return self.kept[torch.arange(len(latent)) % len(self.kept)]

    def measures(self, _images: torch.Tensor, _latent: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"convergence": torch.zeros(())}


@pytest.mark.parametrize(("name", "size"), [("dcgan", 12), ("dcgan", 4), ("began", 8), ("began", 48)])
def test_a_size_that_cannot_be_halved_is_refused(name, size):
    from jointnn.models.architectures import architecture

    with pytest.raises(UserError, match=f"{name} halves images down to .* image_size {size} is none of"):
        architecture[name](classes=1, channels=3, size=size)


@pytest.mark.slow
def test_the_networks_of_the_papers_have_their_sizes():
    from jointnn.models.architectures import architecture

    made = architecture["dcgan"](classes=1, channels=3, size=64)
    channels = [layer[0].out_channels for layer in list(made.generator)[1:]]
    assert channels == [512, 256, 128, 3]
    assert made.generator.dense[0].out_features == 1024 * 16
    weights = torch.cat([layer[0].weight.flatten() for layer in made.generator])
    assert_close(weights.std().item(), 0.02, rtol=0.01, atol=0)
    made = architecture["began"](classes=1, channels=3, size=64)
    assert made.discriminator.code[1].in_features == 8 * 8 * 4 * 64
    assert made(torch.zeros(2, 64)).shape == made.discriminator(torch.zeros(2, 3, 64, 64)).shape


@pytest.mark.parametrize("options", [{"gain": 0.0}, {"diversity": 0.0}, {"diversity": 1.5}])
def test_a_balance_that_cannot_hold_is_refused(options):
    from jointnn.models.architectures import architecture

    with pytest.raises(UserError, match=r"began needs a gain above 0 and a diversity in 0\.\.1, not"):
        architecture["began"](classes=1, channels=3, size=16, width=4, latent=4, **options)


def test_the_gain_is_the_step_of_the_balance():
    real, z = as_float(images(0).images), torch.zeros(12, LATENT)
    moved = []
    for gain in (0.01, 0.02):
        chosen: Began = network("began")
        chosen.gain = gain
        chosen.balance.fill_(0.5)
        chosen.discriminator_loss(real, z)
        moved.append(chosen.balance.item() - 0.5)
    assert moved[0] != 0
    assert moved[1] == pytest.approx(2 * moved[0], rel=1e-3)
