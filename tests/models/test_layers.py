"""Networks of parts: their turns, their blocks, and what is coupled of them."""

import pytest
import torch
from helpers.generation import OPTIONS, network, training_of_networks
from helpers.training import mlps, parameters, plan_of, run
from torch.testing import assert_close

from jointnn.errors import UserError
from jointnn.models.layers import by_parts
from jointnn.models.precision import Form, in_form
from jointnn.stages.run_training import say_alarms
from jointnn.tasks.generation import generation
from jointnn.training.couplings import membership_of
from jointnn.training.setup import setup_of

LATENT = 5


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(
    ("turn", "other"), [("discriminator", "generator"), ("generator", "discriminator")]
)
def test_a_turn_gives_a_gradient_to_its_own_part_alone(name, turn, other):
    training = training_of_networks(name)
    training.gradient(0, 0, turn)
    chosen = training.networks.modules["set0"]
    assert all(value.grad.any() for value in getattr(chosen, turn).parameters() if value.dim() > 1)
    assert not any(value.grad.any() for value in getattr(chosen, other).parameters())
    assert all(value.requires_grad for value in chosen.parameters())
    others = training.networks.modules["set1"].parameters()
    assert not any(value.grad.any() for value in others)


@pytest.mark.slow
def test_blocks_run_inside_parts():
    training = training_of_networks("began")
    run(training, "joint")
    parts = [name.split(".")[0] for name in training.networks.layers]
    sizes = training.networks.layers_of_parts
    assert sizes == [parts.count("generator"), parts.count("discriminator")]
    membership = membership_of(plan_of(training, "joint"))
    members = [{parts[k] for k in row.nonzero()[:, 0].tolist()} for row in membership]
    assert members == [{"generator"}] * (sizes[0] - 1) + [{"discriminator"}] * (sizes[1] - 1)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["l2reg_25", "l2reg_50"])
def test_the_first_layers_are_those_of_each_part(method):
    strength = {"half_life": 0.05}  # coupled layers are one after a step
    training = training_of_networks("dcgan", strength=strength, learning_rate=0.01)
    run(training, method)
    one, other = training.networks.modules.values()
    shared = {
        name
        for name in training.networks.layers
        if all(
            torch.allclose(a, b, atol=1e-6)
            for (key, a), b in zip(
                one.get_submodule(name).named_parameters(),
                other.get_submodule(name).parameters(),
                strict=True,
            )
            if a.dim() > 1  # batch norm is not coupled
        )
    }
    first = {"l2reg_25": {"dense"}, "l2reg_50": {"dense", "up1"}}[method]
    start = {"l2reg_25": {"down1"}, "l2reg_50": {"down1", "down2"}}[method]
    assert shared == {f"generator.{name}" for name in first} | {f"discriminator.{name}" for name in start}


@pytest.mark.slow
def test_only_the_parts_that_are_named_are_coupled():
    training = training_of_networks("began", couple=["discriminator"])
    run(training, "shareall")
    one, other = training.networks.modules.values()
    for a, b in zip(one.discriminator.parameters(), other.discriminator.parameters(), strict=True):
        assert_close(a, b, rtol=0, atol=1e-6)
    assert any(
        not torch.allclose(a, b, atol=1e-5)
        for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True)
    )


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"couple: 'encoder' holds no layer that .* are generator.dense, "):
        training_of_networks("began", couple=["encoder"])


def test_a_network_of_other_parts_than_the_task_trains_is_refused():
    training = mlps()
    with pytest.raises(
        UserError, match="generation trains discriminator and generator, but Sequential has no"
    ):
        task = generation("efficientnet_lite0")
        setup_of("toy", training.networks, training.data, task, training.settings, seed=0)


def test_pieces_of_a_batch_are_refused_where_parts_take_turns():
    with pytest.raises(UserError, match="accumulate: parts that take turns need their whole batch at once"):
        training_of_networks("dcgan", accumulate=2)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_form_changes_how_parts_compute_and_nothing_else(name):
    chosen = network(name)
    formed = by_parts(chosen, lambda part: in_form(part, Form("float32", "channels_last")))
    z = torch.rand(3, LATENT)
    assert_close(formed(z), chosen(z))
    assert formed.state_dict().keys() != chosen.state_dict().keys()
    if name == "began":
        assert formed.balance is chosen.balance


def test_a_collapsed_network_is_named_in_the_log(capsys):
    training = training_of_networks("dcgan")
    training.networks.modules["set0"].forward = lambda latent: (
        2 * latent[:, :1, None, None].expand(-1, 1, 16, 16)
    )
    say_alarms(training.state, training.setup)  # the other one has learned nothing yet
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("toy: the network of set1 makes images that hardly differ: ")
    assert training.state.alarms == {"set1": line.removeprefix("toy: ").removesuffix(".")}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_every_network_learns_from_its_own_images_under_both_solvers(name, solver):
    training = training_of_networks(name, solver=solver, learning_rate=0.002, steps=12)
    run(training, "joint")
    every = training.settings.record_every
    assert list(training.state.glimpses["set1"]) == list(range(every, training.step + 1, every))
    metrics = {row[3] for row in training.history if row[1] == "validation"}
    assert {"loss", "spread"} < metrics
    assert all(torch.isfinite(value).all() for value in parameters(training))
