"""Where the CPU time of a whole run goes, by the kind of job: imports, reading, training, measuring.

A scratch copy of the project runs an experiment from nothing, the default one if none is named. Each job is
watched from its first to its last moment. Then the chain of `joint`, a job for each round, is compared with
the one job of `isolated`.
"""

import argparse
import json
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from support import ROOT, print_table
from support.project import called, copy_of_project

PHASES = ["start", "imports", "reading", "training", "measuring", "writing", "rest"]
TARGETS = {"digits": 2.6}
"""At most so many times the CPU time of `isolated` for the chain of `joint`, where rounds are short."""
TARGET = 1.35
"""For every other experiment."""
SECONDS = 28.0
"""Or at most so many seconds for the chain of `joint` on `digits`."""
BESIDE = {"split_halves", "trial"}
"""Jobs that lie in the folder of `joint` and are not of its chain: a figure asks for them, or a choice."""
WATCH = ROOT / "benchmarks/support/stopwatch"
WALL = 210.0
"""Seconds of the default run on two quiet cores."""
QUICK: dict[str, Any] = {
    "datasets": ["optical", "permuted_optical"],
    "groups": None,
    "seeds": [0],
    "methods": ["isolated", "joint"],
    "settings": {"steps": 8, "record_every": 8, "rounds": 1, "batch_size": 8},
}


@dataclass
class Spent:
    """Jobs of one kind, and their seconds of CPU time in each phase."""

    jobs: int = 0
    total: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, total: float, phases: dict[str, float]) -> None:
        """Take in another job."""
        self.jobs += 1
        self.total += total
        for name, seconds in phases.items():
            self.phases[name] += seconds

    def row(self, name: str, over: int = 1, target: str = "") -> list[str]:
        """Return the row of the table. The end of Python is the time that no phase has."""
        end = self.total - sum(self.phases.values())
        times = [*(self.phases[phase] for phase in PHASES), end, self.total]
        return [name, str(self.jobs // over), *(f"{seconds / over:.1f}" for seconds in times), target]


def project_at(folder: Path, commit: str) -> None:
    """Put the project at a commit into a folder; without a commit, the project as it is."""
    if not commit:
        copy_of_project(folder)
        return
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")


def change(folder: Path, experiment: str, changes: dict[str, Any]) -> None:
    """Change entries of an experiment in the scratch copy."""
    from jointnn.io.yaml import read_yaml, to_yaml

    file = folder / "params/experiments" / f"{experiment}.yaml"
    there = read_yaml(file)
    settings = {**there.get("settings", {}), **changes.get("settings", {})}
    file.write_text(to_yaml({**there, **changes, "settings": settings}))
    for heir in file.parent.glob("*.yaml"):  # what it has of this one may not go together any more
        if "groups" in changes and read_yaml(heir).get("extends") == experiment:
            heir.unlink()
    top = folder / "params.yaml"
    every = read_yaml(top)
    every["experiments"] = {**every["experiments"], experiment: there.get("extends") or experiment}
    top.write_text(to_yaml(every))  # what DVC versions has a target for its networks alone


def kind_of(arguments: Sequence[str]) -> str:
    """Return the name of a job in the table: irls, train isolated, evaluate."""
    stage, *rest = arguments
    if stage != "train":
        return stage
    folder = Path(rest[0]).parent
    if folder.name == "l2":
        return "l2"
    if folder.name.startswith("round_"):
        return "irls"
    return f"train {folder.name if folder.name == 'isolated' else 'others'}"


def told(times: Path, experiment: str) -> tuple[dict[str, Spent], dict[str, Spent]]:
    """Return the watched jobs by kind, and those of `isolated` and of the chain of `joint`."""
    kinds: dict[str, Spent] = defaultdict(Spent)
    chains: dict[str, Spent] = defaultdict(Spent)
    for file in sorted(times.glob("*.json")):
        job = json.loads(file.read_text())
        phases, kind = job["seconds"], kind_of(job["arguments"])
        if kind == "evaluate":  # it does nothing else
            phases["measuring"] = phases.pop("rest", 0.0)
        kinds[kind].add(job["total"], phases)
        folder = Path(job["arguments"][1]).parts
        for method in ("isolated", "joint"):
            if kind not in BESIDE and "runs" in folder and method in folder and experiment in folder:
                chains[method].add(job["total"], phases)
    return kinds, chains


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?", default="digits")
    parser.add_argument(
        "--commit", default="", help="run the project as it was then, for a before and after"
    )
    parser.add_argument("--methods", nargs="+", help="train these alone, and make no tables")
    parser.add_argument("--seeds", nargs="+", type=int, help="in the place of the experiment's own")
    parser.add_argument("--steps", type=int, help="a shorter budget")
    parser.add_argument("--quick", action="store_true", help="few and small jobs; the numbers mean little")
    asked = parser.parse_args()
    changes: dict[str, Any] = {"methods": asked.methods} if asked.methods else {}
    changes |= {"seeds": asked.seeds} if asked.seeds else {}
    changes |= {"settings": {"steps": asked.steps}} if asked.steps else {}
    changes |= QUICK if asked.quick else {}
    with tempfile.TemporaryDirectory() as scratch:
        folder, times = Path(scratch, "project"), Path(scratch, "times")
        folder.mkdir()
        times.mkdir()
        project_at(folder, asked.commit)
        change(folder, asked.experiment, changes)
        only_trained = bool(asked.methods or asked.quick)
        target = f"train_{asked.experiment}" if only_trained else asked.experiment
        watched = {"PYTHONPATH": str(WATCH), "JOINTNN_STOPWATCH": str(times)}
        run = called(folder, "-m", "snakemake", target, environment=watched)
        kinds, chains = told(times, asked.experiment)
    seeds = chains["isolated"].jobs
    ratio = chains["joint"].total / chains["isolated"].total
    most = TARGETS.get(asked.experiment, TARGET)
    blank = [""] * len(PHASES)
    whole = Spent()
    for spent in kinds.values():
        whole.add(spent.total, spent.phases)
    whole.jobs = sum(spent.jobs for spent in kinds.values())
    seconds = f"{SECONDS:g}" if asked.experiment == "digits" else ""
    rows = [
        *(spent.row(name) for name, spent in sorted(kinds.items(), key=lambda item: -item[1].total)),
        ["Snakemake itself", "", *blank, "", f"{run.processor - whole.total:.1f}", ""],
        ["the run, wall time", "", *blank, "", f"{run.wall:.1f}", f"{WALL:g}" if not only_trained else ""],
        chains["isolated"].row("isolated, each seed", seeds),
        chains["joint"].row("chain of joint, each seed", seeds, seconds),
        ["chain of joint / isolated", "", *blank, "", f"{ratio:.2f}", f"{most:g}"],
    ]
    columns = ["CPU time (s)", "jobs", *PHASES, "end", "all", "target"]
    print_table(f"A run of {asked.experiment}", columns, rows)


if __name__ == "__main__":
    main()
