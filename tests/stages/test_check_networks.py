"""Sentences of the first job on networks before anything is trained; they leave no trace in its outputs."""

import importlib
from pathlib import Path

import pytest
from helpers.tiny import files_of, folder_with_data, jobs_of, started

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.jobs.specs import InitialiseJob
from jointnn.stages import initialise, train
from jointnn.stages.check_networks import checked

OWN = '''
import torch
from torch import nn

from jointnn.tasks.classification import classification


def ten(classes, channels, size):
    """It does not ask how many classes there are."""
    return nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(size**2, 8), nn.ReLU()), nn.Linear(8, 12))


class Recurrent(nn.Module):
    """Frozen, normed and unnamed parameters beside those of its layers."""

    def __init__(self, classes):
        super().__init__()
        self.edges = nn.Conv2d(1, 2, 3).requires_grad_(False)
        self.norm = nn.BatchNorm2d(2)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(72, 8))
        self.scale = nn.Parameter(torch.ones(()))
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        return self.head(self.scale * self.body(self.norm(self.edges(images))))


def recurrent(classes, channels, size):
    return Recurrent(classes)


def no_module(classes, channels, size):
    return 3


def broken(classes, channels, size):
    raise KeyError("depth")


class double(classification):
    """A loss that counts twice."""

    def loss(self, network, batch):
        return 2 * super().loss(network, batch)


class no_task:
    pass
'''


FIRST = "4 steps with weights of 1, then 3 rounds"


@pytest.fixture(autouse=True)
def _in_a_project_with_own_networks(monkeypatch):
    monkeypatch.chdir(folder_with_data())
    monkeypatch.syspath_prepend(Path.cwd())
    Path("own_networks.py").write_text(OWN)
    yield
    Path("own_networks.py").unlink()


def of(name: str, **experiment) -> dict:
    return {"architecture": f"own_networks:{name}", "architecture_options": {}, **experiment}


def start(settings: dict | None = None, **experiment) -> InitialiseJob:
    return jobs_of(settings, **experiment).initialise("tiny", 0)


def table(job: InitialiseJob) -> list[str]:
    assert job.purpose
    return checked(job, job.purpose).splitlines()


def refusal(job: InitialiseJob) -> str:
    """Return the refusal of initialise, which then writes nothing."""
    with pytest.raises(UserError) as error:
        initialise.run(job)
    assert not Path(job.folder).exists()
    return str(error.value)


@pytest.mark.slow
def test_the_table_says_what_is_coupled_in_the_order_of_the_forward_pass():
    job = start(methods=["isolated", "l2reg_25", "shareall", "finetune", "joint", "fedamp"])
    assert table(job) == [
        "tiny: networks of small_conv with 10 outputs.",
        "",
        "layer     takes      gives      parameters  coupled       blocks",
        "conv1     1 × 8 × 8  2 × 4 × 4          34  yes           1",
        "conv2     2 × 4 × 4  4 × 2 × 2         132  yes           1, 2",
        "conv3     4 × 2 × 2  8 × 1 × 1         520  yes           2, 3",
        "dense     8 × 1 × 1  8                  72  yes           3",
        "head      8          10                 90  no: the head",
        "together                               848",
        "",
        "isolated  each network alone",
        "l2reg_25  12 steps with weights of 1 in the first of 4 layers",
        "shareall  12 steps as one network",
        "finetune  6 steps as one network, then 6 steps apart",
        f"joint     {FIRST} that find 3 weights of each pair, one per block of two layers",
        f"fedamp    {FIRST} that find 1 weight of each pair, one per network",
    ]


@pytest.mark.slow
def test_what_is_frozen_normed_unnamed_or_left_out_is_said():
    lines = table(start({"couple": ["body"]}, **of("recurrent", methods=["shareall"])))
    assert [line.split("  ")[-1].strip() for line in lines[3:8]] == [
        "no: frozen", "no: batch norm", "yes", "no: the head", "no",
    ]  # fmt: skip
    assert lines[7].split() == ["in", "no", "layer", "1", "no"]
    coupled = table(start({"couple_batch_norm": True}, **of("recurrent", methods=["shareall"])))
    assert coupled[4].split("  ")[-1].strip() == "yes"


