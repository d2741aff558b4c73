"""Jobs, durations and sizes in words."""

import pytest
from helpers.params import read

from jointnn.jobs.graph import Jobs
from jointnn.terminal.words import about, exactly, kind_of, label, several, size, which_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def words_of(job) -> str:
    return label(getattr(job, "experiment", ""), kind_of(job), which_of(job))


@pytest.mark.slow
def test_every_job_has_a_name_of_its_own():
    sweep = {"dataset": "first", "along": "size", "experiments": {"toy": 8, "heir": 16}}
    own = {"experiments.toy.architecture_of": {"isolated": {"width": 8}}, "sweeps": {"both": sweep}}
    jobs = Jobs(read(own))
    asked = [*jobs.of_experiment("toy"), *jobs.of_experiment("heir"), jobs.sweep("both")]
    every = {job.record: words_of(job) for job in asked}
    assert len(set(every.values())) == len(every)
    assert {
        "fetch first",
        "prepare first, 8 pixels",
        "prepare first, 16 pixels",
        "toy: initialise, seed 0",
        "toy: initialise, for isolated, seed 0",
        "toy: initialise_search, seed 1000",
        "toy: train isolated, seed 1",
        "toy: l2 joint, seed 0",
        "toy: sigma joint, seed 0",
        "toy: irls joint, round 2, seed 0",
        "toy: attempt joint, point 1, seed 1000",
        "toy: evaluate, seed 0",
        "heir: collect",
        "sweep both",
    } <= set(every.values())


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        *((0.04, "0.0 s"), (59.4, "59 s"), (60, "1 min"), (65, "1 min 5 s"), (3599.6, "1 h")),
        *((7380, "2 h 3 min"), (90000, "1 d 1 h")),
    ],
)
def test_a_measured_duration_has_two_units_at_most(seconds, told):
    assert exactly(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        *((3, "a few seconds"), (33, "about 35 s"), (62, "about 1 min"), (100, "about 1 min 40 s")),
        *(
            (200, "about 3 min"),
            (2000, "about 35 min"),
            (8000, "about 2 h 10 min"),
            (100000, "about 1 d 4 h"),
        ),
    ],
)
def test_a_guess_has_no_more_digits_than_a_guess_has(seconds, told):
    assert about(seconds) == told


def test_a_guess_is_rounded_by_a_quarter_at_most_and_by_an_eighth_from_five_minutes_on():
    for seconds in range(60, 100000, 37):
        parts = about(seconds).removeprefix("about ").split()
        units = {"s": 1, "min": 60, "h": 3600, "d": 86400}
        told = sum(int(count) * units[unit] for count, unit in zip(parts[::2], parts[1::2], strict=True))
        assert abs(told - seconds) <= seconds / (4 if seconds < 300 else 8)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9960, "10 kB"),
        (999_600, "1.0 MB"),
        (1.24e9, "1.2 GB"),
    ],
)
def test_sizes_have_two_or_three_digits(count, told):
    assert size(count) == told


def test_one_is_not_several():
    assert (several(1, "job"), several(1200, "job"), several(2, "copy", "copies")) == (
        "1 job",
        "1,200 jobs",
        "2 copies",
    )
