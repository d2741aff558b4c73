"""The plan of a run, in lines before it starts."""

import os
import re
from pathlib import Path

import pytest
from helpers.jobs import finish
from helpers.params import read

from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.jobs.costs import EarlierRuns, steps_of
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job
from jointnn.terminal.forecast import Work
from jointnn.terminal.plan import Run, disk_needed, introduction
from jointnn.terminal.words import kind_of, which_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run_of(*jobs: Job) -> Run:
    earlier = EarlierRuns()
    works = [
        Work(
            number,
            getattr(job, "experiment", ""),
            kind_of(job),
            which_of(job),
            steps=len(steps_of(job)),
            earlier=earlier.seconds(job),
        )
        for number, job in enumerate(jobs)
    ]
    return Run(works, dict(enumerate(jobs)), {"_cores": 1})


def start_of_bytes(count: int) -> None:
    """A start whose file is so large; no disk is filled for it."""
    path = Path(paths.state("runs/toy/s0/start"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, count)


@pytest.mark.slow
def test_jobs_steps_time_and_disk_are_said():
    jobs = Jobs(read())
    lines = introduction(run_of(*jobs.asked_for("toy")), EarlierRuns())
    assert re.match(r"\d+ jobs: fetch 3, prepare 3, initialise 2, ", lines[0])
    assert lines[1:] == [
        "The search of toy tries 4 points of 2 methods on 1 seed: "
        "60 steps x 3 networks each, 720 steps of a network in all.",
        "toy trains 7 methods on 2 seeds: 60 steps x 3 networks each, 2,520 steps of a network in all.",
        "Time: not known before the first jobs are done; then it stands beside them.",
        "Disk: not known before the first start is made; then it is said.",
    ]


@pytest.mark.slow
def test_halves_of_datasets_are_said_apart():
    jobs = Jobs(read({"experiments.toy.figures": ["split_halves"]}))
    lines = introduction(run_of(*jobs.halves("toy").values()), EarlierRuns())
    assert lines[1] == (
        "Halves of the datasets of toy train 1 method on 2 seeds: 18 steps x 6 networks each, "
        "216 steps of a network in all."
    )


@pytest.mark.slow
def test_figures_alone_take_no_disk_and_train_nothing():
    job = Jobs(read()).figures("toy")
    finish(job)
    write_atomically(job.benchmark, b"s\n70\n")
    assert introduction(run_of(job), EarlierRuns()) == [
        "1 job: figures 1.",
        "Time: about 1 min 10 s, as earlier runs took.",
    ]


@pytest.mark.slow
def test_disk_is_that_of_every_copy_and_in_mlflow_that_of_the_last_networks():
    jobs = Jobs(read())
    rounds = [jobs.irls("toy", 0, "joint", k) for k in (1, 2, 3)]
    start_of_bytes(1_000_000)
    run = run_of(jobs.train("toy", 0, "isolated"), jobs.l2("toy", 0, "joint"), *rounds)
    # 1, and three times 3 with momentum and averages, and 2 at last
    said = (
        "Disk: about 12 MB in runs/; DVC's cache takes as much again, "
        "the networks in MLflow's store up to 2.0 MB."
    )
    assert disk_needed(run, EarlierRuns()) == said
    write_atomically(".dvc/config", b'[\'remote "a"\']\n    url = /b\n[cache]\n    type = "symlink,copy"\n')
    assert "DVC's cache takes nothing more" in disk_needed(run, EarlierRuns())


@pytest.mark.slow
def test_a_run_that_does_not_fit_on_the_disk_is_told():
    start_of_bytes(10**13)
    said = disk_needed(run_of(Jobs(read()).train("toy", 0, "isolated")), EarlierRuns())
    assert re.search(r"about 10 TB in runs/;.* Only \d[\d.]* .B are free\.$", said)
