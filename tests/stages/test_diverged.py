"""A run of an adversarial game that diverged: kept, named in its log, in MLflow and in the table."""

from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.jobs import altered
from helpers.tables import cells
from helpers.tiny import adversarial, arrays_of, folder_with_data
from helpers.tracking import STORE, runs_of

from jointnn.io import files, paths, tensors
from jointnn.io.tensors import diverged
from jointnn.irls import consistency
from jointnn.jobs.specs import Job
from jointnn.methods.settings import MethodSettings
from jointnn.reporting.tracking import import_runs
from jointnn.reporting.tracking.find import find_runs
from jointnn.stages import attempt, collect, evaluate, figures, initialise, sigma, train
from jointnn.tasks.generation import generation

WILD = {"learning_rate": 1e5}
METRIC = MethodSettings.model_fields["metric"].default
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
    return arrays_of(folder, "odd")


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def layer_distances(folder: str, layers: list[str]) -> list[list[list[float]]]:
    """Squared distances of the two networks of a folder, layer by layer, shape (L, 2, 2)."""
    odd, even = (arrays_of(folder, name) for name in ("odd", "even"))
    names = [[name for name in odd if name.startswith(f"{layer}.")] for layer in layers]
    values = [
        [torch.from_numpy(np.concatenate([each[name].ravel() for name in of])) for of in names]
        for each in (odd, even)
    ]
    stacked = [torch.stack(pair) for pair in zip(*values, strict=True)]
    return consistency.layer_distances_squared(stacked, METRIC).tolist()


def run_and_record(stage: ModuleType, job: Job) -> None:
    stage.run(job)
    files.write_atomically(job.record, job.text.encode())


@pytest.mark.slow
def test_the_table_names_it_and_has_the_results_of_other_methods(folder, capsys):
    jobs = adversarial("began", tuned={"isolated": WILD, "joint": WILD}, figures=FIGURES)
    run_and_record(train, jobs.train("tiny", 0, "isolated"))
    assert "tiny, seed 0, isolated diverged: the loss of " in capsys.readouterr().out
    run_and_record(train, jobs.l2("tiny", 0, "joint"))
    run_and_record(sigma, jobs.sigma("tiny", 0, "joint"))
    for number in (1, 2, 3):
        run_and_record(train, jobs.irls("tiny", 0, "joint", number))
    run_and_record(train, jobs.train("tiny", 0, "fedamp"))
    evaluate.run(jobs.evaluate("tiny", 0))
    collect.run(altered(jobs.collect("tiny"), measures=["loss", "kernel_distance"]))
    table = (folder / "results/tiny/table.md").read_text()
    assert cells(table, "isolated") == cells(table, "joint") == ["X<sup>a</sup>"] * 3
    assert "<sup>a</sup> over 0 of 1 seeds; the run of seed 0 diverged: its log says where." in table
    assert "**" in cells(table, "fedamp")[0] and "X" not in "".join(cells(table, "fedamp"))
    figures.run(jobs.figures("tiny"))
    assert len(list((folder / "results/tiny/figures").glob("*.svg"))) == len(FIGURES)
    assert files.read_table("results/tiny/figures/groups.csv").empty, "its weights say nothing"
    evidence, _ = tensors.read_tensors("results/tiny/s0/evidence.safetensors")
    assert {name.split("/")[0] for name in evidence} == {"fedamp"}
    runs = {run.method: run for run in find_runs(folder, "tiny")}
    assert {method: run.status for method, run in runs.items()} == {
        "isolated": "FAILED",
        "joint": "FAILED",
        "fedamp": "FINISHED",
    }
    assert runs["joint"].diverged.startswith("tiny, seed 0, joint diverged: the loss of ")


