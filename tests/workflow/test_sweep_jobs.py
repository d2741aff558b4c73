"""The jobs of sweeps: by hand, by the workflow, and when they run again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.engine import PARAMS, Project
from helpers.params import PROJECT
from helpers.sweep import CHOSEN, FOLDER, NAME, evaluate, job_of, params, run

from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.jobs.freshness import is_fresh, write_settings
from jointnn.jobs.graph import Jobs
from jointnn.reporting.tracking.find import experiments


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_the_job_by_hand_leaves_its_outputs_and_its_record():
    evaluate()
    job = job_of()
    settings = Path(job.settings_file)
    write_atomically(settings, job.text.encode())
    command = [sys.executable, "-m", "jointnn", "sweep", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run(command, check=True, env=environment)
    there = {path.name for path in FOLDER.iterdir()}
    assert there == {"summary.csv", "table.md", "curve.svg", "settings.json"}
    assert (FOLDER / "settings.json").read_bytes() == settings.read_bytes()
    assert is_fresh(Jobs(params()).sweep(NAME))


@pytest.mark.slow
def test_a_sweep_runs_again_with_its_experiments_and_they_not_with_it():
    before = Jobs(params())
    after = Jobs(params(yardsticks={}))
    assert before.sweep(NAME) != after.sweep(NAME)
    assert before.collect("heir") == after.collect("heir")
    whole = params()
    whole.experiments["heir"].settings["learning_rate"] = 0.5
    assert Jobs(whole).sweep(NAME).before.keys() == CHOSEN["experiments"].keys()
    changed = {
        name
        for name, digest in Jobs(whole).sweep(NAME).before.items()
        if digest != before.sweep(NAME).before[name]
    }
    assert changed == {"heir"}


@pytest.mark.slow
def test_whatever_times_a_checkout_gives_the_settings_of_a_fresh_sweep_are_older_and_others_newer():
    evaluate()
    job, other = Jobs(params()).sweep(NAME), Jobs(params(yardsticks={})).sweep(NAME)
    run()
    write_atomically(job.record, job.text.encode())
    for then in (1000, time.time() + 1e6):
        for path in FOLDER.iterdir():
            os.utime(path, (then, then))
        settings = Path(write_settings(job))
        assert settings.stat().st_mtime < min(path.stat().st_mtime for path in FOLDER.iterdir())
        assert Path(write_settings(other)) == settings
        assert settings.stat().st_mtime > min(path.stat().st_mtime for path in FOLDER.iterdir())


def test_mlflow_takes_no_sweep_for_an_experiment():
    for name in ("small", "s0"):
        write_atomically(Path(paths.sweep(name), "table.md"), b"")
    write_atomically("results/toy/s0/metrics.csv", b"")
    assert experiments(Path()) == ["toy"]


SWEPT = """\
  fewer:
    extends: tiny
    datasets: [usual, other]
    train_images: 10
sweeps:
  small: {dataset: other, along: training images, experiments: {tiny: 20, fewer: 10}}
"""


@pytest.mark.slow
def test_snakemake_has_a_target_for_each_sweep(tmp_path):
    project = Project.new(tmp_path / "project", PARAMS + SWEPT)
    planned = project.jobs("-n", "sweep_small")
    assert (planned["sweep"], planned["collect"], planned["collect of fewer"]) == (1, 1, 1)
    assert not {"figures", "figures of fewer"} & set(planned)
    assert project.path("work/settings/results/sweeps/small/settings.json").exists()
    project.edit("params/sweeps/small.yaml", "fewer: 10}", "fever: 10}")
    said = project.snakemake("-n", "sweep_small", fails=True)
    assert "params/sweeps/small.yaml: experiments: 'fever' is not known; did you mean 'fewer'?" in said
