"""Why a job has to run, in a few words."""

from pathlib import Path

import pytest
from helpers.jobs import altered, finish
from helpers.params import read

from jointnn.io.files import write_atomically
from jointnn.io.tensors import write_tensors
from jointnn.jobs.graph import Jobs
from jointnn.jobs.reasons import why


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_what_changed_is_said_with_both_values():
    before = Jobs(read()).train("toy", 0, "isolated")
    assert why(before) == "not made yet"
    finish(before)
    other = Jobs(read({"experiments.toy.tuned.isolated": {"learning_rate": 0.7}}))
    assert why(other.train("toy", 0, "isolated")) == "learning_rate 0.05 -> 0.7"
    three = {"steps": 90, "batch_size": 7, "rounds": 3, "momentum": 0.5}
    other = Jobs(read({"experiments.toy.settings": three}))
    assert why(other.train("toy", 0, "isolated")) == "batch_size 32 -> 7, momentum 0.9 -> 0.5 and 1 more"


@pytest.mark.slow
def test_a_long_value_is_not_said():
    finish(Jobs(read()).collect("toy"))
    fewer = Jobs(read({"experiments.toy.methods": ["isolated", "oracle"]}))
    assert why(fewer.collect("toy")) == "methods changed"


def test_changed_code_jobs_before_it_and_lost_files_are_told_apart():
    job = Jobs(read()).train("toy", 0, "isolated")
    finish(altered(job, code={**job.code, "jointnn/irls/rounds.py": "other"}))
    assert why(job) == "code changed: jointnn/irls/rounds.py"
    finish(altered(job, before={}))
    assert why(job) == "what it reads is made anew"
    finish(job)
    assert why(job) == "what it reads is made anew"
    assert why(job, forced=True) == "as asked"
    Path("runs/toy/s0/isolated/history.csv").unlink()
    assert why(job) == "gone: runs/toy/s0/isolated/history.csv"


def test_a_job_that_was_killed_goes_on_from_a_state_of_its_own_settings():
    job = Jobs(read()).train("toy", 0, "isolated")
    state = "work/resume/runs/toy/s0/isolated/state.safetensors"
    write_tensors(state, {}, {"job": job.digest})
    assert why(job) == "goes on where it was stopped"
    other = Jobs(read({"experiments.toy.tuned.isolated": {"learning_rate": 0.7}}))
    assert why(other.train("toy", 0, "isolated")) == "not made yet"
    write_atomically(state, b"")
    assert why(job) == "not made yet"
