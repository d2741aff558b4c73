"""A project in a scratch folder, with a tiny experiment, and its engines: real processes throughout."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from helpers.params import write_files
from jointnn.io.yaml import from_yaml, to_yaml_blocks

ROOT = Path(__file__).parents[2]

PARAMS = """
default: [tiny]
datasets:
  usual: {source: optical_digits, part: 1/2, pool: 60}
  other: {source: optical_digits, part: 2/2, pool: 60, permute_labels: [3, 7, 0, 9, 1, 8, 2, 5, 4, 6]}
presets:
  default: {}
experiments:
  tiny:
    task: classification
    architecture: small_conv
    architecture_options: {width: 4}
    datasets: [usual, other]
    image_size: 16
    channels: 1
    train_images: 20
    validation_images: 20
    seeds: [0]
    methods: [isolated, l2reg, joint]
    figures: [figure_3_curves, weights]
    settings: {steps: 8, batch_size: 8, record_every: 4, rounds: 2, strength: {half_life: 3}}
    tuned:
      isolated: {learning_rate: 0.02}
"""
"""Parameters as one mapping, see helpers.params.write_files."""
DATA = {"fetch": 2, "prepare": 2}
START = {"initialise": 1}
ALONE = {"isolated": 1}
SIGMA_AND_ROUNDS = {"sigma": 1, "round 1": 1, "round 2": 1}
TOGETHER = {"l2reg": 1, "l2": 1, **SIGMA_AND_ROUNDS}
SHOWN = {"collect": 1, "figures": 1}
EVALUATED = {"evaluate": 1, **SHOWN}
SEED = {**START, **ALONE, **TOGETHER, "evaluate": 1}
"""All jobs of one seed."""
NOTHING = "Nothing to be done"


class Project:
    """A folder with the files of the working tree, under git, and tiny parameters in the place of ours."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def new(cls, root: Path, params: str | None = PARAMS) -> "Project":
        """A new one; without params it has those of the working tree."""
        listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
            if name and (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        project = cls(root)
        if params is not None:
            write_files(root, from_yaml(params))
            for name in from_yaml(params).get("experiments", {}):  # else the first call writes it, for DVC
                if not project.path(chosen := f"params/chosen/{name}.yaml").exists():
                    project.write(chosen, "tuned: {}\n")
        project.git("init", "--quiet", "--initial-branch=main")
        project.commit()
        return project

    def copy(self, root: Path) -> "Project":
        """The same with all that was made, the times of files included."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        return type(self)(root)

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def edit(self, name: str, before: str, after: str) -> None:
        text = self.path(name).read_text()
        assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {name}"
        self.path(name).write_text(text.replace(before, after))

    def settle(self, experiment: str = "tiny", **changes) -> None:
        """Change entries of an experiment's file; `settings` are merged."""
        file = f"params/experiments/{experiment}.yaml"
        chosen = from_yaml(self.path(file).read_text())
        changes["settings"] = {**chosen["settings"], **changes.get("settings", {})}
        chosen.update(changes)
        self.write(file, to_yaml_blocks(chosen))

    def shuffle_times(self) -> None:
        """Give all that was made any times in any order, some of the future, as a checkout may."""
        for path in sorted(self.root.glob("[dlrw]*/**/*")):
            then = random.Random(str(path)).randrange(1, 2_000_000_000)
            os.utime(path, (then, then))

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """A command in the project's folder, with this Python's programs, as leader of its own group."""
        bin_ = Path(sys.executable).parent
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"PATH": f"{bin_}{os.pathsep}{environment['PATH']}", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command and return its output, on both streams."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=900)
        assert (process.returncode != 0) == fails, f"{' '.join(command)}\n{output}"
        return output

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return self.run("git", *who, *arguments)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a step")

    def snakemake(self, *arguments: str, fails: bool = False) -> str:
        return self.run("snakemake", *arguments, fails=fails)

    def jobs(self, *arguments: str) -> Counter:
        """The jobs that snakemake runs, each by what it is; it must succeed."""
        return jobs_of(self.snakemake(*arguments))

    def dvc(self, *arguments: str, fails: bool = False) -> str:
        return self.run("dvc", *arguments, fails=fails)

    def content(self, *patterns: str) -> dict[str, bytes]:
        files = [path for pattern in patterns for path in self.root.glob(pattern) if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in sorted(files)}


def finished(factory: pytest.TempPathFactory) -> Project:
    """`tiny` after its first run, made once for all modules of tests; take a copy before changing it."""
    root = factory.getbasetemp() / "finished"
    if not root.exists():
        project = Project.new(root)
        first = project.snakemake()
        project.write("work/first_run.txt", first)
    return Project(root)


def wait_for(path: Path, process: "subprocess.Popen[str]", text: str = "") -> None:
    """Until a file is there and holds a text, while a process runs."""
    for _ in range(1200):
        if path.exists() and text in path.read_text():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


def end(process: "subprocess.Popen[str]", how: signal.Signals) -> str:
    """Send a signal to a process and all that it started, and give what it printed."""
    os.killpg(process.pid, how)
    return process.communicate(timeout=60)[0]


def jobs_of(output: str) -> Counter:
    """The jobs that were run, or would be (-n), by rule; a job that trains by its method or round.

    Those of other experiments than `tiny` are named with theirs: "figures of fewer".
    """
    return Counter(_named(told) for told in re.findall(JOB, output, flags=re.MULTILINE))


JOB = r"^(?:would run|\d\d:\d\d:\d\d +\d+/\d+)  (.+?)(?:  .*)?$"
"""A line of the terminal on a job: `would run  tiny: train isolated, seed 0   not made yet`."""


def _named(told: str) -> str:
    experiment, _, what = told.rpartition(": ")
    kind, *which = what.split(", ")
    rule, _, of = kind.partition(" ")
    name = {
        "initialise": "_".join(["initialise", *(one.removeprefix("for ") for one in which[:-1])]),
        "train": of,
        "irls": which[0] if which else "",
        "attempt": kind,
    }.get(rule, rule)
    return name if experiment in ("", "tiny") else f"{name} of {experiment}"
