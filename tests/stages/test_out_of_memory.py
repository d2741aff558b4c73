"""Training that finds too little memory: one sentence that names three settings, and it goes on."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers.tiny import files_of, folder_with_data, run_joint, started

from jointnn.__main__ import main
from jointnn.errors import refused
from jointnn.io import files, paths
from jointnn.jobs.specs import MEMORY_ALONE
from jointnn.methods.settings import MethodSettings
from jointnn.stages import train

FOLDER = "runs/tiny/s0/fedamp"
OF_CUDA = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which 1.20 "
    "GiB is free. Including non-PyTorch memory, this process has 6.58 GiB memory in use. See documentation."
)
NAMED = ("accumulate", "checkpoint_activations", "others_on_disk")


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


class Small(torch.autograd.graph.saved_tensors_hooks):
    """A memory without room for what a whole batch keeps for its gradient, once there is a first record.

    It raises what CUDA's allocator raises, in the forward pass of a network, where that would.
    """

    ROOM = 1300
    """Numbers: a batch of 4 keeps 1500, each half of it 1100, and under checkpointing it keeps 500."""

    def __init__(self) -> None:
        super().__init__(self.keep, lambda kept: kept)
        self.taken = 0

    def keep(self, kept: torch.Tensor) -> torch.Tensor:
        is_first = kept.shape[1:] == (1, 8, 8)  # the images: another forward pass begins
        self.taken = kept.numel() + (0 if is_first else self.taken)
        if (
            self.taken > self.ROOM
            and Path(paths.state(paths.resume_of(f"{FOLDER}/settings.json"))).exists()
        ):
            raise torch.OutOfMemoryError(OF_CUDA)
        return kept


def ends(job) -> int:
    """Return the exit code of a job as the workflow calls it, in a small memory."""
    files.write_atomically(Path(job.settings_file), job.settings_text.encode())
    with Small():
        return main(["train", job.settings_file])


@pytest.mark.slow
def test_a_gpu_out_of_memory_is_one_sentence_with_three_settings_and_the_job_goes_on(capsys):
    train.run(whole := started().train("tiny", 0, "fedamp"))
    expected = files_of(FOLDER)
    for path in expected:
        Path(path).unlink()
    assert ends(whole) == 1
    assert not files_of(FOLDER)
    said = capsys.readouterr().err
    assert said.startswith("error: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ")
    assert said.count("\n") == 1 and "documentation" not in said and all(name in said for name in NAMED)
    changed = started({"checkpoint_activations": True}).train("tiny", 0, "fedamp")
    assert ends(changed) == 0
    assert "Goes on from step 2." in capsys.readouterr().out
    made = files_of(FOLDER)
    assert made.pop(f"{FOLDER}/settings.json") == whole.text.encode() == changed.text.encode()
    assert made == {path: value for path, value in expected.items() if path in made}


@pytest.mark.slow
def test_accumulate_begins_the_job_anew_as_the_sentence_says(capsys):
    assert ends(started().train("tiny", 0, "fedamp")) == 1
    assert "accumulate: 2 halves a batch's memory too" in capsys.readouterr().err
    assert ends(started({"accumulate": 2}).train("tiny", 0, "fedamp")) == 0
    assert "Goes on" not in capsys.readouterr().out
    assert pd.read_csv(f"{FOLDER}/history.csv")["step"].min() == 2


@pytest.mark.slow
def test_networks_that_wait_on_disk_go_on_from_those_that_did_not_to_the_same_bytes(capsys):
    jobs = started()
    run_joint(jobs)
    expected, job = files_of("runs"), jobs.irls("tiny", 0, "joint", 3)
    on_disk = started({"others_on_disk": True, "checkpoint_activations": True})
    after = on_disk.irls("tiny", 0, "joint", 3)
    assert after.digest == job.digest and after.settings_text != job.settings_text
    for path in files_of(job.folder):
        Path(path).unlink()
    train.run(after)
    assert files_of("runs") == expected


def test_settings_of_memory_alone_change_no_record_and_no_identity():
    fields = MethodSettings.model_fields
    assert all(fields[name].default is False for name in MEMORY_ALONE)
    for name in ("isolated", "fedamp"):
        job = started().train("tiny", 0, name)
        for key in MEMORY_ALONE:
            other = started({key: True}).train("tiny", 0, name)
            assert other.settings[key] and other.text == job.text and other.identity == job.identity
        assert started({"accumulate": 2}).train("tiny", 0, name).text != job.text


def test_no_memory_for_a_tensor_on_the_cpu_is_the_same_sentence():
    with pytest.raises(RuntimeError) as found:
        torch.empty(1 << 60, dtype=torch.uint8)
    said = str(refused(found.value))
    assert "can't allocate memory" in said and all(name in said for name in NAMED) and "\n" not in said
    assert refused(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
