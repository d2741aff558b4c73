"""Joint auto-encoders, small, from images to tables and figures, through the workflow."""

import json

import numpy as np
import pytest
from helpers.engine import NOTHING, Project
from helpers.tracking import STORE, runs_of

from jointnn.io.files import read_table
from jointnn.io.tensors import read_tensors
from jointnn.io.yaml import from_yaml
from jointnn.reporting.tracking import import_runs

pytestmark = pytest.mark.slow

EXPERIMENTS = """
default: [rebuilt, taught]
presets:
  default: {}
  paper: {metric: sum_square, strength: {lambda: 10}, solver: block_coordinate, average: false, rounds: 2}
datasets:
  first: {source: optical_digits, part: 1/3, pool: 90}
  second: {source: optical_digits, part: 2/3, pool: 90}
  third: {source: optical_digits, part: 3/3, pool: 90}
experiments:
  rebuilt:
    task: reconstruction
    measures: [error]
    architecture: branched
    architecture_options:
      branches:
        private: [conv 2, pool, dense 6]
        shared: [conv 2, pool, dense 6]
        image: {of: [private, shared], layers: [image]}
    architecture_of:
      pair: {branches: {plain: [conv 2, pool, dense 9], image: {of: [plain], layers: [image]}}}
    datasets: [first, second]
    image_size: 8
    channels: 1
    train_images: 30
    validation_images: 20
    seeds: [0]
    methods: [pair, isolated, jae, jae_found, joint]
    figures: [figure_5_errors, reconstructions, branches, codes, weights]
    settings:
      {steps: 6, batch_size: 8, record_every: 3, rounds: 2, optimiser: adam, couple_head: true,
       blocks: single}
    chosen:
      tuned:
        jae: {tied: [shared]}
        jae_found: {tied: [private.conv1, shared.dense1]}
    search:
      pair: {learning_rate: [0.00001, 0.01]}
      jae: {tied: [[shared]], learning_rate: [0.00001, 0.01]}
      joint: {learning_rate: [0.00001, 0.01]}
  taught:
    extends: rebuilt
    task: transfer
    task_options: {weight: 4}
    measures: [accuracy, error]
    architecture_options:
      branches:
        private: [conv 2, pool, dense 6]
        shared: [conv 2, pool, dense 6]
        image: {of: [private, shared], layers: [image]}
        classes: {of: [shared], layers: [scores]}
    datasets: [first, second, third]
    labelled: {second: 10, third: 0}
    methods: [isolated, shareall, jae, joint]
    figures: [figure_3_curves, reconstructions, branches, codes]
    tuned:
      jae: {tied: [shared, classes]}
"""


def test_joint_auto_encoders_run_to_their_tables_and_figures(tmp_path):
    project = Project.new(tmp_path, EXPERIMENTS)
    jobs = project.jobs()
    assert jobs["initialise of rebuilt"] == jobs["initialise_pair of rebuilt"] == 1
    for name, measures in (("rebuilt", {"error"}), ("taught", {"accuracy", "error"})):
        results = project.path(f"results/{name}")
        assert measures <= set(read_table(results / "metrics.csv").metric)
        for figure in ("reconstructions", "branches", "codes"):
            assert "<svg" in (results / f"figures/{figure}.svg").read_text()
    shown, _ = read_tensors(project.path("results/taught/s0/evidence.safetensors"))
    assert shown["jae/second/alone.shared"].shape == (12, 1, 8, 8)
    assert {"jae/third/predicted", "jae/third/code.private"} <= set(shown)
    assert NOTHING in project.snakemake("-n")
    _check_networks(project)
    _check_tracking(project)
    _check_search(project)


def _check_networks(project: Project) -> None:
    """Tied layers are equal in the files of both networks, private ones are not."""
    state, _ = read_tensors(project.path("runs/rebuilt/s0/jae/state.safetensors"))
    first, second = (
        {
            name.removeprefix(f"networks/{dataset}/"): value
            for name, value in state.items()
            if name.startswith(f"networks/{dataset}/")
        }
        for dataset in ("first", "second")
    )
    same = {name for name in first if np.array_equal(first[name], second[name])}
    shared = {name for name in first if name.startswith("shared.")}
    assert shared
    assert same == shared


def _check_tracking(project: Project) -> None:
    """MLflow shows what is tied, how many labels were told and what came out."""
    import_runs(project.root, ["taught"], STORE)
    run = runs_of(project, "taught")["jae s0"]
    assert json.loads(run.data.params["tied"]) == ["shared", "classes"]
    assert json.loads(run.data.params["labelled.third"]) == 0
    assert 0 <= run.data.metrics["final/accuracy/test/third"] <= 1


def _check_search(project: Project) -> None:
    """The search gives tied layers to `jae_found`, from the weights of `joint`."""
    project.snakemake("search_rebuilt")
    choice = from_yaml(project.path("search/rebuilt/choice.yaml").read_text())["tuned"]
    assert choice["jae"] == {"learning_rate": 0.01, "tied": ["shared"]}
    assert choice["jae_found"]["learning_rate"] == 0.01
    assert len(choice["jae_found"]["tied"]) == 2  # of five layers
