"""Rounds as jobs of their own: what one process gives, also after convergence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.tiny import (
    NORMED,
    adversarial,
    arrays_of,
    begun,
    files_of,
    folder_with_data,
    jobs_of,
    joint_until,
    run_joint,
    started,
)

from jointnn.io import files, paths
from jointnn.io.tensors import read_tensors
from jointnn.irls.rounds import Round
from jointnn.jobs.graph import Jobs
from jointnn.stages import evaluate, sigma, train
from jointnn.stages.run_training import distances_of
from jointnn.training.couplings import couplings_of
from jointnn.training.loop import learn


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimiser": "adam", "learning_rate": 0.01},
        {"solver": "block_coordinate", "weighting": "geman_mcclure", "schedule": "cosine"},
        {"start": "shareall", "shared_fraction": 0.25, "average": False},
        {"tolerance": 1.0},
        {"rounds": 1, "restart": True, "weighting": "median", "blocks": "single"},
        {"strength": {"half_life": 0}},
        {"scale_factor": "inf"},
        {"strength_decay": 0.5},
    ],
    ids=str,
)
def test_rounds_as_jobs_give_bit_for_bit_what_one_process_gives(settings):
    as_jobs_and_as_one_process(started(settings, **NORMED))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "began"])
def test_rounds_of_adversarial_networks_give_bit_for_bit_what_one_process_gives(name):
    as_jobs_and_as_one_process(adversarial(name))


def as_jobs_and_as_one_process(jobs: Jobs) -> None:
    rounds = jobs.rounds("tiny", "joint")
    run_joint(jobs, rounds)
    trained, plan = begun(jobs.irls("tiny", 0, "joint", rounds))
    for _ in learn(trained.state, trained.setup, plan):
        pass
    last = paths.round_("tiny", 0, "joint", rounds)
    for name, module in trained.networks.modules.items():
        arrays = arrays_of(last, name)
        for key, value in module.state_dict().items():
            np.testing.assert_array_equal(arrays[key], value.numpy(), strict=True)
        kept = arrays_of(last, name, "glimpses")
        assert len(kept) == len(trained.state.glimpses[name])
        for step, images in trained.state.glimpses[name].items():
            np.testing.assert_array_equal(kept[str(step)], images.numpy())
    found = trained.state.rounds[-1].to_json()
    weights = files.read_json(f"{last}/weights.json")
    assert {key: weights[key] for key in found} == found
    assert files.read_json(f"{last}/distances.json") == distances_of(trained.state, trained.setup, plan)
    folders = [paths.round_("tiny", 0, "joint", k) for k in range(rounds + 1)]
    kinds = ("history.csv", "test_history.csv")
    tables = pd.concat([pd.read_csv(f"{folder}/{kind}") for folder in folders for kind in kinds])
    assert {tuple(row) for row in tables.to_numpy().tolist()} == {tuple(row) for row in trained.history}


def test_a_restart_after_the_weights_are_known_begins_as_a_new_job_does():
    settings = {
        "rounds": 1,
        "restart": True,
        "weighting": "median",
        "blocks": "single",
        "schedule": "constant",
    }
    jobs = started(settings)
    run_joint(jobs, 1)
    trained, plan = begun(jobs.irls("tiny", 0, "joint", 1))
    found = Round.from_json(files.read_json("runs/tiny/s0/joint/round_1/weights.json"))
    phase = plan.phases[1]
    couplings = couplings_of(
        phase, plan, [found], trained.networks.coupled, trained.setup.strength, trained.settings
    )
    trained.state.step = phase.start  # the order of the batches goes on
    trained.descend(couplings, phase.start, phase.end)
    own = trained.networks.modules["odd"].state_dict()
    arrays = arrays_of("runs/tiny/s0/joint/round_1", "odd")
    np.testing.assert_array_equal(arrays["conv2.0.weight"], own["conv2.0.weight"].numpy())


@pytest.mark.slow
def test_weights_stay_after_convergence_and_training_goes_on():
    joint_until(3, {"tolerance": 1.0})
    second, third = (files.read_json(paths.round_("tiny", 0, "joint", k) + "/weights.json") for k in (2, 3))
    assert second["converged"] and second["weights"] == third["weights"]
    before, after = (arrays_of(paths.round_("tiny", 0, "joint", k), "odd") for k in (2, 3))
    assert not np.array_equal(before["conv1.0.weight"], after["conv1.0.weight"])


def test_a_round_after_convergence_repeats_the_networks_and_weights_of_the_one_before():
    jobs = joint_until(3, {"tolerance": 1.0, "stop_when_converged": True, "rounds": 4})
    job = jobs.irls("tiny", 0, "joint", 3)
    before, after = (paths.round_("tiny", 0, "joint", k) for k in (2, 3))
    assert {Path(p).name for p in files_of(after)} == {Path(p).name for p in files_of(before)}
    (old, old_header), (new, header) = (read_tensors(paths.state(folder)) for folder in (before, after))
    assert old.keys() == new.keys()
    for key in old:
        np.testing.assert_array_equal(old[key], new[key], strict=True)
    changed = {key for key in header if header[key] != old_header[key]}
    assert changed == {"round", "settings"}
    assert (header["round"], header["settings"]) == ("3", job.identity)
    weights = [files.read_json(f"{folder}/weights.json") for folder in (before, after)]
    assert weights[1] == {**weights[0], "round": 3, "delta": 0.0}
    assert files.read_json(f"{after}/distances.json") == files.read_json(f"{before}/distances.json")
    for kind in ("history.csv", "test_history.csv"):
        assert Path(after, kind).read_text() == "step,split,dataset,metric,value\n"


@pytest.mark.slow
def test_a_repeated_round_is_what_evaluation_and_a_process_that_stops_there_need():
    jobs = joint_until(3, {"tolerance": 1.0, "stop_when_converged": True, "rounds": 3})
    trained, plan = begun(jobs.irls("tiny", 0, "joint", 3))
    for _ in learn(trained.state, trained.setup, plan):
        pass
    own = trained.networks.modules["odd"].state_dict()
    arrays = arrays_of("runs/tiny/s0/joint/round_3", "odd")
    np.testing.assert_array_equal(arrays["head.weight"], own["head.weight"].numpy())
    for name in ("isolated", "fedamp"):
        train.run(jobs.train("tiny", 0, name))
    evaluate.run(jobs.evaluate("tiny", 0))


def test_the_l2_start_is_the_same_job_whatever_comes_after_it():
    before = jobs_of().l2("tiny", 0, "joint")
    for settings in ({"rounds": 5}, {"weighting": "geman_mcclure"}, {"scale_factor": 2.0}):
        assert jobs_of(settings).l2("tiny", 0, "joint") == before
    train.run(started().l2("tiny", 0, "joint"))
    sigma.run(jobs_of({"scale_factor": 2.0}).sigma("tiny", 0, "joint"))
    doubled = files.read_json(paths.sigma("tiny", 0, "joint"))["sigma"]
    sigma.run(jobs_of().sigma("tiny", 0, "joint"))
    assert doubled == [2 * value for value in files.read_json(paths.sigma("tiny", 0, "joint"))["sigma"]]
    assert json.loads(Path(paths.sigma("tiny", 0, "joint")).read_text())["scale_factor"] == 1.0


@pytest.mark.slow
def test_a_log_names_validation_only_where_something_was_measured(capsys):
    run_joint(started({"rounds": 3, "record_every": 4, "steps": 14}))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert all(line.strip() == line for line in lines)
    measured = [line for line in lines if "validation loss" in line]
    assert measured and all("validation" not in line for line in lines if line not in measured)
    assert len(measured) < len(lines)  # a round ended between two records
