"""The jobs of sweeps: by hand, by the workflow, and when they run again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.engine import PARAMS, Project
from helpers.params import PROJECT
from helpers.sweep import CHOSEN, FOLDER, NAME, VALUES, evaluate, job_of, params, run

from jointnn.io import paths
from jointnn.io.files import to_json, write_atomically
from jointnn.jobs.freshness import is_fresh, mend_times_of_sweep
from jointnn.jobs.graph import Jobs
from jointnn.reporting.tracking.find import experiments


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_job_by_hand_leaves_its_outputs_and_its_record():
    evaluate()
    job = job_of()
    settings = Path(paths.SETTINGS, job.record)
    write_atomically(settings, to_json(job).encode())
    command = [sys.executable, "-m", "jointnn", "sweep", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run(command, check=True, env=environment)
    there = {path.name for path in FOLDER.iterdir()}
    assert there == {"summary.csv", "table.md", "curve.svg", "settings.json"}
    assert (FOLDER / "settings.json").read_bytes() == settings.read_bytes()
    assert is_fresh(Jobs(params()).sweep(NAME))


def test_a_sweep_runs_again_with_its_experiments_and_they_not_with_it():
    before = Jobs(params())
    after = Jobs(params(yardsticks={}))
    assert before.sweep(NAME) != after.sweep(NAME)
    assert before.collect("heir") == after.collect("heir")
    whole = params()
    whole.experiments["heir"].settings["learning_rate"] = 0.5
    assert Jobs(whole).sweep(NAME)["before"].keys() == CHOSEN["experiments"].keys()
    changed = {
        name
        for name, digest in Jobs(whole).sweep(NAME)["before"].items()
        if digest != before.sweep(NAME)["before"][name]
    }
    assert changed == {"heir"}


def test_after_a_checkout_a_fresh_sweep_is_not_older_than_the_tables_it_was_made_from():
    evaluate()
    jobs = Jobs(params())
    run()
    for job in [*(jobs.collect(name) for name in VALUES), jobs.sweep(NAME)]:
        write_atomically(job.record, to_json(job).encode())
    for age, folder in enumerate([FOLDER, *(Path("results", name) for name in VALUES)]):
        for path in folder.glob("*.*"):
            os.utime(path, (1000 + age, 1000 + age))
    mend_times_of_sweep(jobs, NAME)
    newest = max(path.stat().st_mtime for name in VALUES for path in Path("results", name).glob("*.*"))
    assert min(path.stat().st_mtime for path in FOLDER.iterdir()) >= newest


def test_mlflow_takes_no_sweep_for_an_experiment():
    for name in ("small", "s0"):
        write_atomically(Path(paths.sweep(name), "table.md"), b"")
    write_atomically("results/toy/s0/metrics.csv", b"")
    assert experiments(Path()) == ["toy"]


SWEPT = """\
  fewer:
    extends: tiny
    train_images: 10
sweeps:
  small: {dataset: other, along: training images, experiments: {tiny: 20, fewer: 10}}
"""


@pytest.mark.slow
def test_snakemake_has_a_target_for_each_sweep(tmp_path):
    project = Project.new(tmp_path / "project", PARAMS.replace("sweeps: {}\n", SWEPT))
    planned = project.jobs("-n", "sweep_small")
    assert (planned["sweep_small"], planned["collect"], planned["collect_fewer"]) == (1, 1, 1)
    assert not {"figures", "figures_fewer"} & set(planned)
    assert project.path("work/settings/results/sweeps/small/settings.json").exists()
    project.edit("params.yaml", "fewer: 10}", "fever: 10}")
    said = project.snakemake("-n", "sweep_small", fails=True)
    assert "params.yaml: sweeps.small.experiments: 'fever' is not known; did you mean 'fewer'?" in said
