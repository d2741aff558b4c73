"""Precision and memory layout: given, or chosen by a measurement that changes nothing else."""

import json

import pytest
import torch
from helpers.resume import killed_after
from helpers.tiny import files_of, folder_with_data, run_joint, started
from helpers.training import assert_views, labelled, mlps, parameters, run

from jointnn.data.splits import Split
from jointnn.io import paths, tensors
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.convolutional import small_conv
from jointnn.models.precision import Form, InForm, fastest, forms_of, in_form
from jointnn.models.stacked import Networks
from jointnn.stages import train
from jointnn.tasks.classification import classification
from jointnn.training import gradients
from jointnn.training.state import Data, Trainer

FORMS = forms_of(MethodSettings(precision="auto", memory_format="auto"))


def images(count: int = 6) -> Split:
    drawn = torch.randint(256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    return Split(drawn.to(torch.uint8), torch.arange(count) % 3)


def convolutional(**settings) -> Trainer:
    torch.manual_seed(0)
    modules = {name: small_conv(classes=3, channels=3, size=8, width=4) for name in ("one", "two")}
    return Trainer(
        method="toy",
        networks=Networks(modules, couple_head=True, couple_batch_norm=False),
        data={name: Data(images(), images()) for name in modules},
        task=classification(),
        settings=MethodSettings(batch_size=4, steps=4, record_every=2, **settings),
        seed=0,
    )


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_convolutions_compute_in_the_form_and_give_and_take_float32(form):
    torch.manual_seed(0)
    network, seen = small_conv(classes=3, channels=3, size=8, width=4), []
    network.conv2[0].register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    values = images().images / 127.5 - 1
    found = in_form(network, form)(values)
    assert found.dtype == torch.float32
    (given, made), plain = seen[0], network(values)
    assert made.dtype == (torch.bfloat16 if form.precision == "bfloat16" else torch.float32)
    if form.memory_format == "channels_last":
        assert given.is_contiguous(memory_format=torch.channels_last) and not given.is_contiguous()
    tolerance = 0.03 if form.precision == "bfloat16" else 1e-5
    torch.testing.assert_close(found, plain, atol=tolerance, rtol=tolerance)


def test_the_plain_form_is_the_network_itself():
    network = small_conv(classes=3, channels=3, size=8)
    assert in_form(network, Form()) is network
    assert forms_of(MethodSettings()) == [Form()]
    trainer = convolutional()
    assert trainer.gradients.networks == list(trainer.networks.modules.values())


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_gradients_stay_in_the_stacked_tensors_in_float32(form):
    trainer = convolutional(precision=form.precision, memory_format=form.memory_format)
    run(trainer, "l2reg")
    assert_views(trainer)
    assert {tensor.dtype for tensor in trainer.networks.tensors} == {torch.float32}
    assert all(row.grad.any() for row in trainer.rows[0])


def scripted(times: dict[Form, list[float]]):
    """Measures that go through given seconds."""
    left = {form: iter(values) for form, values in times.items()}
    return lambda form: next(left[form])


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ([1.0, 0.5, 0.8, 0.9], 1),
        ([1.0, 0.99, 0.96, 1.2], 0),
        ([1.0, 0.97, 0.7, 8.0], 2),
        ([1.0, 1.0, 1.0, 1.0], 0),
    ],
)
def test_the_fastest_form_is_chosen_if_it_is_faster_by_more_than_noise(seconds, chosen, capsys):
    times = {form: [9.0, s, s + 0.3, s + 0.1] for form, s in zip(FORMS, seconds, strict=True)}
    assert fastest(FORMS, scripted(times)) == FORMS[chosen]
    said = capsys.readouterr().out
    assert said.startswith(
        f"Computes in {FORMS[chosen]}. Measured for one gradient: float32, contiguous: 1e+03"
    )
    assert all(str(form) in said for form in FORMS)


def test_a_hopeless_form_is_measured_only_once_more_after_its_first_time():
    times = {form: [9.0, 1.0, 1.0, 1.0] for form in FORMS[:3]} | {FORMS[3]: [9.0, 8.0]}
    assert fastest(FORMS, scripted(times)) == FORMS[0]


def test_choosing_changes_nothing_but_the_form():
    """In float64, which bfloat16 leaves alone, and on inputs that are no images, all forms are one."""
    given, chosen = mlps(), mlps(precision="auto", memory_format="auto")
    run(given, "joint")
    run(chosen, "joint")
    assert given.gradients.form == Form() and chosen.gradients.form in FORMS
    assert all(map(torch.equal, parameters(given), parameters(chosen)))
    assert given.history == chosen.history


def test_a_form_on_inputs_that_are_no_images_leaves_them_as_they_are():
    network = torch.nn.Linear(5, 2).double()
    values = labelled(0).images
    assert torch.equal(InForm(network, Form("bfloat16", "channels_last"))(values), network(values))


def test_a_resumed_job_computes_in_the_form_that_it_began_with(monkeypatch, capsys):
    monkeypatch.chdir(folder_with_data())
    jobs = started({"precision": "auto", "memory_format": "auto"})
    job = jobs.train("tiny", 0, "isolated")
    with killed_after(monkeypatch, 2):
        train.run(job)
    assert capsys.readouterr().out.count("Computes in ") == 1
    (state,) = [path for path in files_of(paths.RESUME) if path.endswith(".safetensors")]
    form = json.loads(tensors.read_tensors(state)[1]["state"])["form"]
    assert Form(**form) in FORMS

    def measures_again(*_):
        raise AssertionError("the form has been chosen before")

    monkeypatch.setattr(gradients, "fastest", measures_again)
    train.run(job)
    assert "Computes in" not in capsys.readouterr().out


def test_the_rounds_of_joint_go_on_in_the_form_of_the_l2_start(monkeypatch, capsys):
    monkeypatch.chdir(folder_with_data())
    jobs = started({"precision": "auto", "memory_format": "auto"})
    run_joint(jobs)
    assert capsys.readouterr().out.count("Computes in ") == 1
    folders = [paths.l2("tiny", 0), paths.round_("tiny", 0, 3)]
    networks = [path for path in files_of("runs") if path.endswith(".safetensors")]
    forms = {tensors.read_tensors(path)[1]["form"] for path in networks if path.startswith(tuple(folders))}
    assert len(forms) == 1 and Form(**json.loads(forms.pop())) in FORMS
