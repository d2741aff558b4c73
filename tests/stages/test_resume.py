"""Jobs that are killed or find no room go on to the same bytes."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers.params import PROJECT
from helpers.resume import interrupted, killed_after
from helpers.tiny import NORMED, adversarial, arrays_of, files_of, folder_with_data, run_joint, started

from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.stages import train

VARIANTS = {
    "batched": {"batched": True},
    "sgd without momentum": {"momentum": 0.0, "weight_decay": 0.01},
    "adam": {"optimiser": "adam", "learning_rate": 0.01},
    "cosine and mix_every": {"schedule": "cosine", "mix_every": 3},
    "block coordinate": {"solver": "block_coordinate", "couple_head": True},
    "last parameters": {"average": False, "weighting": "geman_mcclure"},
}


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


@pytest.mark.slow
def test_a_job_killed_after_any_record_continues_to_the_same_bytes(monkeypatch, capsys):
    job = started().train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys)
    # Inside and at the end of each phase: the L2 start ends at 4, the rounds at 6, 9 and 12.
    steps = pd.read_csv("runs/tiny/s0/fedamp/history.csv")["step"].unique()
    assert steps.tolist() == [2, 4, 6, 8, 9, 10, 12]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_job_continues_to_the_same_bytes(variant, monkeypatch, capsys):
    job = started(VARIANTS[variant]).train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys, after=[2, 4])


@pytest.mark.slow
def test_a_killed_job_with_batch_norm_continues_to_the_same_bytes(monkeypatch, capsys):
    jobs = started(**NORMED)
    job = jobs.train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys, after=[2, 4])
    assert arrays_of("runs/tiny/s0/fedamp", "odd")["conv1.1.num_batches_tracked"] == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "began"])
@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_a_killed_adversarial_job_continues_to_the_same_bytes(name, solver, monkeypatch, capsys):
    job = adversarial(name, {"solver": solver}).train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys, after=[3, 5])
    table = pd.read_csv("runs/tiny/s0/fedamp/history.csv")
    rates = table.loc[table["metric"] == "learning_rate", "value"]
    # The convergence measure of BEGAN stalls here; the schedule goes on too.
    assert name == "dcgan" or rates.iloc[-1] < 0.002


@pytest.mark.slow
def test_a_killed_job_with_tied_layers_continues_to_the_same_bytes(monkeypatch, capsys):
    settings = {"optimiser": "adam", "tied": ["conv1", "conv2"], "couple_head": True}
    job = started(settings, methods=["jae", "joint"]).train("tiny", 0, "jae")
    interrupted(lambda: train.run(job), "runs/tiny/s0/jae", monkeypatch, capsys)
    odd, even = (arrays_of("runs/tiny/s0/jae", name) for name in ("odd", "even"))
    assert (odd["conv1.0.weight"] == even["conv1.0.weight"]).all()


@pytest.mark.slow
def test_the_optimizer_of_tied_layers_is_kept_once_and_that_of_a_finished_method_not_at_all(monkeypatch):
    settings = {"optimiser": "adam", "tied": ["conv1", "conv2"], "couple_head": True}
    job = started(settings, methods=["jae", "joint"]).train("tiny", 0, "jae")
    with killed_after(monkeypatch, 2):
        train.run(job)
    resume = paths.resume_of("runs/tiny/s0/jae/settings.json")
    odd, even = (arrays_of(resume, name, "optimizer") for name in ("odd", "even"))
    assert "exp_avg/conv1.0.weight" in odd and "exp_avg/conv1.0.weight" not in even
    assert "exp_avg/head.weight" in odd and "exp_avg/head.weight" in even
    train.run(job)
    assert not arrays_of("runs/tiny/s0/jae", "odd", "optimizer")


@pytest.mark.slow
def test_a_killed_round_continues_to_the_same_bytes(monkeypatch, capsys):
    jobs = started()
    run_joint(jobs)
    job = jobs.irls("tiny", 0, "joint", 3)
    interrupted(lambda: train.run(job), "runs/tiny/s0/joint/round_3", monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("average", [True, False])
def test_a_killed_job_under_a_falling_strength_continues_to_the_same_bytes(average, monkeypatch, capsys):
    jobs = started({"strength_decay": 0.5, "record_every": 1, "average": average})
    first, last = jobs.l2("tiny", 0, "joint"), jobs.irls("tiny", 0, "joint", 3)
    interrupted(lambda: train.run(first), paths.round_("tiny", 0, "joint", 0), monkeypatch, capsys)
    run_joint(jobs)
    interrupted(lambda: train.run(last), paths.round_("tiny", 0, "joint", 3), monkeypatch, capsys)


@pytest.mark.slow
def test_a_job_that_is_killed_twice_continues_to_the_same_bytes(monkeypatch):
    jobs = started()
    job = jobs.train("tiny", 0, "isolated")
    train.run(job)
    whole = files_of("runs/tiny/s0/isolated")
    for path in whole:
        Path(path).unlink()
    for _ in range(4):
        with killed_after(monkeypatch, 1):
            train.run(job)
    train.run(job)
    assert files_of("runs/tiny/s0/isolated") == whole


@pytest.mark.slow
def test_a_resume_point_of_other_settings_is_not_used(monkeypatch, capsys):
    with killed_after(monkeypatch, 3):
        train.run(started().train("tiny", 0, "isolated"))
    other = started({"momentum": 0.5}).train("tiny", 0, "isolated")
    capsys.readouterr()
    train.run(other)
    assert "Goes on" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_training_process_ended_by_sigkill_continues_to_the_same_bytes():
    jobs = started({"steps": 300, "record_every": 20})
    job = jobs.train("tiny", 0, "fedamp")
    folder = "runs/tiny/s0/fedamp"
    settings = Path(paths.SETTINGS, folder, "settings.json")
    files.write_atomically(settings, job.text.encode())
    command = [sys.executable, "-m", "jointnn", "train", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    history = Path(paths.RESUME, folder, "history.csv")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not history.exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not files_of(folder)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "Goes on from step " in again.stdout
    continued = files_of(folder)
    assert continued.pop(f"{folder}/settings.json") == settings.read_bytes()
    for path in continued:
        Path(path).unlink()
    Path(folder, "settings.json").unlink()
    train.run(job)
    assert files_of(folder) == continued


@pytest.mark.slow
def test_a_job_whose_disk_is_full_leaves_nothing_half_written_and_can_go_on(monkeypatch):
    job = started().train("tiny", 0, "isolated")
    before = files_of("runs")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"could not be written: File too large. Nothing was left half"):
            train.run(job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_of("runs") == before and not files_of(paths.RESUME)
    train.run(job)
