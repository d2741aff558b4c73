"""Whether results that are there were made with other settings than the parameters say now."""

import pytest
from helpers.jobs import finish
from helpers.params import read

from jointnn.jobs.graph import Jobs
from jointnn.jobs.outdated import outdated_in_experiment, outdated_in_ratios

METHODS = "experiments.toy.methods"
RATIOS = {METHODS: ["isolated", "joint"]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(edits: dict) -> None:
    for job in Jobs(read(edits)).asked_for("toy"):
        if job.record.startswith(("runs/", "results/")):
            finish(job)


def outdated(edits: dict) -> list[str]:
    return outdated_in_experiment(read(edits), "toy")


def test_other_numbers_of_rounds_are_other_settings():
    run({})
    assert outdated({}) == []
    for rounds in (2, 4):
        assert "joint" in outdated({"experiments.toy.settings.rounds": rounds})


def test_what_a_dropped_method_left_says_nothing_of_those_that_were_run_again():
    run({METHODS: ["isolated", "finetune", "joint"]})
    fewer = {METHODS: ["l2reg", "joint"], "experiments.toy.train_images": 9}
    assert "train_images" in outdated(fewer)
    run(fewer)
    assert outdated(fewer) == []


def test_ratios_are_of_one_method_its_settings_and_its_seeds():
    jobs = Jobs(read(RATIOS))
    assert outdated_in_ratios(read(RATIOS), "toy") != []
    for job in (*jobs.halves("toy").values(), jobs.ratios("toy")):
        finish(job)
    assert outdated_in_ratios(read(RATIOS), "toy") == []
    assert outdated_in_ratios(read({**RATIOS, "experiments.toy.seeds": [0]}), "toy") == ["seeds"]
    stronger = {**RATIOS, "experiments.toy.settings.strength": {"half_life": 9}}
    assert "settings" in outdated_in_ratios(read(stronger), "toy")
    assert outdated_in_ratios(read({METHODS: ["isolated"]}), "toy") == ["methods"]
