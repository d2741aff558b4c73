"""The job that trains two halves of every dataset: what they learn, from where, and what it leaves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.resume import interrupted
from helpers.tiny import NORMED, adversarial, arrays_of, folder_with_data, jobs_of, run_joint, started

from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.irls.split_halves import split_half_ratios, within_datasets
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import SplitHalvesJob, job_of
from jointnn.stages import attempt, initialise, sigma, split_halves, train
from jointnn.stages.build import build, data_of, halves_of, start_of
from jointnn.training.loop import learn

NAMES = ["odd.1", "odd.2", "even.1", "even.2"]


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def halves(jobs: Jobs) -> SplitHalvesJob:
    return jobs.split_halves("tiny", 0, "joint")


def test_networks_of_halves_learn_all_images_together_from_the_common_start():
    job = halves(started())
    state, setup, plan = build(job)
    assert state.networks.names == list(setup.data) == NAMES
    assert [batches.batch_size for batches in setup.batches] == [2] * 4
    for dataset in job.datasets:
        whole = data_of(job, dataset, False, torch.device("cpu"))
        both = [setup.data[f"{dataset}.{half}"] for half in (1, 2)]
        assert all(len(half.train) == 10 and half.test is None for half in both)
        learned = torch.cat([half.train.images for half in both]).flatten(1).unique(dim=0)
        assert torch.equal(learned, whole.train.images.flatten(1).unique(dim=0))
        assert torch.equal(both[0].validation.images, whole.validation.images)
    saved, start = start_of(job), arrays_of("runs/tiny/s0/start", "even")
    for half in (1, 2):
        for key, value in start.items():
            np.testing.assert_array_equal(saved[f"networks/even.{half}/{key}"].numpy(), value)
    assert plan.end_of(job.until) == plan.phases[0].end < plan.phases[-1].end


def test_some_of_the_labels_are_halved_with_the_images():
    job = halves(jobs_of(task="transfer", measures=["accuracy"], labelled={"odd": 6, "even": 0}))
    for dataset, count in job.labelled.items():
        labels = [half.train.labels for half in halves_of(job, dataset, torch.device("cpu"))]
        assert [int((of_half[:10] >= 0).sum()) for of_half in labels] == [count // 2] * 2


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"start": "shareall", "shared_fraction": 0.25}], ids=str)
def test_the_job_leaves_ratios_that_follow_from_the_distances_that_it_leaves(settings):
    job = halves(started(settings, **NORMED))
    split_halves.run(job)
    names = {Path(file).name for file in job.outputs}
    assert {path.name for path in Path(job.folder).iterdir()} == names - {"settings.json"}
    distances, ratios = files.read_json(job.distances), files.read_json(job.ratios)
    assert distances["datasets"] == NAMES and ratios["datasets"] == ["odd", "even"]
    squared = torch.tensor(distances["layer_distances_squared"], dtype=torch.float64)
    found = torch.tensor(ratios["ratios"], dtype=torch.float64)
    torch.testing.assert_close(found, split_half_ratios(squared))
    assert found.shape == (len(ratios["layers"]), 2, 2) and (found >= 0.5).all()
    history = files.read_table(f"{job.folder}/history.csv")
    assert set(history.dataset) == {*NAMES, "all"} and set(history.split) == {"train", "validation"}
    state, setup, plan = build(job)
    state.put(start_of(job))
    for _ in learn(state, setup, plan, plan.end_of("l2")):
        pass
    assert history.value.tolist() == [row[-1] for row in state.history]


@pytest.mark.slow
def test_a_killed_job_goes_on_to_the_same_bytes(monkeypatch, capsys):
    job = halves(started())
    interrupted(lambda: split_halves.run(job), job.folder, monkeypatch, capsys)


def test_halves_that_are_one_network_have_no_ratio():
    split_halves.run(job := halves(started({"strength": {"half_life": 0}})))
    ratios = np.array(files.read_json(job.ratios)["ratios"], dtype=float)
    assert np.isnan(ratios[:, 0, 1]).all() and (ratios[:, 0, 0] == 1).all()


def test_halves_are_pulled_as_hard_as_whole_datasets_and_see_as_many_images():
    for strength in ({"half_life": 3}, {"lambda": 0.5}):
        jobs = started({"strength": strength, "optimiser": "sgd"})
        of_halves, of_whole = build(halves(jobs))[1], build(jobs.l2("tiny", 0, "joint"))[1]
        assert of_halves.strength * 4 == pytest.approx(of_whole.strength * 2)
        assert of_halves.settings.batch_size * 2 == of_whole.settings.batch_size


@pytest.mark.slow
def test_the_job_is_asked_for_by_a_figure_alone_and_changes_no_other_job():
    without, asking = started(), started(figures=["split_halves"])
    plain, asked = ({job.record: job for job in of.asked_for("tiny")} for of in (without, asking))
    new = asked.keys() - plain.keys()
    assert new == {
        "runs/tiny/s0/joint/halves/settings.json",
        "results/tiny/figures/split_halves.settings.json",
    }
    assert {record for record, job in plain.items() if job.text != asked[record].text} == set()
    ratios = without.ratios("tiny")
    assert ratios.text == asking.ratios("tiny").text
    assert "results/tiny/figures/split_halves.csv" in ratios.outputs
    assert "runs/tiny/s0/joint/halves/ratios.json" in without.inputs(ratios)
    assert {job.rule for job in without.in_order(ratios)} == {
        *("fetch", "prepare", "initialise", "split_halves", "ratios"),
    }
    job = halves(asking)
    assert job_of(job.model_dump(exclude_unset=True) | {"stage": "split_halves"}) == job


@pytest.mark.slow
def test_halves_of_a_game_that_diverged_have_no_ratios():
    job = halves(adversarial("dcgan", {"learning_rate": 1e5}))
    split_halves.run(job)
    content = files.read_json(job.ratios)
    assert content["ratios"] is None and "diverged: the loss of" in content["diverged"]


OF_HALVES = {"scale": "split_half", "scale_factor": 2.0}


@pytest.mark.slow
def test_the_scale_of_split_halves_comes_from_their_job_and_leaves_the_l2_start_as_it_is():
    jobs = started({**OF_HALVES, "blocks": "single"})
    split_halves.run(job := halves(jobs))
    train.run(jobs.l2("tiny", 0, "joint"))
    chosen = jobs.sigma("tiny", 0, "joint")
    assert job.distances in jobs.inputs(chosen)
    sigma.run(chosen)
    within = within_datasets(
        torch.tensor(files.read_json(job.distances)["layer_distances_squared"], dtype=torch.float64)
    )
    found = files.read_json(chosen.sigma)["sigma"]
    assert found == pytest.approx((2 * (within.mean(dim=1) / 2).sqrt()).tolist())
    train.run(first := jobs.irls("tiny", 0, "joint", 1))
    weights = files.read_json(f"{first.folder}/weights.json")
    assert weights["sigma"] == found
    assert jobs_of(OF_HALVES).l2("tiny", 0, "joint") == jobs_of().l2("tiny", 0, "joint")


@pytest.mark.slow
def test_a_point_of_a_search_trains_its_halves_itself_and_finds_the_same_weights():
    grid = {"search": {"joint": [OF_HALVES]}, "tuning_seed": 0}
    jobs = started(OF_HALVES, **grid)
    split_halves.run(halves(jobs))
    run_joint(jobs)
    initialise.run(jobs.search_start("tiny", 0))
    tried = jobs.attempt("tiny", 0, "joint", 0)
    attempt.run(tried)
    found = files.read_json(tried.result)
    expected = [files.read_json(f"{paths.round_('tiny', 0, 'joint', k)}/weights.json") for k in (1, 2, 3)]
    assert found["diverged"] is None
    assert found["weights_of_rounds"] == [of_round["weights"] for of_round in expected]
    assert not Path(tried.resume).exists() and not Path(tried.folder, "point_0").exists()


def test_halves_that_diverged_give_no_scale():
    jobs = started(OF_HALVES)
    split_halves.run(job := halves(jobs))
    train.run(jobs.l2("tiny", 0, "joint"))
    files.write_json(job.ratios, {**files.read_json(job.ratios), "diverged": "x diverged."})
    with pytest.raises(UserError, match=r"Halves of datasets give no scale. x diverged\."):
        sigma.run(jobs.sigma("tiny", 0, "joint"))


def test_the_usual_scale_stands_in_no_record():
    for job in jobs_of().of_experiment("tiny"):
        assert '"scale"' not in job.text
