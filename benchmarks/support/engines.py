"""A tiny project and calls of its engines: real processes, which are killed or run side by side."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.engine import Project

from support.mlflow_store import seen

MADE = ("data/**/*", "runs/**/*", "results/**/*", "dvc.lock", "params/chosen/*")
LOCKED = r"cannot be locked|is at work|is locked|Unable to acquire lock|has been busy|is busy"
"""Pattern of the message of a call that must wait for another one."""
SECONDS = 300
"""For what was killed to leave nothing behind."""


class Engine:
    """A command in a project, what it leaves undisturbed, and how long that takes.

    Args:
        project: in which the command has nothing done yet.
    """

    def __init__(self, project: Project, command: list[str]) -> None:
        self.begun, self.command = project, command
        self.project = self.fresh()
        start = time.perf_counter()
        assert not (said := self.call(self.project))[0], said[1]
        self.seconds = time.perf_counter() - start
        self.right = self.left()

    def fresh(self) -> Project:
        """Return the project as it was before the command."""
        place = self.begun.root.with_name("project")
        shutil.rmtree(place, ignore_errors=True)
        return self.begun.copy(place)

    def start(self) -> "subprocess.Popen[str]":
        """Begin the command, as leader of its own group."""
        process: subprocess.Popen[str] = self.project.start(*self.command)
        return process

    def call(self, project: Project) -> tuple[int, str]:
        """Run the command to its end; return its exit code and what it printed."""
        process = project.start(*self.command)
        said, _ = process.communicate(timeout=SECONDS)
        return process.returncode, said

    def left(self) -> Mapping[str, Any]:
        """Return the outputs of the command as bytes; for MLflow, the store as a person sees it."""
        if "track" in self.command:
            return seen(self.project.path("mlflow.db"))
        made: dict[str, bytes] = self.project.content(*MADE)
        return made

    def killed(self, draw: random.Random, kills: int) -> tuple[int, list[str]]:
        """Kill the command so many times, then type the same again until it ends well.

        Half of the kills are of all its processes, as a power cut; half of the one that was typed alone.

        Returns:
            How many of the kills came before its end, and what is wrong afterwards.
        """
        self.project, met = self.fresh(), 0
        for _ in range(kills):
            process = self.start()
            time.sleep(draw.uniform(0, self.seconds))
            met += process.poll() is None
            if draw.random() < 0.5:
                process.kill()
            else:
                _kill_group(process)
            process.communicate()
        return met, self.again()

    def again(self) -> list[str]:
        """Repeat the command until it ends well; return what is wrong with its outputs."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            code, said = self.call(self.project)
            if not code:
                return self.differing()
            if "Traceback" in said or not re.search(LOCKED, said):
                return [f"code {code}: {said[-1500:]}"]
            time.sleep(0.5)
        return [f"it is locked for more than {SECONDS} s: {said[-500:]}"]

    def differing(self) -> list[str]:
        """Return sentences on outputs that are missing, additional or other than undisturbed ones."""
        left = self.left()
        names = sorted(left.keys() | self.right.keys())
        return [f"{name} differs" for name in names if left.get(name) != self.right.get(name)]


def _kill_group(process: "subprocess.Popen[str]") -> None:

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def engines(folder: Path) -> dict[str, Engine]:
    """Return the engines of a new tiny project, by their commands."""
    begun = Project.new(_made(folder / "snakemake/begun"))
    found = {"snakemake": Engine(begun, ["snakemake", "--cores", "2"])}
    finished = found["snakemake"].project
    tracked = finished.copy(folder / "track/begun")
    fetched = finished.copy(folder / "fetch/begun")
    for file in fetched.root.glob("data/raw/usual/*"):
        file.unlink()
    settings = next(fetched.root.glob("work/settings/data/raw/usual/*.json")).relative_to(fetched.root)
    repro = Project.new(_made(folder / "dvc/begun"))
    found["dvc repro"] = Engine(repro, ["dvc", "repro", "--quiet"])
    found["track"] = Engine(tracked, ["python", "-m", "jointnn", "track"])
    found["fetch"] = Engine(fetched, ["python", "-m", "jointnn", "fetch", str(settings)])
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
