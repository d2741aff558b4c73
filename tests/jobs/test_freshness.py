"""A job is fresh by content: its record, and outputs that Snakemake does not look for; never by times."""

import os
import time
from pathlib import Path

import pytest
from helpers.jobs import finish
from helpers.params import read

from jointnn.io.files import write_atomically
from jointnn.jobs import data_jobs
from jointnn.jobs.freshness import is_finished, is_fresh, is_settled, of_the_past, write_settings
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def must_run(job: Job) -> bool:
    """Whether Snakemake runs a job whose outputs are there: an input is newer than the oldest output."""
    oldest = min(Path(file).stat().st_mtime for file in job.outputs if file not in job.of_choice)
    return Path(write_settings(job)).stat().st_mtime > oldest


@pytest.mark.slow
def test_a_job_is_fresh_while_its_settings_are_those_of_its_record():
    job = Jobs(read()).train("toy", 0, "isolated")
    assert not is_fresh(job)
    finish(job)
    assert is_fresh(job) and is_finished(job) and not must_run(job)
    other = Jobs(read({"experiments.toy.tuned.isolated": {"learning_rate": 0.7}})).train(
        "toy", 0, "isolated"
    )
    assert other.record == job.record
    assert not is_fresh(other) and must_run(other)
    assert not must_run(job)  # as after going back to older parameters


def test_a_job_without_all_outputs_is_fresh_but_not_finished():
    job = Jobs(read()).train("toy", 0, "isolated")
    finish(job)
    Path(job.folder, "history.csv").unlink()
    assert is_fresh(job) and not is_finished(job)


@pytest.mark.slow
def test_a_figure_that_is_gone_is_drawn_again_though_no_rule_names_it():
    job = Jobs(read()).figures("toy")
    finish(job)
    assert job.of_choice == ["results/toy/figures/weights.svg"] and not must_run(job)
    Path(job.of_choice[0]).unlink()
    assert must_run(job)


@pytest.mark.slow
def test_a_job_is_settled_if_all_before_it_are_fresh_whatever_became_of_images():
    jobs = Jobs(read())
    last = jobs.irls("toy", 0, "joint", 3)
    for job in jobs.in_order(last):
        if not job.makes_images and job.stage != "fetch":
            finish(job)
    assert is_settled(jobs, last, {})
    assert not is_settled(jobs, last, {}, forced={"l2"})
    write_atomically(jobs.l2("toy", 0, "joint").record, b"{}")
    assert is_fresh(last) and not is_settled(jobs, last, {})


def test_times_of_the_future_become_times_of_the_past():
    for name, then in (("old", 1000), ("new", time.time() + 1e6)):
        write_atomically(name, b"")
        os.utime(name, (then, then))
    assert of_the_past(["old", "new", "none"]) == ["old", "new", "none"]
    assert Path("old").stat().st_mtime == 1000
    assert Path("new").stat().st_mtime < time.time()


@pytest.mark.slow
def test_what_is_left_out_makes_tables_anew_and_no_network(monkeypatch):
    for told in ("one", "two", ""):
        monkeypatch.setattr(data_jobs, "kept_digests", lambda *_, told=told: ("images", told))
        of = Jobs(read())
        if told == "one":
            for made in of.in_order(of.collect("toy"), of.inventory("toy")):
                finish(made)
        data = [of.fetch(name) for name in of.params.experiments["toy"].datasets]
        reported = [of.collect("toy"), of.inventory("toy"), *data]
        assert all(is_fresh(job) == (told == "one") for job in reported)
        trained = [job for job in of.in_order(of.collect("toy")) if job not in reported]
        assert len(trained) > 5 and all(is_fresh(job) for job in trained)
        fetched = {file for job in data for file in job.made}
        asked = set(of.inputs(of.collect("toy")))
        assert asked.isdisjoint(fetched) == (not told)
