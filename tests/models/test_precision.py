"""Precision and memory layout: how networks compute, and nothing else."""

import pytest
import torch
from helpers.training import Training, assert_views, labelled, run, training_of

from jointnn.data.splits import Split
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.precision import LAYOUTS, Form, InForm, in_form
from jointnn.tasks.classification import classification

FORMS = [Form(precision, layout) for precision in ("float32", "bfloat16") for layout in LAYOUTS]


def images(count: int = 6) -> Split:
    drawn = torch.randint(256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    return Split(drawn.to(torch.uint8), torch.arange(count) % 3)


def convolutional(**settings) -> Training:
    torch.manual_seed(0)
    modules = {name: small_conv(classes=3, channels=3, size=8, width=4) for name in ("one", "two")}
    chosen = MethodSettings(batch_size=4, steps=4, record_every=2, couple_head=True, **settings)
    return training_of(modules, [images(), images()], classification(), chosen)


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_convolutions_compute_in_the_form_and_give_and_take_float32(form, channels):
    torch.manual_seed(0)
    network, seen = small_conv(classes=3, channels=channels, size=8, width=4), []
    network.conv2[0].register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    values = images().images[:, :channels] / 127.5 - 1
    found = in_form(network, form)(values)
    assert found.dtype == torch.float32
    (given, made), plain = seen[0], network(values)
    assert made.dtype == (torch.bfloat16 if form.precision == "bfloat16" else torch.float32)
    last = form.memory_format == "channels_last"
    assert given.is_contiguous() != last
    assert given.is_contiguous(memory_format=torch.channels_last) == last
    tolerance = 0.03 if form.precision == "bfloat16" else 1e-5
    torch.testing.assert_close(found, plain, atol=tolerance, rtol=tolerance)


def test_the_plain_form_is_the_network_itself():
    network = small_conv(classes=3, channels=3, size=8)
    assert in_form(network, Form()) is network
    training = convolutional()
    assert list(training.setup.computing) == list(training.networks.modules.values())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_gradients_stay_in_the_stacked_tensors_in_float32(form):
    training = convolutional(precision=form.precision, memory_format=form.memory_format)
    run(training, "l2reg")
    assert_views(training)
    assert {tensor.dtype for tensor in training.networks.tensors} == {torch.float32}
    assert all(row.grad.any() for row in training.rows[0])


def test_a_form_on_inputs_that_are_no_images_leaves_them_as_they_are():
    network = torch.nn.Linear(5, 2).double()
    values = labelled(0).images
    assert torch.equal(InForm(network, Form("bfloat16", "channels_last"))(values), network(values))
