"""The costs of jobs: their steps, seconds as earlier runs took, and the networks that they keep."""

from pathlib import Path

import pytest
from helpers.jobs import finish
from helpers.params import read
from helpers.tiny import TINY_SETTINGS, folder_with_data, jobs_of, run_joint

from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.jobs.costs import EarlierRuns, copies_kept, steps_of
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job
from jointnn.stages import initialise


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def timed(job: Job, seconds: float) -> None:
    """Let a job have been run, in so many seconds."""
    finish(job)
    write_atomically(job.benchmark, f"s\th:m:s\tmax_rss\n{seconds}\t0:00:10\t300\n".encode())


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"rounds": 1}, {"start": "shareall", "shared_fraction": 0.4}])
def test_the_jobs_of_a_method_train_its_budget_each_step_once(settings):
    rounds = settings.get("rounds", 3)
    jobs = Jobs(read({"experiments.toy.tuned.joint": settings}))
    chain = [
        jobs.l2("toy", 0, "joint"),
        *(jobs.irls("toy", 0, "joint", k) for k in range(1, rounds + 1)),
    ]
    assert [step for job in chain for step in steps_of(job)] == list(range(60))


@pytest.mark.slow
def test_a_method_in_one_job_trains_its_budget_and_other_jobs_nothing():
    jobs = Jobs(read())
    for name in ("isolated", "finetune", "fedamp", "oracle"):
        assert steps_of(jobs.train("toy", 0, name)) == range(60)
    assert steps_of(jobs.attempt("toy", 1000, "isolated", 1)) == range(60)
    assert not steps_of(jobs.evaluate("toy", 0)) and not steps_of(jobs.sigma("toy", 0, "joint"))


@pytest.mark.slow
def test_a_job_takes_as_long_as_it_did_or_as_another_seed_round_or_point_of_its_kind():
    jobs = Jobs(read())
    assert EarlierRuns().seconds(jobs.train("toy", 1, "isolated")) is None
    timed(jobs.train("toy", 0, "isolated"), 40)
    timed(jobs.irls("toy", 0, "joint", 1), 20)
    timed(jobs.irls("toy", 0, "joint", 2), 30)
    timed(jobs.evaluate("toy", 0), 5)
    timed(jobs.fetch("first"), 3)
    earlier = EarlierRuns()
    assert earlier.seconds(jobs.train("toy", 1, "isolated")) == 40
    assert earlier.seconds(jobs.irls("toy", 0, "joint", 1)) == 20
    assert earlier.seconds(jobs.irls("toy", 1, "joint", 3)) == 25
    assert earlier.seconds(jobs.train("toy", 1, "l2reg")) is None
    assert earlier.seconds(jobs.evaluate("toy", 1)) == 5
    assert (earlier.seconds(jobs.fetch("first")), earlier.seconds(jobs.fetch("second"))) == (3, None)
    timed(jobs.train("toy", 1, "isolated"), 44)
    assert EarlierRuns().seconds(jobs.train("toy", 1, "isolated")) == 44


@pytest.mark.slow
def test_points_of_the_search_are_told_from_methods_whose_names_begin_alike():
    rates = {"learning_rate": [0.1, 0.2]}
    jobs = Jobs(read({"experiments.toy.search": {"l2reg": rates, "l2reg_25": rates}}))
    timed(jobs.attempt("toy", 1000, "l2reg", 0), 7)
    timed(jobs.attempt("toy", 1000, "l2reg_25", 0), 70)
    assert EarlierRuns().seconds(jobs.attempt("toy", 1000, "l2reg", 1)) == 7


@pytest.mark.slow
def test_more_steps_take_longer_but_for_what_a_job_needs_to_begin():
    before = Jobs(read())
    timed(before.train("toy", 0, "isolated"), 40)
    timed(before.initialise("toy", 0), 10)
    twice = Jobs(read({"experiments.toy.settings.steps": 120}))
    assert EarlierRuns().seconds(twice.train("toy", 0, "isolated")) == 10 + 2 * 30
    assert EarlierRuns().seconds(twice.train("toy", 1, "isolated")) == 10 + 2 * 30
    much = Jobs(read({"experiments.toy.settings.steps": 6000}))
    assert EarlierRuns().seconds(much.train("toy", 0, "isolated")) is None, "too little was training"


def test_a_damaged_benchmark_tells_nothing_nor_one_whose_run_is_gone():
    job = Jobs(read()).train("toy", 0, "isolated")
    timed(job, 40)
    Path(job.record).unlink()
    assert EarlierRuns().seconds(job) is None, "nobody knows how many steps it trained"
    finish(job)
    assert EarlierRuns().seconds(job) == 40
    Path(job.benchmark).write_text("s\n-\n")
    assert EarlierRuns().seconds(job) is None


@pytest.mark.slow
def test_networks_are_kept_as_many_times_as_is_said(monkeypatch):
    """States are compared with the files that jobs leave; headers and records are the rest of a file."""
    monkeypatch.chdir(folder_with_data())
    for more in ({}, {"optimiser": "adam"}, {"average": False, "momentum": 0.0}):
        jobs = jobs_of(TINY_SETTINGS | more)
        start = jobs.initialise("tiny", 0)
        assert EarlierRuns().bytes_kept(start) is None or more
        initialise.run(start)
        run_joint(jobs)
        chain = [jobs.l2("tiny", 0, "joint"), *(jobs.irls("tiny", 0, "joint", k) for k in (1, 2, 3))]
        header = 1500
        for job in chain:
            told = EarlierRuns().bytes_kept(job)
            there = Path(paths.state(job.folder)).stat().st_size
            assert told == pytest.approx(there, abs=header * copies_kept(job)), (more, job.folder)


def test_before_any_start_is_there_nobody_knows_how_large_networks_are():
    jobs = Jobs(read())
    job = jobs.train("toy", 0, "isolated")
    assert EarlierRuns().bytes_kept(job) is None
    assert EarlierRuns().bytes_kept(jobs.evaluate("toy", 0)) == 0
    start = Path("runs/toy/s1/start/state.safetensors")
    start.parent.mkdir(parents=True)
    start.write_bytes(b"0" * 1000)
    assert EarlierRuns().bytes_kept(job) == 1000, "as large as another seed's"
