"""Trials of a scale: each is a first round, and the best of them on validation decides for all rounds."""

from pathlib import Path

import pytest
import torch
from helpers.resume import interrupted
from helpers.tiny import NORMED, adversarial, folder_with_data, jobs_of, started

from jointnn.io import files, paths
from jointnn.irls.consistency import irls_weights, scales
from jointnn.jobs.costs import steps_of
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import TrialJob, job_of
from jointnn.methods.scale_trials import SHARES_WITH_NONE, factors_tried
from jointnn.methods.settings import MethodSettings
from jointnn.stages import attempt, initialise, sigma, train, trial
from jointnn.stages.build import build
from jointnn.stages.run_training import validation_means
from jointnn.tasks.measures import best_trial
from jointnn.terminal.words import which_of
from jointnn.training import checkpoints

TRIALS = {"scale": "trials", "scale_factor": 0.7, "weighting": "welsch"}


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def trials(jobs: Jobs) -> list[TrialJob]:
    return [jobs.trial("tiny", 0, "joint", number) for number in (1, 2, 3)]


@pytest.mark.slow
def test_the_best_trial_is_the_first_round_that_follows_to_the_last_bit():
    jobs = started(TRIALS, **NORMED)
    train.run(jobs.l2("tiny", 0, "joint"))
    for job in trials(jobs):
        trial.run(job)
        assert {path.name for path in Path(job.folder).iterdir()} == {"validation.json"}
    sigma.run(chosen := jobs.sigma("tiny", 0, "joint"))
    found = files.read_json(chosen.sigma)
    reached = [files.read_json(job.result)["validation"]["accuracy"] for job in trials(jobs)]
    assert [tried["scale_factor"] for tried in found["trials"]] == [torch.inf, 0.7, SHARES_WITH_NONE]
    assert found["scale_factor"] == [torch.inf, 0.7, SHARES_WITH_NONE][reached.index(max(reached))]
    train.run(first := jobs.irls("tiny", 0, "joint", 1))
    state, setup, _ = build(first)
    checkpoints.load(paths.state(first.folder), state, {}, setup.group)
    means = {measure.name: value for measure, value in validation_means(state, setup, ["accuracy"]).items()}
    assert means == found["trials"][reached.index(max(reached))]["validation"]


def test_the_scale_is_the_nearest_distance_times_the_factor_of_the_best_trial():
    jobs = started({**TRIALS, "blocks": "single"})
    train.run(jobs.l2("tiny", 0, "joint"))
    for job, reached in zip(trials(jobs), (0.5, 0.6, 0.4), strict=True):
        trial.run(job)
        files.write_json(job.result, {**files.read_json(job.result), "validation": {"accuracy": reached}})
    sigma.run(chosen := jobs.sigma("tiny", 0, "joint"))
    distances = files.read_json(f"{paths.round_('tiny', 0, 'joint', 0)}/distances.json")
    nearest = scales(torch.tensor(distances["distances_squared"], dtype=torch.float64))
    assert files.read_json(chosen.sigma)["sigma"] == pytest.approx((0.7 * nearest).tolist())


def test_networks_share_with_all_with_near_ones_or_with_none():
    every, near, none = factors_tried(MethodSettings.checked(**TRIALS))
    squared = torch.tensor([[[0.0, 1.0, 9.0], [1.0, 0.0, 9.0], [9.0, 9.0, 0.0]]], dtype=torch.float64)
    for weighting in ("paper", "geman_mcclure", "welsch"):
        weights = {
            factor: irls_weights(squared, factor * torch.ones(1, dtype=torch.float64), weighting)[0]
            for factor in (every, near, none)
        }
        assert (weights[every] == 1).all()
        assert weights[near][0, 1] > 2 * weights[near][0, 2] and weights[near][0, 1] > 0.1
        assert weights[none].triu(1).max() < 1e-5


def told(factor: float, value: float | None, best: str = "lowest") -> dict[str, object]:
    reached = {} if value is None else {"error": value}
    return {"scale_factor": factor, "decides": "error", "validation": reached, "best": {"error": best}}


