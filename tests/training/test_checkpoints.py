"""Checkpoints that do not belong to a job, or are damaged, are refused by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import begun, files_of, folder_with_data, jobs_of, joint_until, started

from jointnn.errors import UserError
from jointnn.io import paths, tensors
from jointnn.stages import evaluate, train
from jointnn.training import checkpoints
from jointnn.training.loop import learn


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def refused(job, message: str) -> None:
    with pytest.raises(UserError) as error:
        train.run(job)
    assert message in str(error.value), error.value
    assert not files_of(paths.round_("tiny", 0, "joint", job.round))


@pytest.mark.slow
def test_a_checkpoint_of_other_settings_is_refused():
    joint_until(0)
    job = jobs_of({"learning_rate": 0.01}).irls("tiny", 0, "joint", 1)
    refused(job, "runs/tiny/s0/joint/l2/state.safetensors belongs to another settings: it says ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "value"), [("architecture", "resnet"), ("round", "7"), ("seed", "3"), ("experiment", "huge")]
)
def test_a_checkpoint_of_another_job_is_refused_by_name(entry, value):
    job = joint_until(0).irls("tiny", 0, "joint", 1)
    path = "runs/tiny/s0/joint/l2/state.safetensors"
    arrays, header = tensors.read_tensors(path)
    tensors.write_tensors(path, arrays, {**header, entry: value})
    refused(job, f"{path} belongs to another {entry}: it says {value!r}, this job needs {header[entry]!r}.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a.pop("networks/even/conv2.0.weight"),
            "'conv2.0.weight' is missing there and (4, 2, 4, 4)",
        ),
        (
            lambda a: a.update({"networks/even/head.bias": np.zeros(7, np.float32)}),
            "'head.bias' is (7,) there",
        ),
        (
            lambda a: a.update({"networks/even/x": np.zeros(2)}),
            "'x' is (2,) there and unknown in this job's",
        ),
    ],
    ids=["missing", "another shape", "unknown"],
)
def test_a_checkpoint_of_another_architecture_is_refused(change, message):
    job = joint_until(0).irls("tiny", 0, "joint", 1)
    path = "runs/tiny/s0/joint/l2/state.safetensors"
    arrays, header = tensors.read_tensors(path)
    change(arrays)
    tensors.write_tensors(path, arrays, header)
    refused(job, f"{path}: the network of even has another architecture: {message}")


def refused_if_damaged(change: Callable[[bytes], bytes]) -> None:
    job = joint_until(0).irls("tiny", 0, "joint", 1)
    path = Path("runs/tiny/s0/joint/l2/state.safetensors")
    path.write_bytes(change(path.read_bytes()))
    refused(job, f"{path} is damaged: ")


@pytest.mark.parametrize("kept", [0, 5, 8, 300, 0.5, -1])
def test_a_truncated_checkpoint_is_refused(kept):
    refused_if_damaged(lambda old: old[: int(kept * len(old)) if isinstance(kept, float) else kept])


@pytest.mark.parametrize("at", [0, 7, 9, 40])
def test_a_checkpoint_with_a_damaged_head_is_refused(at):
    refused_if_damaged(lambda old: old[:at] + bytes([old[at] ^ 0xFF]) + old[at + 1 :])


def test_a_missing_checkpoint_is_refused_with_the_command_that_makes_it():
    job = joint_until(0).irls("tiny", 0, "joint", 1)
    Path("runs/tiny/s0/joint/l2/state.safetensors").unlink()
    refused(
        job, "state.safetensors could not be read: No such file or directory. Run the job that makes it"
    )


def test_evaluation_refuses_networks_of_other_settings():
    jobs = started(methods=["isolated"])
    train.run(jobs.train("tiny", 0, "isolated"))
    evaluate.run(jobs.evaluate("tiny", 0))
    other = jobs_of({"momentum": 0.5}, methods=["isolated"])
    with pytest.raises(UserError, match=r"isolated/state.safetensors belongs to another settings"):
        evaluate.run(other.evaluate("tiny", 0))


@pytest.mark.parametrize(
    "settings", [{}, {"optimiser": "adam", "schedule": "stalled", "patience": 1}], ids=str
)
def test_a_state_that_is_loaded_is_the_one_that_was_saved(settings):
    jobs = started(settings)
    trained, plan = begun(jobs.train("tiny", 0, "fedamp"))
    records = learn(trained.state, trained.setup, plan)
    for _ in range(5):
        next(records)
    checkpoints.save("here.safetensors", trained.state, {"experiment": "tiny"}, trained.setup.group)
    loaded, _ = begun(jobs.train("tiny", 0, "fedamp"))
    checkpoints.load("here.safetensors", loaded.state, {"experiment": "tiny"}, loaded.setup.group)
    assert loaded.state.numbers() == trained.state.numbers()
    before, after = trained.state.tensors(), loaded.state.tensors()
    assert before.keys() == after.keys() and trained.state.rounds
    assert all(torch.equal(before[name], after[name]) for name in before)
