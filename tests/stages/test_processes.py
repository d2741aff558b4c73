"""Jobs whose networks are shared by processes: the same bytes, killed, resumed, refused in a sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.params import PROJECT
from helpers.ranks import in_group, write_settings
from helpers.resume import Killed
from helpers.tiny import NORMED, adversarial, files_of, folder_with_data, run_joint, started

from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.jobs.specs import TrainingJob, job_of
from jointnn.ranks import launch
from jointnn.stages import attempt, initialise, run_training, split_halves, train, trial

STAGES = {"train": train, "attempt": attempt, "split_halves": split_halves, "trial": trial}


@pytest.fixture(autouse=True)
def _in_a_folder_with_data(monkeypatch):
    monkeypatch.chdir(folder_with_data())


def run(job: TrainingJob) -> dict[str, bytes]:
    """Run a job; return its files, and take them away."""
    STAGES[job.stage].run(job)
    return taken(job)


def taken(job: TrainingJob) -> dict[str, bytes]:
    written = {name: Path(name).read_bytes() for name in job.made}
    for name in written:
        Path(name).unlink()
    assert not files_of(paths.RESUME)
    return written


def run_each(jobs: list[str]) -> None:
    """Run jobs in a rank, one after the other."""
    for text in jobs:
        job = job_of(json.loads(text))
        STAGES[job.stage].run(job)


def run_until_killed(text: str, records: int) -> None:
    """Run a job in a rank that ends after so many records."""
    inner = run_training.printed

    def shown(each, *_):
        for number, _ in enumerate(each, start=1):
            yield
            if number == records:
                raise Killed

    run_training.printed = shown
    try:
        run_each([text])
    except Killed:
        pass
    finally:
        run_training.printed = inner


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_jobs_of_every_stage_that_trains_write_the_bytes_of_one_process(size):
    jobs = started({"solver": "block_coordinate"}, search={"fedamp": {"learning_rate": [0.1]}})
    run_joint(jobs, 2)
    chosen = [jobs.split_halves("tiny", 0, "joint")]
    if size == 2:
        initialise.run(jobs.search_start("tiny", 100))
        chosen += [jobs.irls("tiny", 0, "joint", 3), jobs.trial("tiny", 0, "joint", 2)]
        chosen += [jobs.attempt("tiny", 100, "fedamp", 0)]
    expected = {job.record: run(job) for job in chosen}
    in_group(size, run_each, [job.settings_text for job in chosen])
    assert {job.record: taken(job) for job in chosen} == expected


@pytest.mark.slow
def test_an_adversarial_job_writes_the_bytes_of_one_process():
    job = adversarial("began").train("tiny", 0, "fedamp")
    expected = run(job)
    in_group(2, run_each, [job.settings_text])
    assert taken(job) == expected


@pytest.mark.slow
def test_a_killed_job_goes_on_with_more_or_fewer_processes_to_the_same_bytes(capsys):
    job = started({"optimiser": "adam", "learning_rate": 0.01}, **NORMED).train("tiny", 0, "fedamp")
    expected = run(job)
    in_group(2, run_until_killed, job.settings_text, 5)
    assert not any(Path(name).exists() for name in job.made)
    capsys.readouterr()
    assert run(job) == expected and capsys.readouterr().out.startswith("Goes on from step 9.")
    run_until_killed(job.settings_text, 5)
    in_group(2, run_each, [job.settings_text])
    assert taken(job) == expected


def test_the_number_of_processes_is_no_part_of_what_a_job_is():
    one, two = (started({"processes": count}).train("tiny", 0, "fedamp") for count in (1, 2))
    assert (two.text, two.identity, two.digest) == (one.text, one.identity, one.digest)
    assert '"processes": 2' in two.settings_text and "processes" not in one.settings_text
    assert (one.threads, one.gpus, two.threads, two.gpus) == (1, 1, 2, 2)


def processes(job: TrainingJob, environments: list[dict[str, str]]) -> list["subprocess.Popen[str]"]:
    """Calls of the command line for a job."""
    command = [sys.executable, "-m", "jointnn", "train", write_settings(job)]
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    return [
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]


def ranks_of(process: "subprocess.Popen[str]") -> dict[int, int]:
    """The processes that one has started, by rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    environments = {int(pid): Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in children}
    return {
        int(entry.removeprefix(b"RANK=")): pid
        for pid, entries in environments.items()
        for entry in entries
        if entry.startswith(b"RANK=")
    }


@pytest.mark.slow
def test_a_killed_rank_ends_the_job_with_a_sentence_and_ranks_of_srun_go_on_to_the_same_bytes():
    settings = {"steps": 300, "record_every": 20}
    job = started({**settings, "processes": 2}, **NORMED).train("tiny", 0, "fedamp")
    expected = run(job)
    (process,) = processes(job, [{}])
    history = Path(job.resume, "history.csv")
    while not history.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    os.kill(ranks_of(process)[1], signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said == (
        "error: Process 1 of 2 (from 0), which trains this job, was ended by SIGKILL. The system does that "
        "where memory is short. Call the same again: the job goes on from its last record.\n"
    )
    assert not any(Path(name).exists() for name in job.outputs)
    step = {
        "JOB_ID": str(os.getpid()),
        "STEP_NUM_TASKS": "2",
        "STEP_NODELIST": "localhost",
    }
    places = [{**step, "PROCID": rank, "LOCALID": rank} for rank in "01"]
    told = [{f"SLURM_{name}": value for name, value in place.items()} for place in places]
    tasks = processes(job, [{**environment, "GLOO_SOCKET_IFNAME": "lo"} for environment in told])
    first, second = (task.communicate(timeout=120) for task in tasks)
    assert first[1] == second[1] == "" and [task.returncode for task in tasks] == [0, 0]
    assert first[0].startswith("Goes on from step ") and second[0] == ""
    assert files.read_json(job.record) == json.loads(job.text)
    assert taken(job) == expected


@pytest.mark.slow
def test_a_job_that_torchrun_starts_by_hand_writes_the_bytes_of_one_process():
    job = started({"processes": 2}).train("tiny", 0, "fedamp")
    expected = run(job)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    done = subprocess.run(
        [*command, "-m", "jointnn", "train", write_settings(job)],
        env={**os.environ, "PYTHONPATH": path, "GLOO_SOCKET_IFNAME": "lo"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert taken(job) == expected


@pytest.mark.parametrize(
    ("nodes", "address"),
    [("localhost", "localhost"), ("node[07-09,12]", "node07"), ("a1,b2", "a1"), ("gpu-3", "gpu-3")],
)
def test_ranks_of_srun_meet_at_the_first_machine_at_a_port_of_the_job(nodes, address, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NODELIST", nodes)
    monkeypatch.setenv("SLURM_JOB_ID", "15003")
    assert launch._method() == f"tcp://{address}:15003"


def test_another_number_of_processes_than_the_settings_say_is_refused(monkeypatch):
    for name, value in {"STEP_NUM_TASKS": "3", "PROCID": "0", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    refusal = "There are 3 processes, but the settings of this job say processes: 2. Start 2, or set"
    with pytest.raises(UserError, match=refusal), launch.joined(2, "cpu"):
        pass
