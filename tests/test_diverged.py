"""A run of an adversarial game that diverged: kept, named in its log, in MLflow and in the table."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tables_helpers import cells
from tiny_helpers import adversarial, folder_with_data

from jointnn import files, paths
from jointnn.checkpoints import diverged
from jointnn.stages import collect, evaluate, figures, irls, l2, sigma, train
from jointnn.tracking.find import find_runs

WILD = {"learning_rate": 1e5}
FIGURES = [
    "figure_6_generated",
    "along_training",
    "convergence",
    "figure_2_sharing",
    "weights",
    "differences",
]


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    monkeypatch.chdir(path := folder_with_data())
    return path


def network(folder: str) -> dict[str, np.ndarray]:
    arrays, _ = files.read_tensors(paths.network(folder, "odd"))
    return {key: value for key, value in arrays.items() if key.startswith("network/")}


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def run_and_record(stage: ModuleType, job: dict[str, Any]) -> None:
    stage.run(job)
    files.write_json(paths.record(job), job)


def test_the_table_names_it_and_has_the_results_of_other_methods(folder, capsys):
    jobs = adversarial("began", tuned={"isolated": WILD, "joint": WILD}, figures=FIGURES)
    run_and_record(train, jobs.train("tiny", 0, "isolated"))
    assert "tiny, seed 0, isolated diverged: the loss of " in capsys.readouterr().out
    run_and_record(l2, jobs.l2("tiny", 0))
    run_and_record(sigma, jobs.sigma("tiny", 0))
    for number in (1, 2, 3):
        run_and_record(irls, jobs.irls("tiny", 0, number))
    run_and_record(train, jobs.train("tiny", 0, "fedamp"))
    evaluate.run(jobs.evaluate("tiny", 0))
    collect.run({**jobs.collect("tiny"), "measures": ["loss", "kernel_distance"]})
    table = (folder / "results/tiny/table.md").read_text()
    assert cells(table, "isolated") == cells(table, "joint") == ["X<sup>a</sup>"] * 3
    assert "<sup>a</sup> over 0 of 1 seeds; the run of seed 0 diverged: its log says where." in table
    assert "**" in cells(table, "fedamp")[0] and "X" not in "".join(cells(table, "fedamp"))
    figures.run(jobs.figures("tiny"))
    assert len(list((folder / "results/tiny/figures").glob("*.svg"))) == len(FIGURES)
    evidence, _ = files.read_tensors("results/tiny/s0/evidence.safetensors")
    assert {name.split("/")[0] for name in evidence} == {"fedamp"}
    runs = {run.method: run for run in find_runs(folder, "tiny")}
    assert {method: run.status for method, run in runs.items()} == {
        "isolated": "FAILED",
        "joint": "FAILED",
        "fedamp": "FINISHED",
    }
    assert runs["joint"].diverged.startswith("tiny, seed 0, joint diverged: the loss of ")


def test_its_networks_are_those_of_the_last_record():
    jobs = adversarial("dcgan", tuned={"isolated": WILD})
    train.run(jobs.train("tiny", 0, "isolated"))
    assert equal(network("runs/tiny/s0/isolated"), network("runs/tiny/s0/start"))
    assert diverged(paths.network("runs/tiny/s0/isolated", "even"))
    assert not diverged(paths.network("runs/tiny/s0/start", "even"))


def test_a_round_that_diverged_keeps_its_weights_and_nothing_is_trained_after_it():
    calm, wild = adversarial("began"), adversarial("began", tuned={"joint": WILD})
    l2.run(calm.l2("tiny", 0))
    sigma.run(calm.sigma("tiny", 0))
    first = {**wild.irls("tiny", 0, 1), "upstream": calm.irls("tiny", 0, 1)["upstream"]}
    irls.run(first)
    second = wild.irls("tiny", 0, 2)
    second["upstream"] = {**second["upstream"], "before": files.digest(first)}
    irls.run(second)
    assert not diverged(paths.network(paths.l2("tiny", 0), "odd"))
    for number in (1, 2):
        folder = paths.round_("tiny", 0, number)
        assert "joint diverged" in diverged(paths.network(folder, "odd"))
        assert equal(network(folder), network(paths.l2("tiny", 0)))
    irls.run(calm.irls("tiny", 0, 1))
    sound = files.read_json(f"{paths.round_('tiny', 0, 1)}/weights.json")
    irls.run(first)
    assert files.read_json(f"{paths.round_('tiny', 0, 1)}/weights.json")["weights"] == sound["weights"]
