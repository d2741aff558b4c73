"""python -m jointnn layers: the table of an experiment, whether its images are there or not."""

import shutil
from pathlib import Path

import pytest
from helpers.dataset import picture, write
from helpers.params import write_files

from jointnn.__main__ import main
from jointnn.io.yaml import from_yaml
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages import activations, fetch, prepare

PARAMS = """
default: [mine]
datasets:
  leaves: {source: class_folders, path: own/leaves}
  petals: {source: class_folders, path: own/petals, only_classes: [ash, oak]}
  listed: {source: list_file, path: own/list.txt, pool: 4, numbers: [height, width]}
  more: {source: list_file, path: own/list.txt, pool: 4, part: 1/1, numbers: [height, width]}
  drawn: {source: optical_digits, pool: 60}
presets: {default: {}}
experiments:
  mine:
    task: classification
    architecture: small_conv
    architecture_options: {width: 2}
    architecture_of: {isolated: {width: 3}}
    datasets: [leaves, petals]
    image_size: 8
    channels: 1
    validation_images: 2
    seeds: [0]
    methods: [isolated, joint]
  numbers:
    extends: mine
    task: regression
    measures: [absolute_error]
    datasets: [listed, more]
    architecture_of: null
  trunk:
    extends: mine
    datasets: [leaves, petals]
    trunk: efficientnet_lite0
    architecture: efficientnet_lite0_end
    architecture_options: null
    architecture_of: null
    image_size: 32
    channels: 3
  unknown: {extends: mine, datasets: [leaves, drawn]}
"""


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, from_yaml(PARAMS))
    for name in ("leaves", "petals"):
        for split in ("train", "test"):
            for kind in ("ash", "elm", "oak"):
                for k in range(4):
                    write(f"own/{name}/{split}/{kind}/{k}.png", picture(k))
    write("own/list.txt", "".join(f"leaves/train/ash/{k}.png {k} 2.5\n" for k in range(4)) * 2)


def printed(capsys, *words: str) -> str:
    assert main(["layers", *words]) == 0
    return capsys.readouterr().out


def said(capsys, *words: str) -> str:
    assert main(["layers", *words]) == 1
    return capsys.readouterr().err


def prepared(experiment: str) -> None:
    jobs = Jobs(read_params())
    for job in jobs.in_order(jobs.initialise(experiment, 0)):
        stage = {"fetch": fetch, "prepare": prepare, "activations": activations}.get(job.stage)
        if stage:
            stage.run(job)
            write(job.record, job.text)


def test_a_network_of_a_methods_own_has_a_table_of_its_own(capsys):
    common, own = printed(capsys, "mine").split("\n\nmine: ")
    assert "with 3 outputs for leaves; 2 outputs for petals." in common
    assert "head      8          3 or 2" in common and "2 × 4 × 4" in common and "\njoint  " in common
    assert "3 × 4 × 4" in own and own.endswith("\nisolated  each network alone\n")


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["mine", "numbers", "trunk"])
def test_images_that_are_prepared_give_the_table_that_noise_gave(capsys, experiment):
    before = printed(capsys, experiment)
    assert not Path("data").exists()
    prepared(experiment)
    capsys.readouterr()
    assert printed(capsys, experiment) == before
    # Where they are prepared from other images, they are not what is looked at.
    shutil.rmtree("own/leaves/train/elm")
    shutil.rmtree("own/leaves/test/elm")
    if experiment == "mine":
        assert "with 2 outputs." in printed(capsys, experiment)


def test_what_is_not_known_is_a_sentence_that_says_what_to_do(capsys):
    assert said(capsys, "unknown") == (
        "error: Nothing is known yet of the classes of drawn. Fetch it first: snakemake "
        "data/raw/drawn/manifest.json\n"
    )
    assert "No experiment is named 'mein'; did you mean 'mine'?" in said(capsys, "mein")