@pytest.mark.parametrize(
    ("tried", "best"),
    [
        ([told(1, 0.3), told(2, 0.2), told(3, 0.4)], 2),
        ([told(1, 0.3, "highest"), told(2, 0.2, "highest"), told(3, 0.4, "highest")], 3),
        ([told(1, 0.3), told(2, 0.3), told(3, 0.3)], 1),
        ([told(1, None), told(2, 0.3), told(3, float("nan"))], 2),
        ([told(1, None), told(2, None), told(3, None)], 1),
    ],
    ids=["lowest", "highest", "equal", "diverged", "all diverged"],
)
def test_a_measure_says_itself_which_way_is_better_and_what_diverged_is_never_chosen(tried, best):
    assert tried[best_trial(tried)]["scale_factor"] == best


def test_trials_are_jobs_before_the_scale_and_change_no_l2_start():
    plain, jobs = started(), started(TRIALS)
    assert jobs.l2("tiny", 0, "joint") == plain.l2("tiny", 0, "joint")
    asked = jobs.inputs(jobs.sigma("tiny", 0, "joint"))
    for number, job in enumerate(trials(jobs), start=1):
        assert job.result in asked and job.record == f"runs/tiny/s0/joint/trial_{number}/settings.json"
        assert steps_of(job) == steps_of(jobs.irls("tiny", 0, "joint", 1))
        assert job.settings["scale_factor"] == ["Infinity", 0.7, SHARES_WITH_NONE][number - 1]
        assert which_of(job) == f"trial {number}, seed 0"
        assert job_of(job.model_dump(exclude_unset=True) | {"stage": "trial"}) == job
    assert not any(isinstance(job, TrialJob) for job in plain.of_experiment("tiny"))


def test_a_trial_that_diverges_is_an_answer_too():
    jobs = started({**TRIALS, "learning_rate": 1e6, "optimiser": "sgd"})
    begun = started(TRIALS)
    train.run(begun.l2("tiny", 0, "joint"))
    job = trials(jobs)[0].model_copy(update={"before": trials(begun)[0].before})
    trial.run(job)
    content = files.read_json(job.result)
    assert content["validation"] == {} and "diverged: the loss of" in content["diverged"]
    assert not Path(job.resume).exists()


@pytest.mark.slow
def test_a_game_whose_l2_start_diverged_has_no_scale_to_choose():
    jobs = adversarial("dcgan", {**TRIALS, "learning_rate": 1e5})
    train.run(jobs.l2("tiny", 0, "joint"))
    for job in trials(jobs):
        trial.run(job)
        assert "diverged: the loss of" in files.read_json(job.result)["diverged"]
    sigma.run(chosen := jobs.sigma("tiny", 0, "joint"))
    assert set(files.read_json(chosen.sigma)["sigma"]) == {torch.inf}


@pytest.mark.slow
def test_a_killed_trial_goes_on_to_the_same_bytes(monkeypatch, capsys):
    jobs = started(TRIALS)
    train.run(jobs.l2("tiny", 0, "joint"))
    job = trials(jobs)[1]
    interrupted(lambda: trial.run(job), job.folder, monkeypatch, capsys, after=[1])


@pytest.mark.slow
def test_a_point_of_a_search_makes_its_trials_itself_and_chooses_the_same():
    grid = {"search": {"joint": [TRIALS]}, "tuning_seed": 0}
    jobs = started(TRIALS, **grid)
    train.run(jobs.l2("tiny", 0, "joint"))
    for job in trials(jobs):
        trial.run(job)
    sigma.run(chosen := jobs.sigma("tiny", 0, "joint"))
    train.run(first := jobs.irls("tiny", 0, "joint", 1))
    initialise.run(jobs.search_start("tiny", 0))
    tried = jobs.attempt("tiny", 0, "joint", 0)
    attempt.run(tried)
    found = files.read_json(tried.result)["weights_of_rounds"][0]
    assert found == files.read_json(f"{first.folder}/weights.json")["weights"]
    assert files.read_json(chosen.sigma)["scale_factor"] in (torch.inf, 0.7, SHARES_WITH_NONE)
    assert not Path(tried.resume).exists() and not Path(tried.folder, "point_0").exists()


def test_a_measure_that_decides_nothing_makes_no_other_trial():
    one, two = (started(TRIALS, measures=measures) for measures in (["accuracy"], ["accuracy", "loss"]))
    assert [job.identity for job in trials(one)] == [job.identity for job in trials(two)]


def test_the_usual_scale_asks_for_no_trial():
    assert jobs_of().sigma("tiny", 0, "joint").trials == []
