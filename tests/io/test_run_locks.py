"""Locks of runs: they end with their process, and what a killed run left locked goes with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.params import PROJECT

from jointnn.io import run_locks

HOLDS = """
import sys
from jointnn.io import run_locks
held = run_locks.hold(begins=sys.argv[1] == "begins")
print(held is not None, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def lock(tmp_path, monkeypatch) -> Path:
    """A lock that a run of Snakemake has left, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    file = Path(run_locks.OF_SNAKEMAKE, "0.input.lock")
    file.parent.mkdir(parents=True)
    file.touch()
    return file


@contextmanager
def process(kind: str) -> Iterator[None]:
    """Within it a process holds the lock; at its end it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, kind],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"True\n"
        yield
        started.kill()


@pytest.mark.parametrize("kind", ["begins", "a job of it"])
def test_what_is_locked_stays_while_a_run_or_a_job_of_it_lives_and_goes_after_a_kill(lock, kind):
    with process(kind):
        lock.touch()
        assert run_locks.are_at_work()
        with process("begins"):
            assert lock.exists(), "another process is at work"
    assert not run_locks.are_at_work()
    with process("begins"):
        assert not lock.exists()


def test_two_runs_hold_the_lock_together():
    with process("begins"), process("begins"):
        pass


def test_a_job_takes_nothing_away(lock):
    with process("a job of it"):
        assert lock.exists()


def test_snakemakes_locks_alone_tell_where_no_run_of_ours_was(lock):
    assert run_locks.are_at_work()
    lock.unlink()
    assert not run_locks.are_at_work()
