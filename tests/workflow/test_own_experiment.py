"""One's own images and one's own network, end to end."""

import numpy as np
import pytest
from helpers.engine import NOTHING, Project

from jointnn.data.images import encode_png

pytestmark = pytest.mark.slow

OWN = """
default: [mine]
datasets:
  light: {source: class_folders, path: pictures/light}
  dark: {source: class_folders, path: pictures/dark}
presets:
  default: {}
experiments:
  mine:
    task: classification
    architecture: my_networks:two_layers
    architecture_options: {hidden: 6}
    datasets: [light, dark]
    image_size: 8
    channels: 3
    validation_images: 4
    seeds: [0]
    methods: [isolated, joint]
    figures: [figure_2_groups]
    settings: {steps: 8, batch_size: 4, record_every: 4, rounds: 1}
"""
NETWORK = """
from torch import nn


def two_layers(classes, channels, size, hidden):
    first = nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, hidden), nn.ReLU())
    return nn.Sequential(first, nn.Linear(hidden, hidden), nn.Linear(hidden, classes))
"""


def test_own_images_and_an_own_network_need_no_more_than_to_be_named(tmp_path):
    project = Project.new(tmp_path, OWN)
    project.write("my_networks.py", NETWORK)
    numbers = np.random.default_rng(0)
    for k, name in enumerate(
        f"{d}/{s}/{c}" for d in ("light", "dark") for s in ("train", "test") for c in "ab"
    ):
        for i in range(8):
            picture = numbers.integers(20 * k, 20 * k + 80, (9, 9, 3)).astype(np.uint8)
            project.write(f"pictures/{name}/{i}.png", "")
            project.path(f"pictures/{name}/{i}.png").write_bytes(encode_png(picture))
    project.snakemake()
    assert "joint" in project.path("results/mine/table.md").read_text()
    assert NOTHING in project.snakemake("-n")
    # What is left out is told anew, and trains nothing.
    project.write("pictures/light/train/a/late.heic", "")
    jobs = project.jobs("-n")
    assert {name: jobs[name] for name in jobs if name != "total"} == {"fetch": 1, "collect of mine": 1}
    project.snakemake()
    assert "left out: 1 .heic" in project.path("results/mine/table.md").read_text()
    assert NOTHING in project.snakemake("-n")
    project.edit("my_networks.py", "nn.ReLU()", "nn.Tanh()")
    jobs = project.jobs("-n")
    assert jobs["initialise of mine"] == jobs["isolated of mine"] == jobs["evaluate of mine"] == 1
    assert "prepare" not in jobs
    project.edit("my_networks.py", "nn.Tanh()", "nn.ReLU()")
    picture = project.path("pictures/light/train/a/0.png")
    project.path("pictures/light/train/a/1.png").write_bytes(picture.read_bytes())
    jobs = project.jobs("-n")
    assert (jobs["fetch"], jobs["prepare"], jobs["isolated of mine"]) == (1, 1, 1)
    # Elsewhere the pictures are not at hand, but what was made of them is.
    project.path("pictures").rename(tmp_path / "gone")
    assert NOTHING in project.snakemake("-n")
