"""The view of a reader on the scales that a method tried in its run."""

import math
from pathlib import Path

import pandas as pd
import pytest
from helpers.tiny import folder_with_data, started

from jointnn.io import files, paths
from jointnn.io.files import write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.parameters.rows import printed
from jointnn.reporting.tracking.find import find_runs
from jointnn.reporting.trials import by_scale, read_trials, trials_of
from jointnn.stages import evaluate, figures, sigma, train, trial

SCALES = [math.inf, 0.7, 0.001]
STAGES = {"train": train, "trial": trial, "sigma": sigma}


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def written(jobs: Jobs, seed: int, accuracies: list[float | None], chosen: float) -> None:
    """A scale that trials have chosen, as the job sigma writes it."""
    told = [
        {
            "scale_factor": factor,
            "decides": "accuracy",
            "validation": {} if value is None else {"accuracy": value},
            "best": {} if value is None else {"accuracy": "highest"},
        }
        for factor, value in zip(SCALES, accuracies, strict=True)
    ]
    content = {"scale_factor": chosen, "trials": told}
    files.write_json(paths.sigma("tiny", seed, "joint"), content, seal=True)


def test_a_table_says_with_whom_each_trial_shared_what_it_reached_and_which_was_chosen():
    jobs = started()
    written(jobs, 0, [0.5, 0.75, None], 0.7)
    written(jobs, 1, [0.7, 0.65, None], math.inf)
    table = trials_of("tiny", [0, 1, 2], ["joint"])
    assert len(table) == 6 and table.chosen.sum() == 2
    assert by_scale(table, ["joint"]) == [
        ["method", "shares with", "validation accuracy after one round, in per cent", "chosen in"],
        ["joint", "all", "60.0 ± 14.1", "1 of 2 seeds"],
        ["joint", "near ones (s = 0.7)", "70.0 ± 7.1", "1 of 2 seeds"],
        ["joint", "none", "–, 2 diverged", "0 of 2 seeds"],
    ]


@pytest.mark.slow
def test_a_run_in_mlflow_is_the_chain_with_what_its_trials_cost():
    jobs = started({"scale": "trials", "scale_factor": 0.7})
    chain = [jobs.l2("tiny", 0, "joint"), jobs.sigma("tiny", 0, "joint")]
    rounds = range(1, jobs.rounds("tiny", "joint") + 1)
    chain += [jobs.irls("tiny", 0, "joint", number) for number in rounds]
    tried = [jobs.trial("tiny", 0, "joint", number) for number in (1, 2, 3)]
    for job in (chain[0], *tried, *chain[1:]):
        STAGES[job.stage].run(job)
        write_atomically(job.record, job.text.encode())
        write_atomically(job.benchmark, b"s\tmax_rss\n10\t300\n")
    (run,) = find_runs(Path(), "tiny")
    assert run.finished and run.method == "joint"
    assert run.finals["cost/seconds"] == 10 * (len(chain) + len(tried))
    assert "sigma.json" in run.artifacts and not any("trial" in name for name in run.points)


@pytest.mark.slow
def test_figures_write_the_trials_where_a_method_has_them_and_nowhere_else():
    plain = started().figures("tiny")
    assert paths.trials("tiny") not in plain.outputs and '"tried"' not in plain.text
    jobs = started({"scale": "trials", "scale_factor": 0.7})
    for name in ("isolated", "fedamp"):
        train.run(jobs.train("tiny", 0, name))
    train.run(jobs.l2("tiny", 0, "joint"))
    for number in (1, 2, 3):
        trial.run(jobs.trial("tiny", 0, "joint", number))
    sigma.run(jobs.sigma("tiny", 0, "joint"))
    for number in range(1, jobs.rounds("tiny", "joint") + 1):
        train.run(jobs.irls("tiny", 0, "joint", number))
    evaluate.run(jobs.evaluate("tiny", 0))
    drawn = jobs.figures("tiny")
    assert paths.trials("tiny") in drawn.outputs
    figures.run(drawn)
    read = read_trials("tiny")
    pd.testing.assert_frame_equal(read, trials_of("tiny", [0], ["joint"]), check_dtype=False)
    assert read.scale_factor.tolist() == SCALES and read.chosen.sum() == 1


def test_the_row_without_a_search_has_a_name_of_its_own():
    assert printed("joint_auto") == "joint (auto, experimental)"
