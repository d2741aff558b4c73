"""Entries of one's own, package.module:name, as the stages import and use them."""

from pathlib import Path

import pytest
import torch
from helpers.tiny import folder_with_data, jobs_of, started

from jointnn.data.augmentations import augmentation
from jointnn.data.sources import dataset
from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.tensors import read_tensors
from jointnn.models.architectures import architecture, trunk
from jointnn.reporting.figures import figure
from jointnn.stages import activations
from jointnn.tasks import task

REGISTRIES = [architecture, augmentation, dataset, figure, task, trunk]
OWN = """from torch import nn
from torch.nn import functional

def halves(channels, size):
    return nn.AvgPool2d(2)

def half_as_bright(images, numbers):
    return images / 2
"""


@pytest.fixture(autouse=True)
def _in_a_project_with_an_own_module(monkeypatch):
    monkeypatch.chdir(folder_with_data())
    monkeypatch.syspath_prepend(Path.cwd())
    Path("own_entries.py").write_text(OWN)
    yield
    Path("own_entries.py").unlink()


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_registry_gives_what_stands_in_ones_own_module_and_keeps_its_names(registry):
    before = set(registry.load())
    assert registry["own_entries:halves"].__name__ == "halves"
    assert set(registry) == before


def test_an_own_trunk_makes_the_activations_that_networks_learn_from():
    job = jobs_of(trunk="own_entries:halves").activations("odd", 8, "own_entries:halves")
    activations.run(job)
    made, header = read_tensors(paths.prepared("odd", 8, trunk="own_entries:halves"))
    pixels = torch.from_numpy(read_tensors(paths.prepared("odd", 8))[0]["images"]).float() / 127.5 - 1
    torch.testing.assert_close(torch.from_numpy(made["images"]), torch.nn.functional.avg_pool2d(pixels, 2))
    assert header["trunk"] == "own_entries:halves"


def test_an_own_augmentation_says_how_many_random_numbers_it_takes():
    with pytest.raises(
        UserError, match=r"half_as_bright does not say how many random numbers .* @takes\(1\)"
    ):
        started(augmentation="own_entries:half_as_bright", methods=["isolated"])