@pytest.mark.slow
def test_it_ends_as_if_its_budget_had_ended_at_the_last_record(monkeypatch):
    monkeypatch.setattr(generation, "explodes_above", 25.0)  # the losses of its first steps: 13 and 42
    wild = {"learning_rate": 1.0, "record_every": 1}
    train.run(adversarial("dcgan", {**wild, "steps": 1}).train("tiny", 0, "isolated"))
    one_step = network("runs/tiny/s0/isolated")
    assert not diverged(paths.state("runs/tiny/s0/isolated"))
    train.run(adversarial("dcgan", wild).train("tiny", 0, "isolated"))
    assert "at step 1 is " in diverged(paths.state("runs/tiny/s0/isolated"))
    assert equal(network("runs/tiny/s0/isolated"), one_step)
    assert not equal(one_step, network("runs/tiny/s0/start"))


@pytest.mark.slow
def test_a_point_of_the_search_is_no_result_and_nothing_of_it_is_measured():
    jobs = adversarial("dcgan", search={"isolated": {"learning_rate": [1e5]}})
    initialise.run(jobs.search_start("tiny", 1000))
    attempt.run(jobs.attempt("tiny", 1000, "isolated", 0))
    found = files.read_json("search/tiny/s1000/isolated/point_0.json")
    assert not found["validation"] and "isolated diverged: the loss of " in found["diverged"]


@pytest.mark.slow
def test_a_round_that_diverged_keeps_its_weights_and_nothing_is_trained_after_it():
    calm, wild = adversarial("began"), adversarial("began", tuned={"joint": WILD})
    train.run(calm.l2("tiny", 0, "joint"))
    sigma.run(calm.sigma("tiny", 0, "joint"))
    first = altered(wild.irls("tiny", 0, "joint", 1), before=calm.irls("tiny", 0, "joint", 1).before)
    train.run(first)
    second = wild.irls("tiny", 0, "joint", 2)
    train.run(altered(second, before={**second.before, "before": first.known}))
    assert not diverged(paths.state(paths.round_("tiny", 0, "joint", 0)))
    for number in (1, 2):
        folder = paths.round_("tiny", 0, "joint", number)
        assert "joint diverged" in diverged(paths.state(folder))
        assert equal(network(folder), network(paths.round_("tiny", 0, "joint", 0)))
        found = files.read_json(f"{folder}/distances.json")
        assert found["layer_distances_squared"] == layer_distances(folder, found["layers"])
    train.run(calm.irls("tiny", 0, "joint", 1))
    sound = files.read_json(f"{paths.round_('tiny', 0, 'joint', 1)}/weights.json")
    train.run(first)
    assert (
        files.read_json(f"{paths.round_('tiny', 0, 'joint', 1)}/weights.json")["weights"]
        == sound["weights"]
    )


@pytest.mark.slow
def test_a_restart_brings_no_run_back_that_diverged_before_it():
    once = {"rounds": 1, "restart": True, "weighting": "median"}
    calm, wild = adversarial("began", once), adversarial("began", once, tuned={"joint": WILD})
    train.run(wild.l2("tiny", 0, "joint"))
    sigma.run(wild.sigma("tiny", 0, "joint"))
    train.run(altered(calm.irls("tiny", 0, "joint", 1), before=wild.irls("tiny", 0, "joint", 1).before))
    before, after = paths.round_("tiny", 0, "joint", 0), paths.round_("tiny", 0, "joint", 1)
    sentence = diverged(paths.state(before))
    assert "diverged: the loss of " in sentence == diverged(paths.state(after))
    assert equal(network(after), network(before))


@pytest.mark.slow
def test_what_a_network_that_ended_does_wrong_is_named_in_mlflow(folder, monkeypatch):
    monkeypatch.setattr("jointnn.tasks.generation.ALIKE", 1e9)
    jobs = adversarial("dcgan")
    run_and_record(train, jobs.train("tiny", 0, "isolated"))
    import_runs(folder, ["tiny"], STORE)
    run = runs_of(SimpleNamespace(root=folder), "tiny")["isolated s0"]
    even, odd = run.data.tags["jointnn.alarms"].split("; ")
    assert even.startswith("the network of even makes images that hardly differ: ")
    assert odd.startswith("the network of odd makes images that hardly differ: ")
    assert run.info.status == "FINISHED"