def test_methods_that_couple_other_layers_have_a_column_each_and_oracle_its_blocks():
    groups = {"first": ["odd"], "second": ["even"]}
    job = start(
        {"couple_head": True},
        methods=["jae", "l2reg", "oracle"],
        groups=groups,
        shared_blocks=1,
        tuned={"jae": {"tied": ["conv1"]}},
    )
    lines = table(job)
    assert lines[2].endswith("parameters  jae          l2reg, oracle  blocks of l2reg")
    assert lines[3].endswith("one for all  yes            1")
    assert lines[4].endswith("no           yes            1, 2")
    assert lines[-3:] == [
        "jae     conv1 in common; 12 steps apart",
        "l2reg   12 steps with weights of 1",
        "oracle  12 steps with weights of 1 in the first 1 block, and within groups after them",
    ]


def test_initialise_writes_the_same_bytes_with_and_without_a_look(capsys):
    job = start(architecture="small_resnet")
    initialise.run(job)
    looked_at = files_of(job.folder)
    assert "networks of small_resnet with 10 outputs." in capsys.readouterr().out
    initialise.run(job.model_copy(update={"purpose": None}))
    assert capsys.readouterr().out == ""
    assert files_of(job.folder) == looked_at


def test_what_a_start_is_for_stands_in_its_settings_and_not_in_its_record():
    plain, changed = start(), start({"couple_head": True}, task="completion", measures=["error"])
    assert plain.settings_text != changed.settings_text
    assert (plain.text, plain.identity, plain.known) == (changed.text, changed.identity, changed.known)
    assert "purpose" not in plain.text and '"plan": "joint"' in plain.settings_text


MISTAKES = {
    "own_networks:ten gives 12 outputs for each image, but the task classification needs 10: there are 10 "
    "classes of odd. It must have as many as the argument `classes` says.": of("ten"),
    "architecture own_networks:no_module returns int and no torch.nn.Module; ": of("no_module"),
    "architecture own_networks:broken could not be made with the options {}: KeyError: 'depth' "
    "(own_networks.py, line 37).": of("broken"),
    "architecture small_conv could not be made with the options {'width': -1}: ": {
        "architecture_options": {"width": -1}
    },
    "The task own_networks:no_task has no explodes_above, ": {"task": "own_networks:no_task"},
    "generation trains discriminator and generator, but Sequential has no parts. ": {
        "task": "generation",
        "task_options": {"features": "efficientnet_lite0"},
    },
    "couple: 'conv9' holds no layer that can be coupled; there are conv1, ": {
        "tuned": {"joint": {"couple": ["conv9"]}}
    },
    "Blocks of adjacent layers need two coupled layers, but there is 1. ": {
        "tuned": {"joint": {"couple": ["conv1"]}}
    },
}
"""Entries of an experiment, by what is said of them."""


@pytest.mark.parametrize("says", MISTAKES)
def test_a_mistake_is_a_sentence_of_the_first_job_and_nothing_is_written(says):
    assert refusal(start(**MISTAKES[says])).startswith(says)


def test_a_search_is_looked_at_too_with_every_choice_of_layers_among_its_points():
    search = {"joint": {"couple": [[], ["conv1"]], "learning_rate": [0.1, 0.2]}, "isolated": {}}
    job = jobs_of(search=search).search_start("tiny", 1000)
    assert list(job.purpose.methods) == ["joint", "joint (point 2)", "isolated"]
    assert refusal(job).startswith("Blocks of adjacent layers need two coupled layers")


def test_a_method_with_a_network_of_its_own_is_looked_at_with_that_network():
    jobs = jobs_of(architecture_of={"isolated": {"width": 3}})
    common, own = jobs.initialise("tiny", 0), jobs.initialise("tiny", 0, "isolated")
    assert list(common.purpose.methods) == ["joint", "fedamp"] and list(own.purpose.methods) == ["isolated"]
    assert "3 × 4 × 4" in table(own)[3] and "2 × 4 × 4" in table(common)[3]


def test_what_changed_since_the_start_was_made_is_a_sentence_of_the_first_job_that_trains():
    experiment = {"task": "own_networks:double", "measures": ["loss"], "methods": ["isolated"]}
    started(**experiment)
    Path("own_networks.py").write_text(OWN.replace("return 2 *", "2 *"))
    importlib.reload(importlib.import_module("own_networks"))
    job = jobs_of(**experiment).train("tiny", 0, "isolated")
    with pytest.raises(UserError, match="The loss of the task own_networks:double is None, and must be"):
        train.run(job)
    assert not Path(paths.state(job.folder)).exists()
