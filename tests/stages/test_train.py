"""Jobs that train: divergence, points of the search, the test split, the device."""

import shutil
from pathlib import Path

import pytest
import torch
from helpers.jobs import altered
from helpers.tiny import files_of, folder_with_data, started

from jointnn.errors import DivergedError, UserError
from jointnn.io import files, paths
from jointnn.stages import attempt, initialise, train
from jointnn.training.device import device_of


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def test_a_diverged_job_names_experiment_seed_and_method_and_writes_no_networks():
    jobs = started({"learning_rate": 1e5})
    with pytest.raises(
        DivergedError, match=r"tiny, seed 0, isolated diverged: the loss of (odd|even) at step"
    ):
        train.run(jobs.train("tiny", 0, "isolated"))
    assert not files_of("runs/tiny/s0/isolated")
    resume = paths.resume_of("runs/tiny/s0/isolated/settings.json")
    assert "tiny, seed 0, isolated diverged" in files.read_json(paths.diverged(resume))["diverged"]


def test_a_diverged_point_of_the_search_is_an_answer():
    grid = {"isolated": {"learning_rate": [0.05, 1e5]}}
    jobs = started(search=grid)
    for point in (0, 1):
        job = jobs.attempt("tiny", 1000, "isolated", point)
        initialise.run(jobs.search_start("tiny", 1000))
        attempt.run(job)
        assert not Path(job.resume).exists()
    good, bad = (files.read_json(f"search/tiny/s1000/isolated/point_{k}.json") for k in (0, 1))
    assert 0 <= good["validation"]["accuracy"] <= 1 and good["diverged"] is None
    assert not bad["validation"] and "tiny, seed 1000, isolated diverged" in bad["diverged"]


@pytest.mark.slow
def test_a_known_measure_that_a_small_validation_split_does_not_give_is_left_out_unless_it_decides():
    jobs = started(search={"isolated": {"learning_rate": [0.05]}})
    job = jobs.attempt("tiny", 1000, "isolated", 0)
    initialise.run(jobs.search_start("tiny", 1000))
    attempt.run(altered(job, measures=["accuracy", "frechet_distance"]))
    result = files.read_json("search/tiny/s1000/isolated/point_0.json")
    assert list(result["validation"]) == ["accuracy", "loss"]
    assert result["best"] == {"accuracy": "highest", "loss": "lowest"}, "what the task tells the search"
    for missing, measures in (
        ("frechet_distance", ["frechet_distance", "accuracy"]),
        ("acuracy", ["accuracy", "acuracy"]),
    ):
        with pytest.raises(UserError, match=f"the task gives no '{missing}' on the validation split"):
            attempt.run(altered(job, measures=measures))


def test_only_reported_seeds_measure_the_test_split(tmp_path, monkeypatch):
    jobs = started(search={"isolated": {"learning_rate": [0.05]}})
    assert jobs.train("tiny", 0, "isolated").curves is True
    job = jobs.attempt("tiny", 1000, "isolated", 0)
    initialise.run(jobs.search_start("tiny", 1000))
    shutil.copytree(".", tmp_path, ignore=shutil.ignore_patterns("*-test.safetensors"), dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    attempt.run(job)
    with pytest.raises(UserError, match=r"-8-test.safetensors could not be read"):
        train.run(jobs.train("tiny", 0, "isolated"))


def test_a_device_that_is_not_there_is_refused():
    assert device_of("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"device: 'warp' is not to be had here. Set device: auto"):
        device_of("warp")


@pytest.mark.parametrize(("there", "taken"), [(None, "cpu"), ("cuda", "cuda"), ("mps", "cpu")])
def test_auto_takes_a_gpu_that_knows_float64(there, taken, monkeypatch):
    found = None if there is None else torch.device(there)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: found is not None)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: found)
    assert device_of("auto") == torch.device(taken)
