"""Datasets that networks with ImageNet weights have probably seen: both say it of themselves."""

from pathlib import Path

import pytest
from helpers.params import PROJECT, read

from jointnn.jobs.graph import Jobs
from jointnn.parameters.contamination import seen_in_pretraining
from jointnn.parameters.load import read_params

SEEN = {
    "fine_grained": ["stanford_dogs"],
    "fine_grained_small": ["dogs"],
}
"""Datasets by an earlier rule, by which dogs and wolves were ImageNet's, but for those of CIFAR-10."""

OWN = """
from jointnn.models.architectures import architecture


@architecture(imagenet=True)
def known(classes, channels, size): ...


@architecture(imagenet="begins")
def chosen(classes, channels, size, begins="imagenet"): ...


def plain(classes, channels, size): ...
"""


@pytest.mark.slow
def test_every_experiment_says_what_it_said_before():
    params = read_params(PROJECT)
    found = {
        name: seen_in_pretraining(experiment, params.datasets)
        for name, experiment in params.experiments.items()
    }
    assert {name: datasets for name, datasets in found.items() if datasets} == SEEN


@pytest.mark.parametrize(
    ("architecture", "options", "expected"),
    [
        ("inception_v3", {}, ["second"]),
        ("inception_v3", {"weights": "imagenet"}, ["second"]),
        ("inception_v3", {"weights": "none"}, []),
        ("small_conv", {}, []),
        ("own_networks:known", {}, ["second"]),
        ("own_networks:chosen", {}, ["second"]),
        ("own_networks:chosen", {"begins": "none"}, []),
        ("own_networks:plain", {}, []),
    ],
)
def test_a_network_with_imagenet_weights_has_seen_what_is_of_imagenet(
    architecture, options, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("own_networks.py").write_text(OWN)
    params = read(
        {
            "experiments.toy.architecture": architecture,
            "experiments.toy.architecture_options": options,
            "datasets.second.of_imagenet": True,
        }
    )
    assert seen_in_pretraining(params.experiments["toy"], params.datasets) == expected


@pytest.mark.slow
def test_that_a_dataset_is_of_imagenet_fetches_and_trains_nothing_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = Jobs(read()).evaluate("toy", 0)
    assert Jobs(read({"datasets.second.of_imagenet": True})).evaluate("toy", 0) == before
