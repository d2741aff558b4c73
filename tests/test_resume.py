"""Jobs that are killed, rounds as jobs, and checkpoints that do not belong: bytes are the measure."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from training_helpers import ROOT, files_of, folder_with_data, jobs_of, run_joint

from jointnn import files, paths, running
from jointnn.checkpoints import round_from_json, round_to_json
from jointnn.errors import UserError
from jointnn.experiment import trainer_of
from jointnn.phases import Progress, run_phases
from jointnn.rounds import couplings_of
from jointnn.running import distances_of, load_start
from jointnn.stages import evaluate, initialise, irls, l2, sigma, train

VARIANTS = {
    "sgd without momentum": {"momentum": 0.0, "weight_decay": 0.01},
    "adam": {"optimiser": "adam", "learning_rate": 0.01},
    "cosine and mix_every": {"schedule": "cosine", "mix_every": 3},
    "block coordinate": {"solver": "block_coordinate", "couple_head": True},
    "last parameters": {"average": False, "weighting": "geman_mcclure"},
}


class Killed(BaseException):
    """What stands for a kill in one process."""


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def started(settings: dict | None = None, **experiment):
    jobs = jobs_of(settings, **experiment)
    initialise.run(jobs.initialise("tiny", 0))
    return jobs


@contextmanager
def killed_after(monkeypatch, records: int):
    """The process ends right after the resume point of that many records was written."""

    @contextmanager
    def shown(trainer):
        left = iter(range(records - 1))

        def show() -> None:
            if next(left, None) is None:
                raise Killed

        yield show

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(running, "shown", shown)
        yield


def records_of(folder: str) -> int:
    table = pd.read_csv(f"{folder}/history.csv")
    return table.loc[table["metric"] == "learning_rate", "step"].nunique()


def interrupted(run, folder: str, monkeypatch, capsys, after=None) -> None:
    """Kill a job after some of its records (all by default) and go on: the bytes are equal."""
    run()
    whole = files_of(folder)
    for records in after or range(1, records_of(folder) + 1):
        for path in whole:
            Path(path).unlink()
        with killed_after(monkeypatch, records):
            run()
        assert not files_of(folder), "a job that was killed has written no outputs"
        capsys.readouterr()
        run()
        assert capsys.readouterr().out.startswith("Goes on from step ")
        assert files_of(folder) == whole
        assert not files_of(paths.RESUME), "the resume point is gone after the job"


def test_a_job_killed_after_any_record_continues_to_the_same_bytes(monkeypatch, capsys):
    job = started().train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys)
    # Inside and at the end of each phase: the L2 start ends at 4, the rounds at 6, 9 and 12.
    steps = pd.read_csv("runs/tiny/s0/fedamp/history.csv")["step"].unique()
    assert steps.tolist() == [2, 4, 6, 8, 9, 10, 12]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_job_continues_to_the_same_bytes(variant, monkeypatch, capsys):
    job = started(VARIANTS[variant]).train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys, after=[2, 4])


def test_a_killed_job_with_batch_norm_continues_to_the_same_bytes(monkeypatch, capsys):
    jobs = started(architecture="training_helpers:normed_conv", architecture_options={})
    job = jobs.train("tiny", 0, "fedamp")
    interrupted(lambda: train.run(job), "runs/tiny/s0/fedamp", monkeypatch, capsys, after=[2, 4])
    arrays, _ = files.read_tensors("runs/tiny/s0/fedamp/odd.safetensors")
    assert arrays["network/conv1.1.num_batches_tracked"] == 12


def test_a_killed_round_continues_to_the_same_bytes(monkeypatch, capsys):
    jobs = started()
    run_joint(jobs)
    job = jobs.irls("tiny", 0, 3)
    interrupted(lambda: irls.run(job), "runs/tiny/s0/joint/round_3", monkeypatch, capsys)


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
    files.write_json(settings, job)
    command = [sys.executable, "-m", "jointnn", "train", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
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
    ],
    ids=str,
)
def test_rounds_as_jobs_give_bit_for_bit_what_one_process_gives(settings):
    jobs = started(settings, architecture="training_helpers:normed_conv", architecture_options={})
    rounds = jobs.rounds("tiny")
    run_joint(jobs, rounds)
    job = jobs.irls("tiny", 0, rounds)
    trainer, plan = trainer_of(job)
    load_start(trainer, job)
    progress = Progress()
    run_phases(trainer, plan, plan.phases, progress, restart=lambda: load_start(trainer, job))
    last = paths.round_("tiny", 0, rounds)
    for name, module in trainer.networks.modules.items():
        arrays, _ = files.read_tensors(paths.network(last, name))
        for key, value in module.state_dict().items():
            np.testing.assert_array_equal(arrays[f"network/{key}"], value.numpy(), strict=True)
    weights = files.read_json(f"{last}/weights.json")
    assert {key: weights[key] for key in round_to_json(progress.found)} == round_to_json(progress.found)
    assert files.read_json(f"{last}/distances.json") == distances_of(trainer, plan, progress)
    folders = [paths.round_("tiny", 0, k) for k in range(rounds + 1)]
    kinds = ("history.csv", "test_history.csv")
    tables = pd.concat([pd.read_csv(f"{folder}/{kind}") for folder in folders for kind in kinds])
    written = {tuple(row) for row in tables[tables["metric"] != "delta"].to_numpy().tolist()}
    assert written == {tuple(row) for row in trainer.history}


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
    job = jobs.irls("tiny", 0, 1)
    trainer, plan = trainer_of(job)
    load_start(trainer, job)
    found = round_from_json(files.read_json("runs/tiny/s0/joint/round_1/weights.json"))
    phase = plan.phases[1]
    couplings = couplings_of(phase, plan, found, trainer.networks.coupled, trainer.settings)
    trainer.step = phase.start  # the order of the batches goes on
    trainer.run(couplings, phase.start, phase.end)
    arrays, _ = files.read_tensors("runs/tiny/s0/joint/round_1/odd.safetensors")
    own = trainer.networks.modules["odd"].state_dict()
    np.testing.assert_array_equal(arrays["network/conv2.0.weight"], own["conv2.0.weight"].numpy())


def joint_until(number: int, settings: dict | None = None):
    jobs = started(settings)
    run_joint(jobs, number)
    return jobs


def refused(job, message: str) -> None:
    with pytest.raises(UserError) as error:
        irls.run(job)
    assert message in str(error.value), error.value
    assert not files_of(paths.round_("tiny", 0, job["round"]))


def test_a_checkpoint_of_other_settings_is_refused():
    joint_until(0)
    job = jobs_of({"learning_rate": 0.01}).irls("tiny", 0, 1)
    refused(job, "runs/tiny/s0/l2/odd.safetensors belongs to another settings: it says ")


@pytest.mark.parametrize(
    ("entry", "value"), [("architecture", "resnet"), ("round", "7"), ("seed", "3"), ("experiment", "huge")]
)
def test_a_checkpoint_of_another_job_is_refused_by_name(entry, value):
    job = joint_until(0).irls("tiny", 0, 1)
    path = "runs/tiny/s0/l2/odd.safetensors"
    arrays, header = files.read_tensors(path)
    files.write_tensors(path, arrays, {**header, entry: value})
    refused(job, f"{path} belongs to another {entry}: it says {value!r}, this job needs {header[entry]!r}.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("network/conv2.0.weight"), "'conv2.0.weight' is missing there and (4, 2, 4, 4)"),
        (lambda a: a.update({"network/head.bias": np.zeros(7, np.float32)}), "'head.bias' is (7,) there"),
        (lambda a: a.update({"network/x": np.zeros(2)}), "'x' is (2,) there and unknown in this job's"),
    ],
    ids=["missing", "another shape", "unknown"],
)
def test_a_checkpoint_of_another_architecture_is_refused(change, message):
    job = joint_until(0).irls("tiny", 0, 1)
    path = "runs/tiny/s0/l2/even.safetensors"
    arrays, header = files.read_tensors(path)
    change(arrays)
    files.write_tensors(path, arrays, header)
    refused(job, f"{path} holds another architecture: {message}")


@pytest.mark.parametrize("kept", [0, 5, 8, 300, 0.5, -1])
def test_a_truncated_checkpoint_is_refused(kept):
    job = joint_until(0).irls("tiny", 0, 1)
    path = Path("runs/tiny/s0/l2/odd.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    refused(job, "runs/tiny/s0/l2/odd.safetensors is damaged: ")


@pytest.mark.parametrize("at", [0, 7, 9, 40])
def test_a_checkpoint_with_a_damaged_head_is_refused(at):
    job = joint_until(0).irls("tiny", 0, 1)
    path = Path("runs/tiny/s0/l2/odd.safetensors")
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    refused(job, "runs/tiny/s0/l2/odd.safetensors is damaged: ")


def test_a_missing_checkpoint_is_refused_with_the_command_that_makes_it():
    job = joint_until(0).irls("tiny", 0, 1)
    Path("runs/tiny/s0/l2/odd.safetensors").unlink()
    refused(job, "odd.safetensors could not be read: No such file or directory. Run the job that makes it")


def test_evaluation_refuses_networks_of_other_settings():
    jobs = started(methods=["isolated"])
    train.run(jobs.train("tiny", 0, "isolated"))
    evaluate.run(jobs.evaluate("tiny", 0))
    other = jobs_of({"momentum": 0.5}, methods=["isolated"])
    with pytest.raises(UserError, match=r"isolated/odd.safetensors belongs to another settings"):
        evaluate.run(other.evaluate("tiny", 0))


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(monkeypatch):
    files.write_json("folder/kept.json", {"old": 1})

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        UserError, match=r"kept.json could not be written: No space left on device. Nothing"
    ):
        files.write_json("folder/kept.json", {"new": 2})
    assert [str(path) for path in Path("folder").iterdir()] == ["folder/kept.json"]
    assert files.read_json("folder/kept.json") == {"old": 1}


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


def test_weights_stay_after_convergence_and_training_goes_on():
    joint_until(3, {"tolerance": 1.0})
    second, third = (files.read_json(paths.round_("tiny", 0, k) + "/weights.json") for k in (2, 3))
    assert second["converged"] and second["weights"] == third["weights"]
    before, after = (files.read_tensors(paths.round_("tiny", 0, k) + "/odd.safetensors")[0] for k in (2, 3))
    assert not np.array_equal(before["network/conv1.0.weight"], after["network/conv1.0.weight"])


def test_a_round_after_convergence_repeats_its_parents_files_without_torch():
    jobs = joint_until(2, {"tolerance": 1.0, "stop_when_converged": True})
    job = jobs.irls("tiny", 0, 3)
    files.write_json("job.json", job)
    code = (
        "import json, sys; from jointnn.stages import irls; irls.run(json.load(open('job.json')));"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    before, after = (paths.round_("tiny", 0, k) for k in (2, 3))
    assert {Path(p).name for p in files_of(after)} == {Path(p).name for p in files_of(before)}
    for name in ("odd", "even"):
        (old, old_header), (new, header) = (
            files.read_tensors(paths.network(f, name)) for f in (before, after)
        )
        assert old.keys() == new.keys()
        for key in old:
            np.testing.assert_array_equal(old[key], new[key], strict=True)
        changed = {key for key in header if header[key] != old_header[key]}
        assert changed == {"round", "settings"}
        assert (header["round"], header["settings"]) == ("3", files.digest(job))
    weights = [files.read_json(f"{folder}/weights.json") for folder in (before, after)]
    assert weights[1] == {**weights[0], "round": 3, "delta": 0.0}
    assert files.read_json(f"{after}/distances.json") == files.read_json(f"{before}/distances.json")
    for kind in ("history.csv", "test_history.csv"):
        assert Path(after, kind).read_text() == "step,split,dataset,metric,value\n"


def test_a_repeated_round_is_what_evaluation_and_a_process_that_stops_there_need():
    jobs = joint_until(3, {"tolerance": 1.0, "stop_when_converged": True, "rounds": 3})
    job = jobs.irls("tiny", 0, 3)
    trainer, plan = trainer_of(job)
    load_start(trainer, job)
    run_phases(trainer, plan, plan.phases, Progress())
    arrays, _ = files.read_tensors("runs/tiny/s0/joint/round_3/odd.safetensors")
    own = trainer.networks.modules["odd"].state_dict()
    np.testing.assert_array_equal(arrays["network/head.weight"], own["head.weight"].numpy())
    for name in ("isolated", "fedamp"):
        train.run(jobs.train("tiny", 0, name))
    evaluate.run(jobs.evaluate("tiny", 0))


def test_the_l2_start_is_the_same_job_whatever_comes_after_it():
    before = jobs_of().l2("tiny", 0)
    for settings in ({"rounds": 5}, {"weighting": "geman_mcclure"}, {"scale_factor": 2.0}):
        assert jobs_of(settings).l2("tiny", 0) == before
    l2.run(started().l2("tiny", 0))
    sigma.run(jobs_of({"scale_factor": 2.0}).sigma("tiny", 0))
    doubled = files.read_json(paths.sigma("tiny", 0))["sigma"]
    sigma.run(jobs_of().sigma("tiny", 0))
    assert doubled == [2 * value for value in files.read_json(paths.sigma("tiny", 0))["sigma"]]
    assert json.loads(Path(paths.sigma("tiny", 0)).read_text())["scale_factor"] == 1.0
