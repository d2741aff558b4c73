"""Runs are followed while they train, until they end or Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.params import PROJECT
from helpers.tracking import EVERY, STORE, begun, everything, everything_anew, runs_of, trained

from jointnn.reporting.tracking import follow


@pytest.fixture
def project(tmp_path):
    return trained(tmp_path)


@pytest.fixture
def running(tmp_path):
    return begun(tmp_path)


def train_slowly(project, seen):
    """All jobs of `joint`, each point a while after the one before; `seen` is set by the watcher."""
    time.sleep(0.5)
    for record, _, span in project.jobs(0):
        folder = Path(record).parent
        if span:
            for stop in range(span[0], span[1] + 1, EVERY):
                project.history(folder, span[0], stop, "work/resume")
                time.sleep(0.1)
            seen.wait(20)
        project.train(record, span)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_watching_follows_a_run_while_it_trains_and_ends_with_it(running):
    seen = threading.Event()
    lines, statuses = [], []

    def say(line):
        lines.append(line)
        runs = runs_of(running) if "new" in line else {}
        if "joint s0" in runs:
            statuses.append(runs["joint s0"].info.status)
            seen.set()

    training = threading.Thread(target=train_slowly, args=(running, seen))
    training.start()
    follow(running.root, ["digits"], STORE, 0.2, say)
    training.join()
    assert lines[0] == "Nothing has begun yet; waiting."
    assert statuses[0] == "RUNNING"
    assert statuses[-1] == "FINISHED"
    watched = everything(running)["joint s0"]
    at_once = everything_anew(running)["joint s0"]
    for name, points in at_once[2].items():
        expected = [(step, value) for step, _, value in points]
        assert [(step, value) for step, _, value in watched[2][name]] == expected
    assert watched[0] == at_once[0]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_watching_goes_on_while_snakemake_is_between_two_jobs(project):
    lock = project.root / ".snakemake/locks/0.input.lock"
    project.write(lock.relative_to(project.root), ["runs/digits"])
    ended = threading.Timer(1.0, lock.unlink)
    ended.start()
    lines = []
    follow(project.root, ["digits"], STORE, 0.1, lines.append)
    assert not lock.exists()
    assert len(lines) == 1


COMMAND = """
import argparse
from jointnn.stages.tools import track
parser = argparse.ArgumentParser()
track.add_arguments(parser)
track.main(parser.parse_args())
"""


@pytest.mark.slow
def test_the_command_prints_a_line_and_ends_quietly_with_ctrl_c(running):
    record, _, steps = running.jobs(0)[0]
    running.train(record, steps)
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    options = {"cwd": running.root, "env": {**os.environ, "PYTHONPATH": path}, "text": True}
    (running.root / "mlflow.db").unlink()  # made anew, which MLflow would tell at length
    command = [sys.executable, "-c", COMMAND, "digits"]
    once = subprocess.run(command, capture_output=True, check=True, timeout=240, **options)
    assert (once.stdout, once.stderr) == (
        "1 new, 0 changed, 0 as before; 1 of them still running\n",
        "",
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "--watch", "--interval", "0.2"], **pipes, **options) as watch:
        assert watch.stdout.readline().endswith("0 changed, 1 as before; 1 of them still running\n")
        watch.send_signal(signal.SIGINT)
        assert watch.communicate(timeout=20) == ("", "")
    assert watch.returncode == 0
