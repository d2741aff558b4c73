"""The tool `times` on benchmark files written by hand."""

import argparse
from pathlib import Path

import pytest

from jointnn.errors import UserError
from jointnn.io.files import write_json
from jointnn.stages.tools import times


def test_times_add_up_the_rounds_of_joint_and_take_the_largest_memory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    jobs = {"joint/l2": (10, 300), "joint/sigma": (1, 90), "isolated": (40, 350)}
    jobs |= {f"joint/round_{number}": (5 * number, 300 + number) for number in (1, 2)}
    for seed in (0, 1):
        for job, (seconds, memory) in jobs.items():
            path = Path("logs", "toy", f"s{seed}", f"{job}.tsv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"s\th:m:s\tmax_rss\n{seconds + 2 * seed}\t0:00:10\t{memory}\n")
    times.main(times_arguments("toy"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["method", "seconds", "seconds_std", "peak_mb", "jobs", "seeds"]
    # joint: 10 + 1 + 5 + 10, and 2 more for each of 4 jobs in seed 1
    assert ["joint", "30.0", "5.7", "302", "4", "2"] in lines
    assert ["isolated", "41.0", "1.4", "350", "1", "2"] in lines


def test_halves_are_billed_where_the_scale_comes_from_them_and_not_where_they_are_looked_at(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for job, seconds in {"joint/l2": 10, "joint/halves": 50}.items():
        path = Path("logs", "toy", "s0", f"{job}.tsv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{seconds}\t300\n")
    for before, whole in (({}, "10.0"), ({"halves": {}}, "60.0")):
        write_json("runs/toy/s0/joint/sigma.settings.json", {"before": before})
        times.main(times_arguments("toy"))
        assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["joint", whole]


def test_times_of_one_seed_have_no_deviation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        path = Path("logs", "toy", f"s{seed}", "isolated.tsv")
        path.parent.mkdir(parents=True)
        path.write_text(f"s\tmax_rss\n{10 + seed}\t-\n")  # a job too short for its memory
    times.main(times_arguments("toy", "--seeds", "1"))
    assert capsys.readouterr().out.splitlines()[1].split() == ["isolated", "11.0", "1", "1"]


def test_times_without_benchmark_files_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="logs/toy has no benchmark files"):
        times.main(times_arguments("toy"))


def times_arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    times.add_arguments(parser)
    return parser.parse_args(words)
